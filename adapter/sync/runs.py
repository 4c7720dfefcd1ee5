"""One sync run: which patients, read, evaluate, compare, write, and what became of each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from adapter.errors import AdapterError, ConflictError, MissingError
from adapter.fhir.client import FhirClient, Written
from adapter.fhir.patients import find_patients
from adapter.fhir.reading import PatientRead, read_patient
from adapter.output.comparison import content_hash
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.provenance import trace_key
from adapter.output.wordbook import Texts
from adapter.output.write_set import Change
from adapter.state import State
from adapter.state.ledger import Line
from adapter.sync.holdings import held_patients, own_key
from adapter.sync.planning import Planner, Situation
from adapter.sync.targets import NOTHING, RESOURCES, Target, open_target

Evaluate = Callable[[PatientRead], EvaluatedPatient]
ATTEMPTS, PAUSE_SECONDS = 6, 0.2


class PatientOutcome(msgspec.Struct, frozen=True):
    """What became of one patient: `done` the writes (`create CarePlan`), or in a dry run those that would be.

    `error`: why the patient failed, None when it did not; `incomplete`: types that were not had in full.
    """

    patient: str
    done: tuple[str, ...] = ()
    evaluated: EvaluatedPatient | None = None
    incomplete: tuple[tuple[str, str], ...] = ()
    error: str | None = None


class SyncReport(msgspec.Struct, frozen=True):
    """A whole run; `sink` says where results went, `notes` what a person should know of the run."""

    outcomes: tuple[PatientOutcome, ...]
    sink: str
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def failed(self) -> tuple[PatientOutcome, ...]:
        """The patients that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def writes(self) -> int:
        """How many resources were written, or would be."""
        return sum(len(outcome.done) for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0, or 1 when a patient failed."""
        return 1 if self.failed else 0


Progress = Callable[[int, int, PatientOutcome], None]


def sync_once(
    source: FhirClient,
    target: FhirClient | None,
    state: State,
    evaluate: Evaluate,
    *,
    site: WriteSite,
    texts: Texts,
    hcc_codings: Iterable[tuple[str, str]] = (),
    patients: Sequence[str] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SyncReport:
    """Read, evaluate and write back every patient once; `patients` (ids) instead of all that concern us.

    `target` None writes nothing. `progress(number, of, outcome)` is called after each patient. One patient's failure
    is reported and stops no other; RemoteError is raised only when the servers as a whole cannot be used.
    """
    place = open_target(target, site.canonical_base)
    run = _Run(source, place, state, evaluate, site, texts, dry_run, clock)
    chosen, note = run.chosen(patients) if patients else run.everybody(tuple(hcc_codings))
    outcomes = []
    for number, patient in enumerate(chosen, start=1):
        outcomes.append(run.patient(patient))
        if progress is not None:
            progress(number, len(chosen), outcomes[-1])
    sink = NOTHING if place is None else place.sink
    notes = [*([note] if note else []), *_sink_notes(place)]
    return SyncReport(tuple(outcomes), sink, tuple(notes), dry_run)


class _Run:
    """The circumstances that all patients of a run share."""

    def __init__(
        self,
        source: FhirClient,
        target: Target | None,
        state: State,
        evaluate: Evaluate,
        site: WriteSite,
        texts: Texts,
        dry_run: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._source, self._target, self._state, self._evaluate = source, target, state, evaluate
        self._site, self._texts, self._dry_run, self._clock = site, texts, dry_run, clock
        self._named: set[tuple[str, str | None]] = set()

    def chosen(self, patients: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
        """The ids that were asked for, each once."""
        return tuple(dict.fromkeys(patient.removeprefix("Patient/") for patient in patients)), None

    def everybody(self, codings: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], str | None]:
        """Ids of all patients with HCC and of all for whom results are held, and what to say about the search."""
        found, incomplete = find_patients(self._source, codings)
        held: set[str] = set()
        if self._target is not None:
            held, lacking = held_patients(self._target.client, self._target.kinds, self._site)
            incomplete = incomplete or lacking
        note = f"the search for patients may not be complete: {incomplete}" if incomplete else None
        return tuple(sorted({*found, *(reference.partition("/")[2] for reference in held)})), note

    def patient(self, identity: str) -> PatientOutcome:
        """One patient from reading to writing; never raises what concerns this patient only."""
        reference = f"Patient/{identity}"
        try:
            read = self._read(identity)
            if read is not None and read.broken:
                return PatientOutcome(reference, incomplete=read.incomplete, error=_unwritten(read.broken))
            evaluated = None if read is None or read.merged_into is not None else self._evaluate(read)
            done = self._written(reference, read, evaluated)
            self._remember(reference, evaluated)
        except AdapterError as error:
            return PatientOutcome(reference, error=str(error))
        except Exception as error:  # noqa: BLE001 a defect in one patient's evaluation must not stop the others
            fault = f"{reference}: {type(error).__name__} in the evaluation: report this defect"
            return PatientOutcome(reference, error=fault)
        return PatientOutcome(reference, done, evaluated, read.incomplete if read is not None else ())

    def _read(self, identity: str) -> PatientRead | None:
        """The patient's resources, None when the patient is gone but results of ours are there."""
        try:
            return read_patient(self._source, identity)
        except MissingError:
            if self._target is None or self._target.sink != RESOURCES:
                raise
            return None

    def _remember(self, reference: str, evaluated: EvaluatedPatient | None) -> None:
        """Codes that the tables do not settle, as this record shows them now; a dry run is told them too."""
        at = self._clock().astimezone(UTC).isoformat(timespec="seconds")
        self._state.strangers.put(self._source.base, reference, evaluated.strangers if evaluated else (), at)

    def _written(self, reference: str, read: PatientRead | None, evaluated: EvaluatedPatient | None) -> tuple[str, ...]:
        if self._target is None or self._target.sink == NOTHING:
            return ()
        if self._dry_run:
            planned = self._changes(self._target, reference, read, evaluated)
            # What all patients share (the Device) would be written once.
            new = [c for c in planned if (c.resource["resourceType"], c.resource.get("id")) not in self._named]
            self._named.update((c.resource["resourceType"], c.resource.get("id")) for c in new if c.resource.get("id"))
            return tuple(map(_named, new))
        done: list[str] = []
        with self._state.locks.held(f"{self._target.client.base}|{reference}"):
            for attempt in range(1, ATTEMPTS + 1):
                changes = self._changes(self._target, reference, read, evaluated)
                try:
                    written = self._target.write(changes)
                except ConflictError as error:
                    if attempt == ATTEMPTS:
                        told = f"{error}: others keep writing this patient's results; run again"
                        raise ConflictError(told, error.status) from None
                    # Workers that met once would meet again if all waited equally long.
                    time.sleep(random.uniform(0, PAUSE_SECONDS * attempt))
                    continue
                self._note(reference, changes, written)
                done += map(_named, changes)
                # Where the server chooses ids, another worker may have made the same: look once more.
                if not any(change.assigned for change in changes):
                    break
        return tuple(done)

    def _changes(
        self, target: Target, reference: str, read: PatientRead | None, evaluated: EvaluatedPatient | None
    ) -> list[Change]:
        at = self._clock().astimezone(UTC).isoformat(timespec="seconds")
        situation = Situation(reference, read, evaluated, self._site, self._texts, at)
        return Planner(target, self._source, self._state.ledger, situation).changes()

    def _note(self, reference: str, changes: Sequence[Change], written: Sequence[Written]) -> None:
        assert self._target is not None
        for change, place in zip(changes, written, strict=True):
            resource = change.resource
            key = own_key(resource, self._site.canonical_base) or trace_key(resource, self._site) or resource["id"]
            line = Line(key, reference, place.type, place.id, place.version, content_hash(resource))
            self._state.ledger.note(self._target.client.base, line)


def _unwritten(broken: tuple[tuple[str, str], ...]) -> str:
    # What could not be read today is there tomorrow: results written in between would come and go.
    kinds = ", ".join(kind for kind, _ in broken)
    return f"{kinds} could not be read, so that nothing is written for this patient: run again"


def _named(change: Change) -> str:
    resource = change.resource
    kind = resource["resourceType"]
    codings = resource.get("code", {}).get("coding", []) if kind == "DetectedIssue" else []
    words = ["update" if change.existing else "create", kind, *(str(coding["code"]) for coding in codings[:1])]
    if resource.get("mitigation"):
        words.append("mitigated")
    if kind == "CarePlan" and resource["status"] != "draft":
        words.append(resource["status"])
    return " ".join(words)


def _sink_notes(target: Target | None) -> Iterator[str]:
    if target is None:
        yield "no write target is set: nothing was written"
    elif target.sink == NOTHING:
        yield f"{target.client.base} takes nothing that results can be written as: nothing was written"
    elif target.sink != RESOURCES:
        yield f"{target.client.base} takes no CarePlan and DetectedIssue: results go there as {target.sink}"
