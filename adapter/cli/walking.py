"""The walk over every record of an INPUT or of a FHIR server, one at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from adapter.cli.evaluate import MALFORMED, configured, wanted
from adapter.cli.outcome import DONE, SOME_FAILED, checked_as_of, say, unexpected
from adapter.cli.road import open_source, record_of
from adapter.errors import MissingError, RemoteError, UsageError
from adapter.fhir.inputs import Share, read_input
from adapter.fhir.patients import find_patients
from adapter.fhir.reading import read_patient
from adapter.normalize.records import Record, Records
from adapter.pipeline import Evaluator
from adapter.settings import Settings, load
from adapter.values import AsOf, parse_as_of

UNFORESEEN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
Visit = Callable[[Record], None]


def settings_for(source: str | None, flags: Mapping[str, str | None]) -> Settings:
    """The settings of a command that reads an INPUT or a server. Raises UsageError for both or neither."""
    settings = load(flags)
    if source is not None and flags.get("fhir_server") is not None:
        raise UsageError("give an INPUT or --fhir-server, not both")
    if source is None and settings.fhir_server is None:
        raise UsageError("what should be read? give an INPUT (file, folder, -) or --fhir-server URL")
    return settings


class Walk:
    """One walk. `patients` were met, `failed` of them could not be visited; `code` is the command's exit code."""

    def __init__(self, settings: Settings, as_of: str | None) -> None:
        self.settings = settings
        self.evaluator: Evaluator = configured(settings)
        self.as_of: AsOf = parse_as_of(checked_as_of(as_of, settings.time_zone), settings.time_zone)
        self.patients = self.failed = 0
        self.code = DONE

    def over(self, source: str | None, visit: Visit) -> None:
        """Visits every record; what cannot be read is told on stderr and stops nothing else.

        Raises InputError when an INPUT cannot be read as a whole, RemoteError when the server cannot be used.
        """
        if source is None:
            self._server(visit)
        else:
            for share in read_input(source, sys.stdin.buffer if sys.stdin is not None else None):
                self._share(share, visit)
        if not self.patients:
            say(f"{source or self.settings.fhir_server}: no patient; nothing to count")

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
            self._one(f"{share.name}: {record.reference}", lambda record=record: record, visit)  # type: ignore[misc]
        if share.patient is None or not records.patients:
            self._orphans(records)

    def _server(self, visit: Visit) -> None:
        with open_source(self.settings) as client:
            found, incomplete = find_patients(client, self.evaluator.hcc_codings())
            if incomplete:
                say(f"the search for patients may not be complete: {incomplete}")
            for identity in found:
                self._one(
                    f"Patient/{identity}",
                    lambda identity=identity: record_of(self.evaluator, read_patient(client, identity)),  # type: ignore[misc]
                    visit,
                )

    def _one(self, name: str, read: Callable[[], Record], visit: Visit) -> None:
        self.patients += 1
        try:
            record = read()
            visit(record)
            self._malformed(name, record)
        except MissingError:
            self.patients -= 1  # deleted since the search
        except RemoteError as error:
            self._lost(f"{name}: {error}")
        except UNFORESEEN as error:
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
