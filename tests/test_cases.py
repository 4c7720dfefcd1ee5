"""Every specification case and every example comes out of the public door as the guideline says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapter.pipeline import evaluate_bundle
from tests.cases.contract import breaks
from tests.cases.expectations import CHECKS, SETTING, Assessment, Case, differences
from tests.cases.facts import bundle_of, facts_of, patient_of, read_cases, withheld

HERE = Path(__file__).parent
TOPICS = {path.stem: read_cases(path) for path in sorted((HERE / "cases").glob("*.yaml"))}
CASES = [(name, case) for name, topic in TOPICS.items() for case in topic["cases"]]
EXAMPLES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "examples").glob("*.json"))]


def assessment_of(case: Case, bundle: dict[str, Any], patient: str) -> Assessment:
    """The one assessment of the case's patient."""
    given = withheld(bundle, case["incomplete"]) if "incomplete" in case else bundle
    assessments = evaluate_bundle(
        json.dumps(given).encode(),
        as_of=str(case.get("as-of", case.get("asOf"))),
        edition=str(case.get("edition", "2024")),
        complete=bool(case.get("complete", False)),
        options=frozenset(case.get("options") or ()),
        time_zone=str(case.get("time-zone", "UTC")),
    )
    own = [one for one in assessments if one["patient"] == f"Patient/{patient}"]
    assert len(own) == 1, f"one assessment of {patient} expected, found {[one['patient'] for one in assessments]}"
    return own[0]


def complain(case: Case, found: list[str]) -> None:
    """Fail with the case's name, its reason and every difference."""
    if found:
        pytest.fail("\n".join([f"{case['name']}", f"  because {case['why']}", *(f"  {line}" for line in found)]), False)


@pytest.mark.parametrize(("topic", "case"), CASES, ids=[f"{topic}: {case['name']}" for topic, case in CASES])
def test_case(topic: str, case: Case) -> None:
    facts = facts_of(TOPICS[topic], case)
    complain(case, differences(case, assessment_of(case, bundle_of(facts), patient_of(facts))))


@pytest.mark.parametrize(("topic", "case"), CASES, ids=[f"{topic}: {case['name']}" for topic, case in CASES])
def test_a_case_keeps_the_contract(topic: str, case: Case) -> None:
    facts = facts_of(TOPICS[topic], case)
    bundle = bundle_of(facts)
    complain(case, breaks(assessment_of(case, bundle, patient_of(facts)), bundle, str(case["as-of"])))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"] for example in EXAMPLES])
def test_example(example: Case) -> None:
    complain(example, differences(example, assessment_of(example, example["bundle"], "p1")))


@pytest.mark.parametrize(("topic", "case"), CASES, ids=[f"{topic}: {case['name']}" for topic, case in CASES])
def test_a_case_is_well_formed(topic: str, case: Case) -> None:
    unknown = set(case) - set(CHECKS) - SETTING
    assert not unknown, f"{topic}: {case['name']} has unknown members {sorted(unknown)}"
    assert case["why"], f"{topic}: {case['name']} rests on no sentence"
    assert set(case) & set(CHECKS), f"{topic}: {case['name']} judges nothing"


def test_every_topic_and_example_is_there_and_no_case_name_stands_twice() -> None:
    assert len(CASES) >= 220
    assert len(EXAMPLES) == 26
    for topic, content in TOPICS.items():
        names = [case["name"] for case in content["cases"]]
        assert len(names) == len(set(names)), f"{topic}: {sorted(name for name in names if names.count(name) > 1)}"
