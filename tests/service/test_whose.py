"""Whose data a call holds: an id on another server is another patient; what cannot be told is said, never dropped."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.service.orders import shaped
from adapter.service.whose import Whose
from tests.service.conftest import PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ehr import running
from tests.service.ordering import PATHS, drug, order_request, ordered, procedure, told
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
    [
        *(None, EHR, "https://EHR.example.org/fhir/", "https://ehr.example.org:443/fhir"),
        *("http://ehr.example.org/fhir", "http://ehr.example.org:80/fhir"),
    ],
)
def test_the_servers_own_whole_address_means_its_patient(
    client: TestClient, charts: Charts, server: str | None
) -> None:
    """cds-12"""
    chart = charts[PATIENT]
    _, plain = posted(client, hook_request(chart))
    request = hook_request(named(chart, EHR), fhirServer=server)
    assert plain and posted(client, request) == (200, plain)


ELSEWHERE = [
    *("http://other.example/fhir", f"{EHR}/tenant-2", "https://ehr.example.org:8443/fhir"),
    *("https://ehr.example.org:80/fhir", "http://ehr.example.org:443/fhir", "https://ehr.example.org:99999/fhir"),
]


@pytest.mark.parametrize("kind", ["Condition", "Observation", "MedicationAdministration"])
@pytest.mark.parametrize("base", ELSEWHERE)
def test_the_same_id_on_another_server_is_another_patient(
    client: TestClient, charts: Charts, kind: str, base: str
) -> None:
    """cds-12"""
    request = hook_request(named(charts[PATIENT], base, kind), fhirServer=EHR)
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 400 and "another patient" in answer.text


def test_an_address_that_is_none_is_no_server_of_the_patient(client: TestClient, charts: Charts) -> None:
    """cds-12: where the call names no server, the first that is named counts, but not what names none."""
    request = hook_request(named(charts[PATIENT], "https://ehr.example.org:99999/fhir"))
    assert client.post(PATIENT_VIEW, json=request).status_code == 400


def booked(chart: list[Json], *actors: str) -> Json:
    """A request whose only planned operation is an appointment with these actors."""
    appointment = next(r for r in chart if r["resourceType"] == "Appointment")
    others = [r for r in chart if r["resourceType"] not in ("Appointment", "ServiceRequest")]
    participants = [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors]
    return hook_request([*others, *([{**appointment, "participant": participants}] if actors else [])], fhirServer=EHR)


def test_an_appointment_of_this_patient_and_somebody_else_is_this_patients(client: TestClient, charts: Charts) -> None:
    chart = charts[PATIENT]
    mine = f"Patient/{patient_id(chart)}"
    _, alone = posted(client, booked(chart, mine))
    assert alone != posted(client, booked(chart))[1]
    for others in (["Patient/other"], ["urn:uuid:1", "Patient/other"], [f"http://other.example/fhir/{mine}"]):
        for own in (mine, f"{EHR}/{mine}"):
            assert posted(client, booked(chart, *others, own)) == (200, alone)
            assert posted(client, booked(chart, own, *others)) == (200, alone)


@pytest.mark.parametrize("actors", [["urn:uuid:1"], ["Practitioner/x", "urn:oid:1.2"], ["Patient/?identifier=x"]])
def test_an_appointment_of_nobody_takes_nothing_from_the_patient_and_is_said(
    client: TestClient, charts: Charts, actors: list[str]
) -> None:
    chart = charts[PATIENT]
    _, without = posted(client, booked(chart))
    status, cards = posted(client, booked(chart, *actors))
    assert status == 200 and [card["summary"] for card in cards] == [card["summary"] for card in without]
    assert any("not used: 1 rejected" in card["detail"] for card in cards)


@pytest.mark.parametrize("actor", ["Patient/other", "http://other.example/fhir/Patient/{}"])
def test_an_appointment_of_another_patient_is_refused(client: TestClient, charts: Charts, actor: str) -> None:
    """cds-12"""
    chart = charts[PATIENT]
    assert client.post(PATIENT_VIEW, json=booked(chart, actor.format(patient_id(chart)))).status_code == 400


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


@pytest.mark.parametrize("base", ELSEWHERE)
def test_an_order_for_the_same_id_on_another_server_is_refused(client: TestClient, charts: Charts, base: str) -> None:
    """cds-12"""
    chart = charts["syn-16-tace-with-thrombus"]
    order = {**procedure("tace"), "subject": {"reference": f"{base}/Patient/{patient_id(chart)}"}}
    assert client.post(PATHS["order-sign"], json=order_request(chart, [order], fhirServer=EHR)).status_code == 400
    assert not Whose(patient_id(chart), EHR).means_this(shaped(order)[0])


def test_many_selections_that_are_not_there_are_not_all_listed(client: TestClient, charts: Charts) -> None:
    request = order_request(
        charts["syn-16-tace-with-thrombus"], [drug("nivolumab")], "order-select", [f"Task/x{n}" for n in range(5000)]
    )
    cards = ordered(client, request)
    assert any("Task/x0: is selected, but not among" in card["detail"] for card in cards)
    assert all(len(card["detail"]) < 20_000 for card in cards)


def test_a_prefetch_of_one_server_and_an_order_of_another_are_two_patients(client: TestClient, charts: Charts) -> None:
    """cds-12; with no fhirServer in the call the first server named is the patient's, within orders too."""
    subject = {"reference": f"http://other.example/fhir/Patient/{patient_id(charts[PATIENT])}"}
    request = order_request(named(charts[PATIENT], EHR), [{**drug("bevacizumab"), "subject": subject}])
    assert client.post(PATHS["order-sign"], json=request).status_code == 400
