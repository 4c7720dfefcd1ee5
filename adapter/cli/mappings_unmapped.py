"""The commands that list what real data holds and the tables do not settle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import orjson

from adapter.cli.outcome import say, write
from adapter.cli.walking import Walk, settings_for
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.output.code_ledger import (
    OVERLAY_COLUMNS,
    Entry,
    as_csv,
    as_json,
    as_overlay,
    as_table,
    entries,
    overlay_table,
    suggestions_json,
)
from adapter.state import open_state
from adapter.state.unmapped import StrangerStore

HERE = "input"


def list_unmapped(
    source: str | None,
    server: str | None,
    *,
    form: str,
    as_of: str | None,
    overlay: Path | None,
    everybody: bool = False,
) -> int:
    """Prints the ledger; 1 when something was malformed, could not be read, or a patient failed."""
    walk = Walk(settings_for(source, server, overlay), as_of, everybody)
    found = _ledger(walk, source)
    if form == "json":
        said = {"source": source or walk.settings.fhir_server, "asOf": walk.as_of.text}
        write(orjson.dumps(as_json(found, **said, patients=walk.patients)) + b"\n")
    elif form == "csv":
        write(as_csv(found).encode())
    else:
        _table(found, walk, "every code and unit is known")
    return walk.code


def list_suggestions(
    source: str | None,
    server: str | None,
    *,
    form: str,
    table: str,
    as_of: str | None,
    overlay: Path | None,
    everybody: bool = False,
) -> int:
    """Prints likely targets of unknown codes; nothing is applied. The exit codes are those of the ledger.

    As CSV the rows of one `table`; that another table has rows too is told on stderr.
    """
    walk = Walk(settings_for(source, server, overlay), as_of, everybody)
    found = [entry for entry in _ledger(walk, source) if entry.suggestions]
    if form == "json":
        write(orjson.dumps(suggestions_json(found)) + b"\n")
    elif form == "csv":
        write(as_overlay(found, table).encode())
        _tell_others(found, table)
    else:
        _table(found, walk, "no unknown code is called like a concept")
    return walk.code


def _tell_others(found: Sequence[Entry], table: str) -> None:
    """What the rows of one table leave out."""
    for other in OVERLAY_COLUMNS:
        number = sum(overlay_table(entry) == other for entry in found)
        if number and other != table:
            say(f"not shown, rows for {other}.csv: {number}; give --table {other} to get them")
    unsure = sum(entry.suggested is None for entry in found)
    if unsure:
        say(f"not shown, lines with two equally likely concepts: {unsure}; --format table lists them, choose by hand")
    lost = sum(entry.suggested is not None and overlay_table(entry) is None for entry in found)
    if lost:
        say(f"not shown, lines without system and code: {lost}; no table can settle them, the source must send a code")


def _table(found: Sequence[Entry], walk: Walk, nothing: str) -> None:
    for line in as_table(found):
        write(f"{line}\n".encode("utf-8", "replace"))
    if walk.patients:
        write(f"{len(found)} lines over {walk.patients} patients\n".encode() if found else f"{nothing}\n".encode())


def _ledger(walk: Walk, source: str | None) -> tuple[Entry, ...]:
    """The ledger over everything that can be read; counts lie in a temporary database, so that memory stays flat."""
    with _temporary() as store:

        def put(record: Record, part: str) -> None:
            found = strangers(record, walk.as_of, walk.evaluator.terminology)
            if found:
                store.put(HERE, record.reference, found, walk.as_of.text, part)

        walk.over(source, put)
        # A single reading has no first and last sight.
        counts = (msgspec.structs.replace(one, first_seen=None, last_seen=None) for one in store.all(HERE))
        return entries(counts, walk.evaluator.terminology)


@contextmanager
def _temporary() -> Iterator[StrangerStore]:
    with (
        tempfile.TemporaryDirectory(prefix="hcc-adapter-") as folder,
        open_state(f"sqlite:///{Path(folder) / 'ledger.db'}") as state,
    ):
        yield state.strangers
