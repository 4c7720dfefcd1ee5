"""The writes that bring one patient's results on the server to what the evaluation says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from adapter.errors import MissingError
from adapter.fhir.client import FhirClient
from adapter.fhir.reading import PatientRead
from adapter.output.comparison import content_hash, same
from adapter.output.detected_issue import NO_LONGER, RETRACTED, own_mitigation
from adapter.output.device import device
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names, result_system
from adapter.output.merging import closed_issue, ended_by_person, merged, revoked_plan, withdrawn
from adapter.output.provenance import as_update, provenance
from adapter.output.references import References
from adapter.output.report import report
from adapter.output.wordbook import Texts
from adapter.output.write_set import WITHOUT_PLAN, Change, WriteSet, pathway_provenance, renamed, write_set
from adapter.state.ledger import Ledger
from adapter.sync.holdings import Held, held_results, own_key, read_by_id, version_of
from adapter.sync.retraction import Sources, references_of, taken_back, traced_versions
from adapter.sync.targets import RESOURCES, Target, without_device
from adapter.sync.tracing import held_trace, trace_writes

Json = dict[str, Any]
GONE = "patient-gone"


class Situation(msgspec.Struct, frozen=True):
    """One patient before the write; `evaluated` None when the patient was deleted (`read` None) or merged away."""

    patient: str
    read: PatientRead | None
    evaluated: EvaluatedPatient | None
    site: WriteSite
    texts: Texts
    at: str

    @property
    def whole(self) -> bool:
        """Whether everything was read, so that absence means something."""
        return self.read is None or not self.read.incomplete

    @property
    def closing(self) -> str | None:
        """Why the plan has no place any more, None while it has."""
        if self.evaluated is None:
            return GONE
        phase = self.evaluated.assessment.phase
        return phase if phase in WITHOUT_PLAN else None


class Planner:
    """Compares one patient's results with what the target holds."""

    def __init__(self, target: Target, source: FhirClient, ledger: Ledger, situation: Situation) -> None:
        self._target, self._source, self._ledger, self._now = target, source, ledger, situation
        self._names = Names(situation.site, situation.patient)
        self._renames: dict[str, str] = {}

    def changes(self) -> list[Change]:
        """All writes in the order in which single ones must happen; empty when nothing changed. Raises RemoteError."""
        now, whole = self._now, self._target.sink == RESOURCES
        held = held_results(self._target.client, self._target.kinds, self._names.patient_key, now.site)
        if now.read is None and not held.by_key:
            raise MissingError(f"{now.patient} is not on the server, and nothing was ever written for it")
        wanted = None if now.evaluated is None else write_set(now.evaluated, now.site, now.texts, now.at)
        own_device = self._device()
        results = self._results(wanted, held) if whole else self._reported(wanted, held)
        twins = [Change({**twin, "status": "entered-in-error"}, True, version_of(twin)) for twin in held.twins]
        needed = [*results, *twins]
        return [self._fitted(change) for change in ([*own_device, *needed] if needed else [])]

    def _results(self, wanted: WriteSet | None, held: Held) -> list[Change]:
        plan = self._plan(wanted, held)
        opened = [change for issue in (wanted.issues if wanted else ()) for change in self._laid_over(issue, held)]
        trace = self._held_pathway_trace(held)
        closed = list(self._closings(wanted, held, traced_versions([trace] if trace else [])))
        return [*plan, *opened, *closed, *self._pathway_trace(wanted, held, trace)]

    def _plan(self, wanted: WriteSet | None, held: Held) -> list[Change]:
        if wanted is not None and wanted.plan is not None:
            return self._laid_over(wanted.plan, held)
        if not self._now.whole or self._now.closing is None:
            return []
        changes = []
        for _, current in held.of_type("CarePlan"):
            gone = self._sources(references_of(current), {}).gone
            revoked = revoked_plan(current, self._now.closing, self._now.site, self._references(gone))
            changes += [Change(revoked, True, version_of(current))] if revoked is not None else []
        return changes

    def _laid_over(self, desired: Json, held: Held) -> list[Change]:
        """The write that brings one result to what it should be; none when it already is, or a person ended it."""
        key = own_key(desired, self._now.site.canonical_base)
        current = held.by_key.get(key or "") or self._unindexed(desired)
        if current is None:
            return [self._target.creation(desired, key)]
        if current["id"] != desired["id"]:
            kind = desired["resourceType"]
            self._renames[f"{kind}/{desired['id']}"] = f"{kind}/{current['id']}"
        result = merged(self._fit(desired), current, self._now.site)
        if result is None or same(result, current, self._target.client.base) or self._as_sent(key, result, current):
            return []
        return [Change(result, True, version_of(current))]

    def _as_sent(self, key: str | None, result: Json, current: Json) -> bool:
        # A server that drops or rewrites an element would otherwise get the same content again on every run.
        line = self._ledger.line(self._target.client.base, key) if key else None
        if line is None or line.version is None:
            return False
        return line.version == version_of(current) and line.hash == content_hash(self._fit(result))

    def _unindexed(self, desired: Json) -> Json | None:
        # Searches may lag behind writes, and identifiers may have been removed: the id itself is asked for.
        if self._target.chooses_id(desired["resourceType"]):
            return None
        return read_by_id(self._target.client, desired["resourceType"], desired["id"])

    def _closings(self, wanted: WriteSet | None, held: Held, versions: Mapping[str, str]) -> Iterator[Change]:
        now = self._now
        still = {own_key(issue, now.site.canonical_base) for issue in wanted.issues} if wanted else set()
        for key, current in held.of_type("DetectedIssue"):
            if key in still or withdrawn(current):
                continue
            sources = self._sources(self._rested_on(current, held), versions)
            if any(own_mitigation(entry, now.site) for entry in current.get("mitigation", [])):
                # A crash between single writes may have lost the closing's Provenance; a transaction loses nothing.
                yield from [] if self._target.transactions else self._closing_trace(key, current, sources, fresh=False)
            elif sources.retracted or now.whole:
                reason = RETRACTED if sources.retracted or now.evaluated is None else NO_LONGER
                closed = closed_issue(current, reason, now.site, self._references(sources.gone), now.at)
                yield Change(closed, True, version_of(current))
                yield from self._closing_trace(key, current, sources, fresh=True)

    def _rested_on(self, issue: Json, held: Held) -> frozenset[str]:
        found = references_of(issue)
        if self._now.closing is not None:
            # Without the disease or the person nothing holds, so what the plan addressed is a source as well.
            found |= {ref for _, plan in held.of_type("CarePlan") for ref in references_of(plan)}
        return found

    def _closing_trace(self, key: str, current: Json, sources: Sources, *, fresh: bool) -> Iterator[Change]:
        """The Provenance of a closing."""
        now, identity = self._now, self._names.id("closing", key)
        about = f"DetectedIssue/{current['id']}"
        held = held_trace(self._target, identity, about, now.site)
        if held is not None and not fresh:
            return
        read = now.read.versions if now.read is not None else {}
        named = {ref: read.get(ref) for ref in references_of(current) | sources.retracted}
        references = self._references(sources.gone)
        made = provenance(identity, [about], named, now.site, references, now.at, removed=sources.retracted)
        yield from trace_writes(self._target, self._fit(as_update(made)), held, self._as_sent)

    def _held_pathway_trace(self, held: Held) -> Json | None:
        for _, result in [*held.of_type("CarePlan"), *held.of_type("DetectedIssue")]:
            about = f"{result['resourceType']}/{result['id']}"
            found = held_trace(self._target, self._names.id("provenance"), about, self._now.site)
            if found is not None or not self._target.chooses_id("Provenance"):
                return found
        return None

    def _pathway_trace(self, wanted: WriteSet | None, held: Held, current: Json | None) -> list[Change]:
        now = self._now
        if wanted is None or now.evaluated is None:
            return []
        sources: set[str] = set()
        targets: list[str] = []
        for result in self._open(wanted, held):
            kind = result["resourceType"]
            targets.append(f"{kind}/{result['id']}")
            sources |= wanted.plan_sources if kind == "CarePlan" else wanted.issue_sources[result["id"]]
        if not targets:
            return []
        made = pathway_provenance(now.evaluated, now.site, targets, sources, now.at)
        if current is None:
            current = held_trace(self._target, made["id"], targets[0], now.site)
        return list(trace_writes(self._target, self._fit(made), current, self._as_sent))

    def _open(self, wanted: WriteSet, held: Held) -> Iterator[Json]:
        """The results that we keep up to date: not those that a person ended or withdrew."""
        base = self._now.site.canonical_base
        for result in (wanted.plan, *wanted.issues):
            current = None if result is None else held.by_key.get(own_key(result, base) or "")
            ended = current is not None and (withdrawn(current) or ended_by_person(current, self._now.site))
            if result is not None and not ended:
                yield result

    def _reported(self, wanted: WriteSet | None, held: Held) -> list[Change]:
        now, kind = self._now, self._target.sink
        if wanted is None or now.evaluated is None:
            return []
        replaceable = self._target.replaces(kind)
        made = report(kind, wanted, now.evaluated, now.site, now.texts, now.at, replaceable=replaceable)
        return self._laid_over(made, held)

    def _device(self) -> list[Change]:
        """The write of our own Device, when it is not on the server or of another version."""
        if not self._target.takes("Device"):
            return []
        wanted = device(self._now.site)
        if not self._target.chooses_id("Device"):
            changes = self._laid_over(wanted, Held({}))
            if not changes or changes[0].existing:
                return changes
        # A server that takes our ids today may have chosen them when the Device was made.
        return self._laid_over(wanted, self._held_device(wanted))

    def _held_device(self, wanted: Json) -> Held:
        base = self._now.site.canonical_base
        key = own_key(wanted, base) or ""
        search = self._target.client.search("Device", [("identifier", f"{result_system(base)}|{key}")])
        found = [r.json() for r in search.resources if r.type == "Device"]
        return Held({key: min(found, key=lambda d: str(d["id"]))} if found else {})

    def _fit(self, resource: Json) -> Json:
        fitted: Json = renamed(resource, self._renames)
        return fitted if self._target.takes("Device") else without_device(fitted)

    def _fitted(self, change: Change) -> Change:
        return msgspec.structs.replace(change, resource=self._fit(change.resource))

    def _references(self, gone: Iterable[str]) -> References:
        return References(self._now.site, frozenset(gone))

    def _sources(self, references: Iterable[str], versions: Mapping[str, str]) -> Sources:
        found = taken_back(references, self._now.read, self._source, versions)
        if self._now.read is not None:
            return found
        return Sources(found.retracted | {self._now.patient}, found.gone | {self._now.patient})
