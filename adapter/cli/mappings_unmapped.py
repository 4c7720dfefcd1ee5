"""The commands that list what real data holds and the tables do not settle."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import orjson

from adapter.cli.evaluate import MALFORMED, configured, wanted
from adapter.cli.outcome import DONE, SOME_FAILED, checked_as_of, say, unexpected, write
from adapter.cli.road import open_source, record_of
from adapter.errors import RemoteError, UsageError
from adapter.fhir.client import FhirClient
from adapter.fhir.inputs import Share, read_input
from adapter.fhir.patients import find_patients
from adapter.fhir.reading import read_patient
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.output.code_ledger import Entry, as_csv, as_json, as_overlay, as_table, entries, suggestions_json
from adapter.pipeline import Evaluator
from adapter.settings import Settings, load
from adapter.state import open_state
from adapter.state.unmapped import StrangerStore
from adapter.values import AsOf, parse_as_of

HERE = "input"


def list_unmapped(source: str | None, server: str | None, *, form: str, as_of: str | None, overlay: Path | None) -> int:
    """Prints the ledger; 1 when some input could not be read or some patient failed."""
    run = Listing(_settings(server, overlay, source), as_of)
    found = run.entries(source)
    if form == "json":
        said = {"source": source or run.settings.fhir_server, "asOf": run.as_of.text}
        write(orjson.dumps(as_json(found, **said, patients=run.patients)) + b"\n")
    elif form == "csv":
        write(as_csv(found).encode())
    else:
        _table(found, run, "every code and unit is known")
    return run.code


def list_suggestions(
    source: str | None, server: str | None, *, form: str, as_of: str | None, overlay: Path | None
) -> int:
    """Prints likely targets of unknown codes; nothing is applied."""
    run = Listing(_settings(server, overlay, source), as_of)
    found = [entry for entry in run.entries(source) if entry.suggestions]
    if form == "json":
        write(orjson.dumps(suggestions_json(found)) + b"\n")
    elif form == "csv":
        write(as_overlay(found).encode())
    else:
        _table(found, run, "no unknown code is called like a concept")
    return run.code


def _table(found: list[Entry] | tuple[Entry, ...], run: Listing, nothing: str) -> None:
    for line in as_table(found):
        write(f"{line}\n".encode("utf-8", "replace"))
    write(f"{len(found)} lines over {run.patients} patients\n".encode() if found else f"{nothing}\n".encode())


def _settings(server: str | None, overlay: Path | None, source: str | None) -> Settings:
    """Settings for an INPUT or a server. Raises UsageError for both or neither."""
    settings = load({"fhir_server": server, "mappings": str(overlay) if overlay is not None else None})
    if source is not None and server is not None:
        raise UsageError("give an INPUT or --fhir-server, not both")
    if source is None and settings.fhir_server is None:
        raise UsageError("what should be read? give an INPUT (file, folder, -) or --fhir-server URL")
    return settings


class Listing:
    """One reading of an input or a server; counts lie in a temporary database, so that memory stays flat."""

    def __init__(self, settings: Settings, as_of: str | None) -> None:
        self.settings = settings
        self.evaluator: Evaluator = configured(settings)
        self.as_of: AsOf = parse_as_of(checked_as_of(as_of, settings.time_zone), settings.time_zone)
        self.patients = 0
        self.code = DONE

    def entries(self, source: str | None) -> tuple[Entry, ...]:
        """The ledger over everything that can be read."""
        with _temporary() as store:
            if source is None:
                self._server(store)
            else:
                for share in read_input(source, sys.stdin.buffer if sys.stdin is not None else None):
                    self._share(share, store)
            if not self.patients:
                say(f"{source or self.settings.fhir_server}: no patient; nothing to list")
            # A single reading has no first and last sight.
            counts = (msgspec.structs.replace(one, first_seen=None, last_seen=None) for one in store.all(HERE))
            return entries(counts, self.evaluator.terminology)

    def _share(self, share: Share, store: StrangerStore) -> None:
        if share.trouble is not None:
            self._failed(share.trouble)
            return
        try:
            records = self.evaluator.records(share.entries, incomplete=share.incomplete)
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            self._failed(f"{share.name}: failed: {unexpected(error)}; please report this line")
            return
        for record in wanted(records, share):
            self._one(f"{share.name}: {record.reference}", partial(_same, record), share.name, store)
        if share.patient is None or not records.patients:
            for orphan in records.orphans:
                if orphan.counts == "rejected":
                    line = f"{orphan.reference}: {orphan.reason} ({orphan.path}); it can be given to no patient"
                    (self._failed if orphan.reason.startswith(MALFORMED) else say)(line)

    def _server(self, store: StrangerStore) -> None:
        """Every patient with HCC on the server. Raises RemoteError when the server cannot be used."""
        with open_source(self.settings) as client:
            found, incomplete = find_patients(client, self.evaluator.hcc_codings())
            if incomplete:
                say(f"the search for patients may not be complete: {incomplete}")
            for identity in found:
                self._one(f"Patient/{identity}", partial(self._fetched, client, identity), "", store)

    def _fetched(self, client: FhirClient, identity: str) -> Record:
        return record_of(self.evaluator, read_patient(client, identity))

    def _one(self, name: str, read: Callable[[], Record], part: str, store: StrangerStore) -> None:
        """One patient; a failure is told and stops no other."""
        self.patients += 1
        try:
            record = read()
            found = strangers(record, self.as_of, self.evaluator.terminology)
            for rejected in record.accounts(self.as_of).rejected:
                if rejected.reason.startswith(MALFORMED):
                    self._failed(f"{name}: {rejected.reference}: {rejected.reason} ({rejected.path})")
            if found:
                store.put(HERE, record.reference, found, self.as_of.text, part)
        except RemoteError as error:
            self._failed(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - one patient's failure must not stop the others
            self._failed(f"{name}: failed: {unexpected(error)}; please report this line")

    def _failed(self, line: str) -> None:
        say(line)
        self.code = SOME_FAILED


def _same(record: Record) -> Record:
    return record


@contextmanager
def _temporary() -> Iterator[StrangerStore]:
    with (
        tempfile.TemporaryDirectory(prefix="hcc-adapter-") as folder,
        open_state(f"sqlite:///{Path(folder) / 'ledger.db'}") as state,
    ):
        yield state.strangers
