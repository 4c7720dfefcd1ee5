"""Whatever is odd about a resource, it is counted or told; fuzzers found each of these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.hostile import bundle, evaluated, lab, lines_of, only


def test_a_line_without_type_is_told_also_beside_a_subject_that_has_no_patient(tmp_path: Path) -> None:
    odd = {"id": "x", "subject": {"reference": "Patient/p2"}}
    found = evaluated(tmp_path, lines_of({"resourceType": "Patient", "id": "p1"}, odd), "a.ndjson")
    assert found.returncode == 1
    assert "a.ndjson:2: malformed: no resourceType" in found.stderr


def test_a_patient_without_id_has_an_assessment_of_its_own(tmp_path: Path) -> None:
    found = evaluated(
        tmp_path, lines_of({"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient"}), "a.ndjson"
    )
    assert [json.loads(line)["patient"] for line in found.stdout.splitlines()] == ["Patient/p1", "a.ndjson:2"]


def test_a_patient_that_is_malformed_and_alone_is_told(tmp_path: Path) -> None:
    odd = json.dumps({"resourceType": "Patient", "id": "p1", "multipleBirthInteger": "@"}).replace('"@"', "1e400")
    found = evaluated(tmp_path, odd + "\n", "a.ndjson")
    assert found.returncode == 1
    assert "Patient/p1: malformed: a number beyond a double" in found.stderr


def test_a_broken_resource_with_the_id_of_a_good_one_hides_neither(tmp_path: Path) -> None:
    order = {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order"}
    plan = {**order, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "107963000"}]}}
    shown = only(evaluated(tmp_path, bundle(plan, {**order, "doNotPerform": "maybe"})))
    assert [(r["reference"], r["reason"][:9]) for r in shown["rejected"]] == [("Bundle.entry[2]", "malformed")]
    assert shown["input"] == {
        "resources": 3, "used": 2, "rejected": 1, "unmapped": 0, "notCounted": 0, "otherType": 0
    }  # fmt: skip


def test_older_copies_of_another_type_and_entries_of_inner_bundles_are_counted(tmp_path: Path) -> None:
    visit = {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p1"}}
    nameless = {key: value for key, value in visit.items() if key != "id"}
    inner = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": visit}, {"resource": nameless}]}
    shown = only(evaluated(tmp_path, bundle(visit, {**nameless}, inner)))
    assert shown["input"]["otherType"] == 4


@pytest.mark.parametrize("reference", ["Patient//p1", "/Patient/p1", "p1", "#p1"])
def test_an_odd_subject_is_told_or_understood(tmp_path: Path, reference: str) -> None:
    patients = [{"resourceType": "Patient", "id": name} for name in ("p1", "p2")]
    found = evaluated(tmp_path, lines_of(*patients, lab(subject={"reference": reference})), "a.ndjson")
    used = [json.loads(line)["input"]["used"] for line in found.stdout.splitlines()]
    assert (used == [2, 1]) != ("Observation/o1: unresolved-reference" in found.stderr)
    assert len(used) == 2


def test_an_older_copy_of_a_patient_counts_for_that_patient(tmp_path: Path) -> None:
    patients = [{"resourceType": "Patient", "id": name} for name in ("p1", "p2", "p1")]
    mine, other = ({**lab(), "subject": {"reference": f"Patient/{name}"}} for name in ("p1", "p2"))
    content = lines_of(*patients, mine, other)
    for name in ("a.ndjson", "a.json"):
        if name == "a.json":
            entries = [{"resource": json.loads(line)} for line in content.splitlines()]
            content = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
        shown = [json.loads(line) for line in evaluated(tmp_path, content, name).stdout.splitlines()]
        first = next(one for one in shown if one["patient"] == "Patient/p1")
        assert first["input"]["notCounted"] >= 1
        assert sum(one["input"]["resources"] for one in shown) >= 5
