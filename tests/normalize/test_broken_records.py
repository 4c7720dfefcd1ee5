"""Records of drugs that cannot be read: each may be of any drug, so that "none was given" is no longer known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.pipeline import evaluate_bundle
from tests.cases.facts import bundle_of
from tests.normalize.reading import SUBJECT

Json = dict[str, Any]
ODD = {"id": "odd", "subject": SUBJECT}
R5 = {**ODD, "status": "completed", "medication": {"concept": {"text": "?"}}}
# The last lenvatinib is 25 days before surgery: more than the minimum and the preferred interval (3.9).
TKI: list[Json] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2023-11-01"}},
    {"statement": {"drug": "lenvatinib", "from": "2023-12-01", "to": "2024-04-10", "status": "completed"}},
    {"order": {"code": "hepatectomy", "on": "2024-05-05", "authored": "2024-04-20"}},
]
# A value of the prednisone band under an ICI, and no steroid on record (3.10).
STEROID: list[Json] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2024-03-01"}},
    {"dose": {"drug": "camrelizumab", "on": "2024-04-10"}},
    {"lab": {"code": "alt", "on": "2024-04-20", "value": 200, "high": 40}},
]
DRUG_RECORDS = [
    {"resourceType": "MedicationStatement", **R5, "effectiveDateTime": "2024-04-30"},
    {"resourceType": "MedicationAdministration", **R5, "occurenceDateTime": "2024-04-30"},
    {"resourceType": "MedicationDispense", **R5, "whenHandedOver": "2024-04-30"},
    {"resourceType": "MedicationRequest", **R5, "intent": "order", "authoredOn": "2024-04-30"},
    # Nobody can tell whether it is a prohibition.
    {
        "resourceType": "MedicationRequest",
        **ODD,
        "status": "active",
        "intent": "order",
        "doNotPerform": {"value": True},
    },
]
OTHERS = [
    {"resourceType": "Condition", **ODD, "verificationStatus": "confirmed", "code": {"text": "?"}},
    {"resourceType": "DeviceUsage", **ODD, "status": "active"},
]


def outcome(facts: list[Json], code: str, *odd: Json) -> str:
    """The outcome of a finding, where the odd record is malformed as the contract says."""
    bundle = bundle_of([*facts, *({"resource": one} for one in odd)])
    (found,) = evaluate_bundle(json.dumps(bundle).encode(), as_of="2024-05-01")
    listed = [(one["reference"], one["reason"].partition(":")[0]) for one in found["rejected"]]
    assert listed == [(f"{one['resourceType']}/odd", "malformed") for one in odd]
    return next(str(finding["outcome"]) for finding in found["findings"] if finding["code"] == code)


@pytest.mark.parametrize("odd", DRUG_RECORDS)
@pytest.mark.parametrize(
    ("facts", "code", "without"),
    [(TKI, "interval.tki", "ok"), (STEROID, "toxicity.steroid", "not-seen")],
    ids=["interval", "steroid"],
)
def test_a_drug_record_that_cannot_be_read_leaves_open_what_was_given(
    facts: list[Json], code: str, without: str, odd: Json
) -> None:
    """guideline.md 1.2 and 1.8"""
    assert outcome(facts, code) == without
    assert outcome(facts, code, odd) == "unknown"


@pytest.mark.parametrize("odd", OTHERS, ids=["Condition", "DeviceUsage"])
def test_another_record_that_cannot_be_read_is_no_drug(odd: Json) -> None:
    assert outcome(TKI, "interval.tki", odd) == "ok"
