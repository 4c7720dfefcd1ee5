"""The commands that list what real data holds and the tables do not settle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import orjson

from adapter.cli.outcome import write
from adapter.cli.walking import Walk, settings_for
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.output.code_ledger import Entry, as_csv, as_json, as_overlay, as_table, entries, suggestions_json
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
    as_of: str | None,
    overlay: Path | None,
    everybody: bool = False,
) -> int:
    """Prints likely targets of unknown codes; nothing is applied. The exit codes are those of the ledger."""
    walk = Walk(settings_for(source, server, overlay), as_of, everybody)
    found = [entry for entry in _ledger(walk, source) if entry.suggestions]
    if form == "json":
        write(orjson.dumps(suggestions_json(found)) + b"\n")
    elif form == "csv":
        write(as_overlay(found).encode())
    else:
        _table(found, walk, "no unknown code is called like a concept")
    return walk.code


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
