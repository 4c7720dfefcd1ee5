"""The walk over every record of an INPUT or of a FHIR server, one at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from adapter.cli.evaluate import MALFORMED, configured, wanted
from adapter.cli.outcome import DONE, SOME_FAILED, checked_as_of, say, unexpected
from adapter.cli.road import open_source, record_of
from adapter.errors import MissingError, RemoteError, UsageError
from adapter.fhir.client import FhirClient
from adapter.fhir.inputs import Share, read_input
from adapter.fhir.patients import every_patient, find_patients
from adapter.fhir.reading import read_patient
from adapter.normalize.records import Record, Records
from adapter.pipeline import Evaluator
from adapter.settings import Settings, load
from adapter.values import AsOf, parse_as_of

# A site whose code of HCC no table knows would otherwise look as if it had no such patient.
NOBODY_FOUND = (
    "; no Condition has a known code of HCC: --all-patients reads everybody, HCC_MAPPINGS adds the site's own codes"
)
UNFORESEEN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
# The record, and the name of the share of an INPUT that it was read from (empty: a server).
Visit = Callable[[Record, str], None]


def settings_for(source: str | None, server: str | None, overlay: Path | None, **flags: str | None) -> Settings:
    """The settings of a command that reads an INPUT or a server. Raises UsageError for both or neither."""
    given: Mapping[str, str | None] = {"fhir_server": server, "mappings": str(overlay) if overlay is not None else None}
    settings = load({**given, **flags})
    if source is not None and server is not None:
        raise UsageError("give an INPUT or --fhir-server, not both")
    if source is None and settings.fhir_server is None:
        raise UsageError("what should be read? give an INPUT (file, folder, -) or --fhir-server URL")
    return settings


class Walk:
    """One walk. `patients` were met, `failed` of them could not be visited; `code` is the command's exit code.

    `everybody`: every patient of a server, not only those with a known code of HCC.
    """

    def __init__(self, settings: Settings, as_of: str | None, everybody: bool = False) -> None:
        self.everybody = everybody
        self.settings = settings
        self.evaluator: Evaluator = configured(settings)
        self.as_of: AsOf = parse_as_of(checked_as_of(as_of, settings.time_zone), settings.time_zone)
        self.patients = self.failed = 0
        self.code = DONE

    def over(self, source: str | None, visit: Visit) -> None:
        """Visits every record; what cannot be read, or is malformed, is told on stderr and stops nothing else.

        Raises InputError when an INPUT cannot be read as a whole, RemoteError when the server cannot be used.
        """
        if source is None:
            self._server(visit)
        else:
            for share in read_input(source, sys.stdin.buffer if sys.stdin is not None else None):
                self._share(share, visit)
        if not self.patients:
            say(f"{source or self.settings.fhir_server}: no patient; nothing to count{self._why(source)}")

    def _why(self, source: str | None) -> str:
        return NOBODY_FOUND if source is None and not self.everybody else ""

    def _share(self, share: Share, visit: Visit) -> None:
        if share.trouble is not None:
            self._tell(share.trouble)
            return
        try:
            records = self.evaluator.records(share.entries, incomplete=share.incomplete)
        except UNFORESEEN as error:
            self._tell(f"{share.name}: failed: {unexpected(error)}; please report this line")
            return
        for record in wanted(records, share):
            self._one(f"{share.name}: {record.reference}", partial(_same, record), share.name, visit)
        if share.patient is None or not records.patients:
            self._orphans(records)

    def _server(self, visit: Visit) -> None:
        with open_source(self.settings) as client:
            everybody = self.everybody
            found, incomplete = (
                every_patient(client) if everybody else find_patients(client, self.evaluator.hcc_codings())
            )
            if incomplete:
                say(f"the search for patients may not be complete: {incomplete}")
            for identity in found:
                self._one(f"Patient/{identity}", partial(self._fetched, client, identity), "", visit)

    def _fetched(self, client: FhirClient, identity: str) -> Record:
        return record_of(self.evaluator, read_patient(client, identity))

    def _one(self, name: str, read: Callable[[], Record], part: str, visit: Visit) -> None:
        self.patients += 1
        try:
            record = read()
            visit(record, part)
            self._malformed(name, record)
        except MissingError:
            self.patients -= 1  # deleted since the search
        except RemoteError as error:
            self._lost(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - one patient's failure must not stop the others
            self._lost(f"{name}: failed: {unexpected(error)}; please report this line")

    def _malformed(self, name: str, record: Record) -> None:
        for rejected in record.accounts(self.as_of).rejected:
            if rejected.reason.startswith(MALFORMED):
                self._tell(f"{name}: {rejected.reference}: {rejected.reason} ({rejected.path})")

    def _orphans(self, records: Records) -> None:
        for orphan in records.orphans:
            if orphan.counts == "rejected":
                line = f"{orphan.reference}: {orphan.reason} ({orphan.path}); it can be given to no patient"
                (self._tell if orphan.reason.startswith(MALFORMED) else say)(line)

    def _lost(self, line: str) -> None:
        self.failed += 1
        self._tell(line)

    def _tell(self, line: str) -> None:
        say(line)
        self.code = SOME_FAILED


def _same(record: Record) -> Record:
    return record
