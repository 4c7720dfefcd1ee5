"""Nothing that is written moves with the day of the run: the same facts and verdicts give the same bytes tomorrow."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from adapter.fhir.documents import read_document
from adapter.guideline.model import Finding
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.pathway import planned, steps
from adapter.output.write_set import patient_bundle
from adapter.pipeline import Evaluator, evaluator
from adapter.sandbox.synthetic import synthetic_bundles
from tests.cases.facts import bundle_of, facts_of
from tests.test_cases import CASES, TOPICS

SITE = WriteSite("https://hcc-conversion.org/fhir", "0.1.0", "2024")
AT = "2024-05-01T10:00:00+00:00"
TODAY = date(2026, 11, 21)


def verdict(patient: EvaluatedPatient) -> object:
    """What was decided of everything that is written, and the state of each step, without a date or a number."""
    found = [f for f in patient.assessment.findings if planned(f) or f.kind == "issue"]
    states = [(step.code, step.status) for step in steps(patient.assessment)]
    return patient.assessment.phase, patient.hcc_condition, [_decided(f) for f in found], states


def _decided(finding: Finding) -> object:
    criteria = [(c.code, c.status, _codes(c.notes), c.evidence) for c in finding.criteria]
    told = (finding.code, finding.outcome, finding.severity, finding.cause, finding.preliminary)
    return told, _codes(finding.notes), criteria, finding.evidence


def _codes(notes: tuple[str, ...]) -> list[str]:
    return [note.partition(":")[0] for note in notes]


def written(configured: Evaluator, body: bytes, as_of: str) -> dict[str, tuple[object, dict[str, Any]]]:
    """Verdict and bundle of each patient."""
    records = configured.records(read_document(body, "bundle").entries, complete=True)
    found = [configured.evaluated(record, configured.as_of(as_of)) for record in records.patients]
    texts = configured.texts("en")
    return {p.assessment.patient: (verdict(p), patient_bundle(p, SITE, texts, AT)) for p in found}


@pytest.mark.parametrize("bundle", synthetic_bundles(TODAY), ids=lambda b: str(b["entry"][0]["resource"]["id"]))
def test_a_month_of_days_changes_nothing_that_no_verdict_changed(bundle: dict[str, Any]) -> None:
    body, configured = json.dumps(bundle).encode(), evaluator()
    days = [written(configured, body, (TODAY + timedelta(number)).isoformat()) for number in range(30)]
    compared = 0
    for today, tomorrow in pairwise(days):
        for patient, (decided, resources) in today.items():
            if tomorrow[patient][0] == decided:
                compared += 1
                assert tomorrow[patient][1] == resources
    assert compared > 0


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_the_day_after_each_specification_case_writes_the_same(topic: str) -> None:
    compared, moved = 0, []
    for case in (case for name, case in CASES if name == topic):
        body = json.dumps(bundle_of(facts_of(TOPICS[topic], case))).encode()
        configured = evaluator(edition=str(case.get("edition", "2024")))
        day = date.fromisoformat(str(case["as-of"])[:10])
        first = written(configured, body, day.isoformat())
        second = written(configured, body, (day + timedelta(1)).isoformat())
        for patient, (decided, resources) in first.items():
            if second[patient][0] == decided:
                compared += 1
                moved += [case["name"]] if second[patient][1] != resources else []
    assert moved == []
    assert compared > 0
