"""What the findings are declared to read is what they ask the timeline for and rest on, over all known patients."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from adapter.fhir.documents import read_document
from adapter.guideline.case import Case
from adapter.guideline.catalogue import EVALUATORS
from adapter.guideline.inputs import everything, inputs, readers
from adapter.guideline.phase import phase
from adapter.guideline.table import catalogue_rows
from adapter.guideline.thresholds import EDITIONS, load_thresholds
from adapter.pipeline import evaluator
from adapter.terminology import Terminology, load_terminology
from adapter.timeline.events import Event, Exposure, Plan
from adapter.timeline.timeline import Timeline, View
from adapter.values import AsOf
from tests.safety.patients import TOPICS, Patient, patients_of, synthetic

SILENT = {"deceased", "no-hcc"}
CODES = sorted({code for code, _ in catalogue_rows()})


class RecordingView(View):
    """A view that remembers which concepts and groups it was asked for."""

    def __init__(self, timeline: Timeline, as_of: AsOf, asked: set[str]) -> None:
        super().__init__(timeline, as_of)
        self._asked = asked

    def measurements(self, concept: str) -> Any:
        self._asked.add(concept)
        return super().measurements(concept)

    def coded(self, concept: str) -> Any:
        self._asked.add(concept)
        return super().coded(concept)

    def of_group(self, group: str) -> Any:
        self._asked.add(group)
        return super().of_group(group)

    def done(self, group: str) -> Any:
        self._asked.add(group)
        return super().done(group)

    def planned(self, group: str) -> Any:
        self._asked.add(group)
        return super().planned(group)

    def diagnosed(self, group: str) -> Any:
        self._asked.add(group)
        return super().diagnosed(group)

    def unusable_about(self, *keys: str) -> Any:
        self._asked.update(keys)
        return super().unusable_about(*keys)


class RecordingTimeline(Timeline):
    """A timeline whose views remember."""

    asked: set[str]

    def at(self, as_of: AsOf) -> View:
        return RecordingView(self, as_of, self.asked)


class Seen(NamedTuple):
    """Over all patients: what each evaluator asked for, its codes, and what the evidence of each code is about."""

    asked: dict[str, set[str]]
    codes: dict[str, set[str]]
    rested: dict[str, set[frozenset[str]]]


def every_patient() -> Iterator[Patient]:
    for topic in TOPICS:
        yield from patients_of(topic)
    yield from synthetic()


@cache
def seen() -> Seen:
    found = Seen(defaultdict(set), defaultdict(set), defaultdict(set))
    for patient in every_patient():
        _look(patient, found)
    return found


def _look(patient: Patient, found: Seen) -> None:
    configured = evaluator(edition=patient.edition, options=patient.options, time_zone=patient.zone)
    document = read_document(json.dumps(patient.bundle).encode(), patient.name)
    as_of = configured.as_of(patient.as_of)
    for record in configured.records(document.entries, complete=patient.complete).patients:
        given = record.timeline
        timeline = RecordingTimeline(
            given.person, given.events, given.unusable, given.conditions_read, given.incomplete
        )
        timeline.asked = set()
        if Case(timeline, as_of, configured.policy).once(phase) in SILENT:
            continue
        about = _about(given)
        for evaluate in EVALUATORS:
            timeline.asked = found.asked[evaluate.__module__]
            for finding in evaluate(Case(timeline, as_of, configured.policy)):
                found.codes[evaluate.__module__].add(finding.code)
                found.rested[finding.code].update(about[s] for s in finding.evidence if s in about)


def _about(timeline: Timeline) -> dict[str, frozenset[str]]:
    """Reference -> the concepts of its facts, usable or not."""
    found: dict[str, set[str]] = defaultdict(set)
    for event in timeline.events:
        found[event.source].add(_concept(event))
    for unusable in timeline.unusable:
        found[unusable.source].update(unusable.concepts)
    return {source: frozenset(concepts) for source, concepts in found.items() if concepts}


def _concept(event: Event) -> str:
    if isinstance(event, Exposure):
        return event.drug
    return event.what if isinstance(event, Plan) else event.concept


@cache
def terminology() -> Terminology:
    return load_terminology()


def expanded(names: Any) -> set[str]:
    """Names with the members of those that are groups."""
    return {*names, *(member for name in names for member in terminology().members(name))}


def test_every_code_of_the_catalogue_has_its_inputs_and_no_other() -> None:
    assert len(CODES) > 50
    assert sorted(inputs()) == CODES


def test_every_input_is_a_concept_or_a_group() -> None:
    named = {name for found in inputs().values() for name in found.reads} | set(everything())
    known = set(terminology().concepts) | {n for n in named if terminology().members(n) != frozenset((n,))}
    assert len(named) > 80
    assert named <= known


def test_every_freshness_limit_exists_in_every_edition() -> None:
    limits = {limit for found in inputs().values() for limit in found.reads.values() if limit}
    assert len(limits) > 10
    for edition in EDITIONS:
        thresholds = load_thresholds(edition)
        assert all(thresholds.has(*limit.split("/")) for limit in limits)


@pytest.mark.parametrize("code", CODES)
def test_the_evidence_of_a_finding_is_about_its_inputs(code: str) -> None:
    declared = expanded([*inputs()[code].reads, *everything()])
    strange = [sorted(concepts) for concepts in seen().rested[code] if concepts.isdisjoint(declared)]
    assert strange == []


def test_an_evaluator_asks_for_nothing_that_its_findings_do_not_declare() -> None:
    assert len(seen().asked) == len(EVALUATORS)
    for module, asked in seen().asked.items():
        declared = expanded([*everything(), *(n for code in seen().codes[module] for n in inputs()[code].reads)])
        left = {name for name in asked - declared if not terminology().members(name) <= declared}
        assert left <= {"ecog_ps"}, (module, sorted(left))  # death by ECOG, which phase reads for all


def test_what_is_declared_is_asked_for_or_rested_on() -> None:
    questions = terminology().questions.items()
    parts = {key for key, question in questions if question.reading in ("part", "lesion", "event")}
    unasked = {*parts, *terminology().members("extrahepatic_site"), "extrahepatic_site"}
    idle = {}
    for module, codes in seen().codes.items():
        known = expanded(seen().asked[module]) | {c for code in codes for cs in seen().rested[code] for c in cs}
        for code in codes:
            idle[code] = {n for n in {*inputs()[code].reads} - unasked if terminology().members(n).isdisjoint(known)}
    assert len(idle) == len(CODES)
    assert {code: sorted(names) for code, names in idle.items() if names} == {}


def test_the_readers_of_a_concept_are_the_findings_that_name_it_or_its_group() -> None:
    assert readers(terminology().groups("asa_class")) == ("mdt.review", "surgery.readiness")
    assert set(readers(terminology().groups("entecavir"))) == {"viral.hbv-antiviral"}
    assert readers(terminology().groups("sintilimab")) == tuple(CODES)
    assert readers(("no_such_concept",)) == ()
