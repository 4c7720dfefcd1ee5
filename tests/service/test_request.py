"""What is said to a CDS Hooks request with something missing, wrong, or strange."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from tests.service.conftest import PATIENT_VIEW, Json, hook_request

AUTHORIZATION = {
    "access_token": "some-opaque-token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "hcc",
}


@pytest.fixture
def whole(charts: dict[str, list[Json]]) -> Json:
    """A request that is answered with cards."""
    return hook_request(charts["syn-01-eligible"])


def refused(client: TestClient, request: Any, status: int = 400) -> list[str]:
    """The texts of the OperationOutcome with which a request is refused."""
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    assert all(issue["severity"] == "error" and issue["code"] for issue in body["issue"])
    return [issue["details"]["text"] for issue in body["issue"]]


def test_a_whole_request_is_answered_with_cards(client: TestClient, whole: Json) -> None:
    answer = client.post(PATIENT_VIEW, json=whole)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["cards"]


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
def test_each_required_field_is_named_when_it_is_missing(client: TestClient, whole: Json, field: str) -> None:
    """cds-10"""
    del whole[field]
    assert any(text.startswith(f"{field}:") for text in refused(client, whole))


@pytest.mark.parametrize("field", ["userId", "patientId"])
def test_each_required_field_of_the_context_is_named_when_it_is_missing(
    client: TestClient, whole: Json, field: str
) -> None:
    """cds-10"""
    del whole["context"][field]
    assert any(text.startswith(f"context.{field}:") for text in refused(client, whole))


@pytest.mark.parametrize("field", list(AUTHORIZATION))
def test_each_required_field_of_the_authorization_is_named_when_it_is_missing(
    client: TestClient, whole: Json, field: str
) -> None:
    """cds-21"""
    given = {name: value for name, value in AUTHORIZATION.items() if name != field}
    request = {**whole, "fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": given}
    assert refused(client, request) == [f"fhirAuthorization.{field}: required"]


def test_an_authorization_needs_a_server(client: TestClient, whole: Json) -> None:
    """cds-21"""
    (text,) = refused(client, {**whole, "fhirAuthorization": AUTHORIZATION})
    assert text.startswith("fhirServer: required")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("hook", "order-select"),
        ("hook", ""),
        ("hook", 7),
        ("hookInstance", None),
        ("context", []),
        ("context", {"userId": "Device/1", "patientId": "p1"}),
        ("context", {"userId": "Practitioner", "patientId": "p1"}),
        ("context", {"userId": "Practitioner/1", "patientId": ""}),
        ("context", {"userId": "Practitioner/1", "patientId": "../Observation"}),
        ("context", {"userId": "Practitioner/1", "patientId": 3}),
        ("context", {"userId": "Practitioner/1", "patientId": "p1", "encounterId": 3}),
        ("prefetch", []),
        ("context", {"userId": "Practitioner/1", "patientId": ".."}),
        ("context", {"userId": "Practitioner/1", "patientId": "."}),
        ("context", {"userId": "Practitioner/1", "patientId": "x" * 65}),
        ("fhirServer", "ftp://ehr.example.org"),
        ("fhirServer", "http://"),
        ("fhirServer", "http://[::1/"),
        ("fhirServer", "http://a..b/"),
        ("fhirServer", f"http://{'a' * 64}.org/"),
        ("fhirServer", f"http://{'a.' * 200}org/"),
        ("fhirServer", "http://127.0.0.1:99999/"),
        ("fhirServer", "http://exa mple/"),
        ("fhirServer", "http://ehr.example.org\n/"),
        ("fhirServer", "http://ehr.example.org/fhir?x="),
        ("fhirServer", 1),
        ("fhirAuthorization", "token"),
    ],
)
def test_a_member_of_the_wrong_shape_is_refused_and_named(
    client: TestClient, whole: Json, member: str, value: Any
) -> None:
    """cds-10, cds-11, cds-26"""
    assert any(text.startswith(member) for text in refused(client, {**whole, member: value}))


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "t\u00e9"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_repeated(
    client: TestClient, whole: Json, token: str
) -> None:
    given = {**AUTHORIZATION, "access_token": token}
    request = {**whole, "fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": given}
    (text,) = refused(client, request)
    assert text.startswith("fhirAuthorization.access_token:") and "Evil" not in text


@pytest.mark.parametrize("patient", ["p2", 7, ""])
def test_a_token_for_another_patient_is_refused(client: TestClient, whole: Json, patient: object) -> None:
    """cds-12, cds-21"""
    given = {**AUTHORIZATION, "patient": patient}
    request = {**whole, "fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": given}
    assert refused(client, request) == ["fhirAuthorization.patient: another patient than context.patientId"]


def test_a_token_for_this_patient_is_accepted(client: TestClient, whole: Json) -> None:
    given = {**AUTHORIZATION, "patient": whole["context"]["patientId"]}
    request = {**whole, "fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": given}
    assert client.post(PATIENT_VIEW, json=request).status_code == 200


def test_an_id_with_an_underscore_is_accepted(client: TestClient, whole: Json) -> None:
    text = orjson.dumps(whole).decode().replace(whole["context"]["patientId"], "our_own_id")
    answer = client.post(PATIENT_VIEW, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200 and answer.json()["cards"]


def test_unknown_members_are_ignored_and_never_echoed(client: TestClient, whole: Json) -> None:
    """cds-3, cds-4, cds-18"""
    strange = {"extension": {"org.example": {"mark-7f3": 1}}, "mark-7f3": ["mark-7f3"]}
    whole["context"]["mark-7f3"] = {"mark-7f3": None}
    whole["prefetch"]["mark-7f3"] = {"resourceType": "Patient", "id": "mark-7f3"}
    answer = client.post(PATIENT_VIEW, json={**whole, **strange})
    assert answer.status_code == 200
    assert "mark-7f3" not in answer.text


def test_an_encounter_is_accepted(client: TestClient, whole: Json) -> None:
    whole["context"]["encounterId"] = "89284"
    assert client.post(PATIENT_VIEW, json=whole).status_code == 200


def test_bundles_without_type_and_a_patient_without_id_are_read(client: TestClient, whole: Json) -> None:
    """cds-17, section 5"""
    expected = client.post(PATIENT_VIEW, json=whole).json()
    for bundle in whole["prefetch"].values():
        bundle.pop("type", None)
    whole["prefetch"]["patient"] = {k: v for k, v in whole["prefetch"]["patient"].items() if k != "id"}
    assert client.post(PATIENT_VIEW, json=whole).json() == expected


def test_a_body_of_many_megabytes_is_read(client: TestClient, whole: Json) -> None:
    whole["extension"] = {"org.example.filling": "x" * 3_000_000}
    assert client.post(PATIENT_VIEW, json=whole).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'{"hook": ', 400),
        (b'{"hook": "\xff\xfe"}', 400),
        (b'{"hook": NaN}', 400),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
        (b"[" * 100_000, 400),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_in_one_line(client: TestClient, body: bytes, status: int) -> None:
    """cds-1, cds-26"""
    answer = client.post(PATIENT_VIEW, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    (issue,) = answer.json()["issue"]
    assert "\n" not in issue["details"]["text"] and "Traceback" not in answer.text


def test_another_media_type_is_refused(client: TestClient, whole: Json) -> None:
    """cds-1, cds-26"""
    for media in ("text/plain", "application/xml", ""):
        answer = client.post(PATIENT_VIEW, content=orjson.dumps(whole), headers={"Content-Type": media})
        assert answer.status_code == 415
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_an_unknown_service_is_not_found(client: TestClient, whole: Json) -> None:
    """cds-10"""
    for path in ("/cds-services/other", "/cds-services/hcc-conversion", "/cds-services/other/feedback"):
        answer = client.post(path, json=whole)
        assert answer.status_code == 404 and answer.json()["resourceType"] == "OperationOutcome"


def test_a_get_on_a_service_is_not_allowed(client: TestClient) -> None:
    answer = client.get(PATIENT_VIEW)
    assert answer.status_code == 405 and answer.json()["resourceType"] == "OperationOutcome"


def test_a_prefetch_about_another_patient_is_refused(client: TestClient, whole: Json, charts: Any) -> None:
    """cds-12"""
    other = hook_request(charts["syn-03-partial-response"])
    mixed = {**whole["prefetch"], "observations": other["prefetch"]["observations"]}
    (text,) = refused(client, {**whole, "prefetch": mixed})
    assert "another patient" in text
    swapped = {**whole["prefetch"], "patient": other["prefetch"]["patient"]}
    assert "another patient" in refused(client, {**whole, "prefetch": swapped})[0]
