"""Records of which only the type can be read: what the type tells of, each of them may be about (1.2, 1.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.pipeline import evaluate_bundle
from tests.cases.facts import bundle_of

S = {"reference": "Patient/p1"}
LENVATINIB = {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01EX08"}]}
BLEEDING = {"coding": [{"system": "http://snomed.info/sct", "code": "74474003"}]}
TKI: list[dict[str, Any]] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2023-11-01"}},
    {"statement": {"drug": "lenvatinib", "from": "2023-12-01", "to": "2024-04-10", "status": "completed"}},
    {"order": {"code": "hepatectomy", "on": "2024-05-05", "authored": "2024-04-20"}},
]
FIT: list[dict[str, Any]] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2024-04-09"}},
    {"condition": {"code": "chronic_hepatitis_b", "onset": "2010-01-01"}},
    {
        "imaging": {
            "on": "2024-04-15",
            "lesions": {"L1": {"mm": 90, "viable": 90, "aphe": "present"}},
            "number": 1,
            "vp": "vp3",
            "vv": "vv0",
            "metastasis": "none",
        }
    },
    {"liver": {"on": "2024-04-20"}},
    {"observation": {"code": "ecog_ps", "on": "2024-04-20", "value": 0}},
    {"observation": {"code": "estimated_survival", "on": "2024-04-20", "quantity": {"value": 12, "unit": "mo"}}},
]


def outcome(facts: list[dict[str, Any]], odd: dict[str, Any], code: str) -> str:
    text = json.dumps(bundle_of([*facts, {"resource": {"id": "odd", **odd}}])).replace('"@"', "1e400")
    (found,) = evaluate_bundle(text.encode(), as_of="2024-05-01")
    assert [one["reason"].partition(":")[0] for one in found["rejected"]] == ["malformed"]
    return next(str(f["outcome"]) for f in found["findings"] if f["code"] == code)


def test_the_frames_are_favourable_without_the_odd_record() -> None:
    (one,) = evaluate_bundle(json.dumps(bundle_of(TKI)).encode(), as_of="2024-05-01")
    (two,) = evaluate_bundle(json.dumps(bundle_of(FIT)).encode(), as_of="2024-05-01")
    assert [f["outcome"] for f in one["findings"] if f["code"] == "interval.tki"] == ["ok"]
    assert [f["outcome"] for f in two["findings"] if f["code"] == "eligibility.conversion"] == ["eligible"]


# a drug record with 1e400 is rejected with no concept at all (1.2, 1.8).
@pytest.mark.parametrize(
    "odd",
    [
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "effectiveDateTime": "2024-04-30",
            "contained": [{"resourceType": "Basic", "extension": [{"url": "x", "valueDecimal": "@"}]}],
        },
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "authoredOn": "2024-04-30",
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": "@"}}]}],
        },
        {
            "resourceType": "MedicationDispense",
            "status": "completed",
            "whenHandedOver": "2024-04-30",
            "daysSupply": {"value": "@"},
        },
    ],
)
def test_a_record_of_a_tki_with_a_huge_number_takes_the_interval_back(odd: dict[str, Any]) -> None:
    assert outcome(TKI, {**odd, "subject": S, "medicationCodeableConcept": LENVATINIB}, "interval.tki") == "unknown"


# a Condition that cannot be read may be a bleeding (1.8).
@pytest.mark.parametrize(
    "odd",
    [
        {"onsetAge": {"value": "@", "code": "a"}},
        {"verificationStatus": "confirmed", "onsetDateTime": "2024-04-01"},
    ],
)
def test_a_condition_that_cannot_be_read_may_be_a_bleeding(odd: dict[str, Any]) -> None:
    condition = {"resourceType": "Condition", "subject": S, "code": BLEEDING, **odd}
    assert outcome(FIT, condition, "eligibility.conversion") != "eligible"


# drug records of other versions of FHIR are drug records too.
@pytest.mark.parametrize("kind", ["MedicationUsage", "MedicationOrder"])
def test_a_drug_record_of_another_version_may_be_any_drug(kind: str) -> None:
    odd = {"resourceType": kind, "subject": S, "status": "active", "medicationCodeableConcept": LENVATINIB}
    assert outcome(TKI, odd, "interval.tki") == "unknown"


# of nobody = perhaps the only patient's, as _doubt has it for records that can be read.
def test_a_broken_drug_record_of_nobody_may_be_the_only_patients() -> None:
    odd = {"resourceType": "MedicationStatement", "status": "recorded", "medication": {"concept": LENVATINIB}}
    assert outcome(TKI, odd, "interval.tki") == "unknown"
