"""Each judge finds what it is there for: wrong results, made by hand, are caught, and right ones pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.facts import bundle_of
from tests.safety import judging, properties, restating, spoiling, tables, taking
from tests.safety.patients import Json, Patient, assessed, corpus, synthetic

READY = next(p for p in synthetic() if p.name == "syn-06-ready-for-surgery at 2024-05-01")
FACTS: list[dict[str, Any]] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2024-04-01"}},
    {"liver": {"on": "2024-04-28"}},
    {"lab": {"code": "hemoglobin", "on": "2024-04-28", "value": 12.5, "unit": "g/dL"}},
    {"observation": {"code": "ecog_ps", "on": "2024-04-28", "value": 0}},
]
SMALL = Patient("small", bundle_of(FACTS), "2024-05-01")


def finding(assessment: Json, code: str) -> Json:
    """One finding."""
    found: Json = next(f for f in assessment["findings"] if f["code"] == code)
    return found


def criterion(assessment: Json, code: str, name: str) -> Json:
    """One criterion."""
    found: Json = next(c for c in finding(assessment, code)["criteria"] if c["code"] == name)
    return found


def mutated(assessment: Json, change: Callable[[Json], None]) -> Json:
    """A copy with one thing wrong."""
    wrong = copy.deepcopy(assessment)
    change(wrong)
    return wrong


@pytest.fixture(scope="module")
def ready() -> Json:
    """The assessment of a patient who is ready for surgery."""
    found = assessed(READY)[0]
    assert finding(found, "surgery.readiness")["outcome"] == "ready"
    return found


def test_a_criterion_that_missing_facts_made_met_is_caught(ready: Json) -> None:
    unknown = mutated(ready, lambda a: criterion(a, "surgery.readiness", "ecog-0-1").update(status="unknown"))
    found = list(judging.newly_met(unknown, ready))
    assert [str(change) for change in found] == ["surgery.readiness, criterion ecog-0-1: unknown -> met"]
    assert tables.not_covered([("Observation:ecog_ps", found[0])], tables.exceptions(), set())


def test_a_criterion_that_appears_met_in_a_reported_finding_is_caught(ready: Json) -> None:
    def without_ecog(assessment: Json) -> None:
        held = finding(assessment, "surgery.readiness")
        held["criteria"] = [c for c in held["criteria"] if c["code"] != "ecog-0-1"]

    found = [str(change) for change in judging.newly_met(mutated(ready, without_ecog), ready)]
    assert found == ["surgery.readiness, criterion ecog-0-1: not listed -> met"]


def test_a_criterion_that_is_no_longer_met_is_no_violation(ready: Json) -> None:
    unknown = mutated(ready, lambda a: criterion(a, "surgery.readiness", "ecog-0-1").update(status="unknown"))
    assert list(judging.newly_met(ready, unknown)) == []
    assert list(judging.newly_met(ready, ready)) == []


def test_a_favourable_outcome_that_an_unusable_value_left_standing_is_caught(ready: Json) -> None:
    def fallen(assessment: Json) -> None:
        finding(assessment, "surgery.readiness")["outcome"] = "indeterminate"
        criterion(assessment, "surgery.readiness", "ecog-0-1")["status"] = "unknown"

    without = mutated(ready, fallen)
    found = [str(change) for change in judging.left_standing(ready, ready, without, tables.favourable())]
    assert found == ["surgery.readiness: ready -> ready", "surgery.readiness, criterion ecog-0-1: met -> met"]
    assert list(judging.left_standing(ready, without, without, tables.favourable())) == []


def test_what_does_not_rest_on_the_kind_of_fact_may_stand(ready: Json) -> None:
    assert list(judging.left_standing(ready, ready, ready, tables.favourable())) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(phase="baseline"),
        lambda a: a["staging"]["cnlc"].update(value="Ib"),
        lambda a: a["course"].update(cycles=99),
        lambda a: a["findings"].pop(),
        lambda a: a["findings"].reverse(),
        lambda a: a["findings"][0].update(outcome="other"),
        lambda a: a["findings"][0].update(severity="critical"),
        lambda a: a["findings"][0].update(summary="another text"),
        lambda a: a["findings"][0]["evidence"].append("Observation/other"),
        lambda a: criterion(a, "surgery.readiness", "ecog-0-1").update(value=1),
        lambda a: criterion(a, "surgery.readiness", "ecog-0-1").update(at="2024-04-01"),
    ],
)
def test_any_difference_in_what_is_said_is_caught(ready: Json, change: Callable[[Json], None]) -> None:
    assert list(judging.differences(judging.shown(ready), judging.shown(mutated(ready, change))))


def test_the_order_of_evidence_and_a_reference_given_twice_are_no_difference(ready: Json) -> None:
    def told_otherwise(assessment: Json) -> None:
        evidence = finding(assessment, "surgery.readiness")["evidence"]
        evidence.reverse()
        evidence.append(evidence[0])

    assert list(judging.differences(judging.shown(ready), judging.shown(mutated(ready, told_otherwise)))) == []


@pytest.mark.parametrize("way", restating.WAYS)
def test_every_way_of_telling_changes_the_record(way: str) -> None:
    record, _ = restating.WAYS[way](SMALL)
    assert record != SMALL


@pytest.mark.parametrize("way", ["renamed", "told twice", "shifted"])
def test_what_is_not_mapped_back_is_caught(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = assessed(SMALL)
    assert list(properties.told_differently(SMALL, way, before)) == []
    told = restating.WAYS[way]
    monkeypatch.setitem(restating.WAYS, way, lambda patient: (told(patient)[0], restating.same))
    assert list(properties.told_differently(SMALL, way, before))


def test_a_wrong_factor_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    anaemia = {"lab": {"code": "hemoglobin", "on": "2024-04-28", "value": 70, "unit": "g/L"}}
    dose = {"dose": {"drug": "camrelizumab", "on": "2024-04-20"}}
    patient = Patient("anaemia", bundle_of([*FACTS[:2], dose, anaemia]), "2024-05-01")
    before = assessed(patient)
    assert list(properties.told_differently(patient, "converted", before)) == []
    table = {**restating.factors()["hemoglobin"]}
    table["g/dL"] *= 2
    monkeypatch.setattr(restating, "factors", lambda: {"hemoglobin": table})
    assert list(properties.told_differently(patient, "converted", before))


@pytest.mark.parametrize("form", spoiling.FORMS)
def test_every_form_of_an_unusable_value_is_refused(form: str) -> None:
    models = spoiling.models(SMALL)
    record = spoiling.spoiled(SMALL, models["hemoglobin"], form)
    assert record is not None
    assert f"Observation/{spoiling.SPOILED}" in {r["reference"] for r in assessed(record)[0]["rejected"]}


def test_an_unusable_value_that_is_not_listed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(spoiling.FORMS, "no-value", lambda resource: True)
    found = list(properties.unusable_is_never_favourable(SMALL, set()))
    assert "small: unusable hemoglobin (no-value): not listed in rejected" in found


def test_every_kind_of_fact_can_be_taken_and_nothing_else_goes() -> None:
    kinds = taking.kinds(SMALL)
    assert ("Observation", "hemoglobin") in kinds and ("Condition", "hcc") in kinds and ("Patient", "patient") in kinds
    for kind, about in kinds:
        assert len(taking.without_kind(SMALL, kind, about).entries) == len(SMALL.entries) - 1


@pytest.mark.parametrize("allowed", tables.exceptions(), ids=lambda one: f"{one.finding} {one.sentence[:40]}")
def test_every_exception_has_a_patient_who_needs_it(allowed: tables.Allowance) -> None:
    topic = "synthetic" if allowed.patient.startswith("syn-") else allowed.patient.partition(":")[0]
    patient = next(one for one in corpus(topic) if one.name == allowed.patient)
    used: set[tables.Allowance] = set()
    for _ in properties.poorer_is_never_better(patient, used):
        pass
    assert allowed in used
