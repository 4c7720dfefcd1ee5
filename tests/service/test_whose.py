"""Whose data a call holds: an id on another server is another patient; what cannot be told is said, never dropped."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ehr import running
from tests.service.ordering import drug, order_request, ordered, procedure, told
from tests.service.test_request import AUTHORIZATION

Charts = dict[str, list[Json]]
PATIENT = "syn-05-bevacizumab-too-late"
EHR = "https://ehr.example.org/fhir"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def named(chart: list[Json], base: str, *kinds: str) -> list[Json]:
    """The chart with the subjects of some types (all, when none is named) as whole addresses."""
    subject = {"reference": f"{base}/Patient/{patient_id(chart)}"}
    return [
        {**r, "subject": subject} if "subject" in r and (not kinds or r["resourceType"] in kinds) else r for r in chart
    ]


def posted(client: TestClient, request: Json) -> tuple[int, list[Json]]:
    answer = client.post(PATIENT_VIEW, json=request)
    return answer.status_code, answer.json().get("cards", [])


@pytest.mark.parametrize(
    "server",
    [None, EHR, "https://EHR.example.org/fhir/", "https://ehr.example.org:443/fhir", "http://ehr.example.org/fhir"],
)
def test_the_servers_own_whole_address_means_its_patient(
    client: TestClient, charts: Charts, server: str | None
) -> None:
    """cds-12"""
    chart = charts[PATIENT]
    _, plain = posted(client, hook_request(chart))
    request = hook_request(named(chart, EHR), fhirServer=server)
    assert plain and posted(client, request) == (200, plain)


@pytest.mark.parametrize("kind", ["Condition", "Observation", "MedicationAdministration"])
@pytest.mark.parametrize("base", ["http://other.example/fhir", f"{EHR}/tenant-2", "https://ehr.example.org:8443/fhir"])
def test_the_same_id_on_another_server_is_another_patient(
    client: TestClient, charts: Charts, kind: str, base: str
) -> None:
    """cds-12"""
    request = hook_request(named(charts[PATIENT], base, kind), fhirServer=EHR)
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 400 and "another patient" in answer.text


def test_two_servers_in_one_prefetch_are_two_patients(client: TestClient, charts: Charts) -> None:
    """cds-12"""
    chart = named(named(charts[PATIENT], EHR, "Condition"), "http://other.example/fhir", "Observation")
    assert client.post(PATIENT_VIEW, json=hook_request(chart)).status_code == 400


def test_what_a_server_gives_of_another_server_is_left_out_and_said(client: TestClient, charts: Charts) -> None:
    chart = charts[PATIENT]
    with running(named(chart, "http://other.example/fhir", "Observation")) as server:
        request = hook_request(chart, prefetch={}, fhirServer=server.base, fhirAuthorization=AUTHORIZATION)
        status, cards = posted(client, request)
    assert status == 200
    assert any("Observation" in card.get("extension", {}).get("org.hcc-conversion.not-obtained", []) for card in cards)


def of_one(condition: Json) -> Json:
    """A request whose only Condition is this one."""
    chart = [{"resourceType": "Patient", "id": "p1"}]
    request = hook_request(chart)
    request["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [{"resource": condition}]}
    return request


HCC: Json = {
    "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2023-11-01",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "109841003"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"reference": "patient/p1"}},
        {"subject": {"reference": "Patient/p1?x=1"}},
        {"subject": {"reference": "Patient/"}},
        {"subject": {"reference": "urn:uuid:6b1f1d1e-0000-4000-8000-000000000001"}},
        {"subject": {}},
        {"verificationStatus": {"text": "confirmed"}},
        {"verificationStatus": {"coding": [{"system": VERIFICATION, "code": "Confirmed"}]}},
        {"verificationStatus": {"coding": [{"system": VERIFICATION, "code": "provisional"}]}},
        {"verificationStatus": {"coding": [{"system": VERIFICATION, "code": c} for c in ("confirmed", "refuted")]}},
        {"code": None},
        {"code": {}},
        {"code": {"coding": [None]}},
    ],
)
def test_a_condition_that_may_be_the_cancer_is_never_silence(client: TestClient, change: dict[str, Any]) -> None:
    condition = {name: value for name, value in {**HCC, **change}.items() if value is not None}
    status, cards = posted(client, of_one(condition))
    assert status == 200 and any("Condition/c1" in card["detail"] for card in cards)


@pytest.mark.parametrize("code", ["refuted", "entered-in-error"])
def test_a_cancer_that_was_taken_back_is_no_cancer(client: TestClient, code: str) -> None:
    condition = {**HCC, "verificationStatus": {"coding": [{"system": VERIFICATION, "code": code}]}}
    assert posted(client, of_one(condition)) == (200, [])


@pytest.mark.parametrize("subject", ["Group/p1", "patient/p2", "Device/p1", "Patient/p1/x"])
def test_an_order_for_somebody_else_or_nobody_is_not_judged(client: TestClient, charts: Charts, subject: str) -> None:
    order = {**procedure("tace"), "subject": {"reference": subject}}
    cards = ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [order]))
    assert "local.tace-portal-vein" not in told(cards)
    assert any("cannot be read" in card["detail"] for card in cards)


def test_many_selections_that_are_not_there_are_not_all_listed(client: TestClient, charts: Charts) -> None:
    request = order_request(
        charts["syn-16-tace-with-thrombus"], [drug("nivolumab")], "order-select", [f"Task/x{n}" for n in range(5000)]
    )
    assert all(len(card["detail"]) < 20_000 for card in ordered(client, request))
