"""One sync run as the commands start it: servers, state, evaluation, put together from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from adapter import __version__
from adapter.cli.evaluate import configured
from adapter.cli.outcome import checked_as_of
from adapter.errors import UsageError
from adapter.fhir.auth import Auth, FixedToken, NoAuth
from adapter.fhir.client import FhirClient
from adapter.fhir.documents import read_document
from adapter.fhir.origins import same_origin
from adapter.fhir.reading import PatientRead
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.pipeline import Evaluator
from adapter.settings import Settings
from adapter.settings.credential import own_credential
from adapter.state import State, open_state
from adapter.sync import SyncReport, sync_once
from adapter.sync.runs import Progress
from adapter.values import AsOf, parse_as_of

Evaluate = Callable[[PatientRead], EvaluatedPatient]


class Road:
    """The open servers and state of some settings; `as_of` None evaluates each run at its own present."""

    def __init__(
        self, settings: Settings, source: FhirClient, target: FhirClient | None, state: State, as_of: str | None
    ) -> None:
        self.settings = settings
        self.source = source
        self.target = target
        self.state = state
        self.evaluator = configured(settings)
        self._as_of = as_of

    def moment(self) -> AsOf:
        """The as-of of a run."""
        zone = self.settings.time_zone
        return parse_as_of(checked_as_of(self._as_of, zone), zone)

    def run(
        self, patients: Sequence[str] = (), *, dry_run: bool = False, progress: Progress | None = None
    ) -> SyncReport:
        """One sync. Raises RemoteError when the servers cannot be used."""
        settings, moment = self.settings, self.moment()
        return sync_once(
            self.source,
            self.target,
            self.state,
            lambda read: evaluated(self.evaluator, read, moment),
            site=self.write_site(),
            texts=self.evaluator.texts(settings.lang),
            hcc_codings=self.evaluator.hcc_codings(),
            patients=patients,
            dry_run=dry_run,
            progress=progress,
        )

    def write_site(self) -> WriteSite:
        """How results are written."""
        return WriteSite(
            canonical_base=self.settings.canonical_base,
            software=__version__,
            edition=self.settings.edition,
            source=self.source.base,
            elsewhere=self.target is not None and self.target.base != self.source.base,
            plan_active="plan-active" in self.settings.options,
        )


@contextmanager
def open_road(settings: Settings, as_of: str | None = None) -> Iterator[Road]:
    """The servers and the state while the block runs. Raises UsageError when no server is named."""
    if settings.fhir_server is None:
        raise UsageError("which FHIR server? give --fhir-server URL or set HCC_FHIR_SERVER")
    credential = own_credential(settings)
    source = FhirClient(settings.fhir_server, auth=credential)
    target = _target(settings, source, credential)
    try:
        with open_state(settings.state) as state:
            yield Road(settings, source, target, state, as_of)
    finally:
        for client in {source, target} - {None}:
            assert client is not None
            client.close()


@contextmanager
def open_source(settings: Settings) -> Iterator[FhirClient]:
    """The server that is read, while the block runs. Raises UsageError when none is named."""
    if settings.fhir_server is None:
        raise UsageError("which FHIR server? give --fhir-server URL or set HCC_FHIR_SERVER")
    client = FhirClient(settings.fhir_server, auth=own_credential(settings))
    try:
        yield client
    finally:
        client.close()


def record_of(evaluator: Evaluator, read: PatientRead) -> Record:
    """The record of a patient that a server gave."""
    parts = [
        b'{"fullUrl":"%s/%s","resource":%s}' % (read.base.encode(), (one.reference or one.type).encode(), one.body)
        for one in read.resources
    ]
    bundle = b'{"resourceType":"Bundle","type":"collection","entry":[%s]}' % b",".join(parts)
    records = evaluator.records(
        read_document(bundle, f"Patient/{read.id}").entries,
        complete=read.conditions_read,
        incomplete=read.incomplete,
        source_base=read.base,
    )
    return next(record for record in records.patients if record.reference == f"Patient/{read.id}")


def evaluated(evaluator: Evaluator, read: PatientRead, as_of: AsOf) -> EvaluatedPatient:
    """The assessment of a patient that a server gave, with the codes that the tables do not settle."""
    record = record_of(evaluator, read)
    found = evaluator.evaluated(record, as_of, read.versions)
    return msgspec.structs.replace(found, strangers=strangers(record, as_of, evaluator.terminology))


def _target(settings: Settings, source: FhirClient, credential: Auth) -> FhirClient | None:
    if settings.write_target is None:
        return None
    if settings.write_target == source.base:
        return source
    # A token is for one server: another one gets its own or none.
    same = same_origin(settings.write_target, source.base)
    own = FixedToken(settings.write_token) if settings.write_token else NoAuth()
    return FhirClient(settings.write_target, auth=credential if same else own)
