"""A number beyond a double makes its resource malformed, wherever it stands, and costs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hostile import bundle, evaluated, lab, only

HUGE = {"value": "@", "unit": "U/L"}
DRUG = {"medicationCodeableConcept": {"text": "lenvatinib"}, "status": "completed"}


@pytest.mark.parametrize(
    ("members", "number"),
    [
        ({"valueQuantity": HUGE}, "1e400"),
        ({"valueQuantity": HUGE}, "-1E+999"),
        ({"valueQuantity": HUGE}, "9" * 400),
        ({"referenceRange": [{"high": HUGE}]}, "1.5e0400"),
        ({"component": [{"code": {"text": "x"}, "valueQuantity": HUGE}]}, "1e400"),
        ({"valueQuantity": None, "valueInteger": "@"}, "1e400"),
        ({"valueQuantity": None, "valueInteger": "@"}, "1e" + "9" * 25),
    ],
)
def test_a_number_beyond_a_double_makes_its_resource_malformed(
    tmp_path: Path, members: dict[str, Any], number: str
) -> None:
    content = bundle(lab(**members), lab("o2")).replace('"@"', number)
    found = evaluated(tmp_path, content)
    shown = only(found)
    assert found.returncode == 1
    assert [(r["reference"], r["reason"]) for r in shown["rejected"]] == [
        ("Observation/o1", "malformed: a number beyond a double")
    ]
    assert shown["input"]["used"] == 2


@pytest.mark.parametrize(
    "resource",
    [
        lab("x", extension=[{"url": "http://x.example/e", "valueDecimal": "@"}]),
        lab("x", valueQuantity=None, valueRange={"low": HUGE}),
        {"resourceType": "MedicationAdministration", **DRUG, "effectiveDateTime": "2024-04-01", "dosage": HUGE},
        {"resourceType": "MedicationStatement", **DRUG, "effectiveDateTime": "2024-04", "dosage": [{"dose": HUGE}]},
        {"resourceType": "MedicationRequest", **DRUG, "intent": "order", "dispenseRequest": {"quantity": HUGE}},
        {"resourceType": "MedicationDispense", **DRUG, "whenHandedOver": "2024-04-01", "quantity": HUGE},
        {"resourceType": "MedicationDispense", **DRUG, "whenHandedOver": "2024-04-01", "daysSupply": HUGE},
        {"resourceType": "Condition", "code": {"text": "x"}, "onsetAge": {"value": "@", "code": "a"}},
        {"resourceType": "Condition", "code": {"text": "x"}, "abatementRange": {"high": HUGE}},
        {"resourceType": "ImagingStudy", "status": "available", "series": [{"number": "@"}]},
    ],
)
def test_a_number_beyond_a_double_is_seen_where_nobody_reads_it(tmp_path: Path, resource: dict[str, Any]) -> None:
    content = bundle({**resource, "id": "x"}, lab("o2")).replace('"@"', "1e400")
    for name in ("a.json", "a.ndjson"):
        if name == "a.ndjson":
            lines = [json.dumps(entry["resource"]) for entry in json.loads(content.replace("1e400", '"@"'))["entry"]]
            content = "\n".join(lines).replace('"@"', "1e400")
        found = evaluated(tmp_path, content, name)
        (rejected,) = only(found)["rejected"]
        assert (found.returncode, rejected["reference"]) == (1, f"{resource['resourceType']}/x")
        assert rejected["reason"].startswith("malformed: a number beyond a double")
        assert only(found)["input"]["used"] == 2


def test_digits_in_texts_are_no_numbers(tmp_path: Path) -> None:
    found = evaluated(tmp_path, bundle(lab(note=[{"text": "1e400 " + "9" * 400}], referenceRange=[{"text": "0e999"}])))
    assert (found.returncode, only(found)["rejected"]) == (0, [])
