"""Facts that are read with the token of the call: which may be, when, and what becomes of the token."""

from __future__ import annotations

import pytest

from tests.client import cds, faults, reading
from tests.client.cds import VIEW, Ehr
from tests.client.fetching import TOKEN, Fetching
from tests.client.fhirserver import FakeFHIR
from tests.client.process import Service
from tests.client.records import violating


def test_everything_can_be_fetched(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-21."""
    assert reading.critical(ask().cards())
    asked = fake.asked()
    assert asked and all(one["headers"].get("Authorization") == f"Bearer {TOKEN}" for one in asked)


def test_fetching_is_parallel(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-20: nothing is answered before several searches wait at once; one after the other would miss the deadline."""
    fake.rules["*"] = faults.meeting(4)
    assert reading.critical(ask().cards())


COVERING = [
    "user/Observation.read patient/Observation.read", "patient/Observation.rs", "user/*.*", "patient/*.rs",
    "launch openid patient/Observation.cruds?category=laboratory patient/Observation.rs",
    "system/*.read patient/*.read",
]  # fmt: skip
NOT_COVERING = [
    "patient/Patient.read patient/Condition.read", "patient/Observation.write", "patient/Observation.cud",
    "openid launch",
]  # fmt: skip


@pytest.mark.parametrize("scope", COVERING)
def test_scopes_of_both_releases_are_understood(ask: Fetching, fake: FakeFHIR, scope: str) -> None:
    """cds-23."""
    assert ask(missing=["Observation"], scope=scope).response.status_code == 200
    assert fake.asked("Observation"), scope


@pytest.mark.parametrize("scope", NOT_COVERING)
def test_a_scope_that_does_not_cover_is_respected(ask: Fetching, fake: FakeFHIR, scope: str) -> None:
    """cds-24: what may not be read is a stated gap."""
    ask(missing=["Observation"], scope=scope).gap()
    assert fake.asked("Observation") == []


@pytest.mark.parametrize("seconds", [0, -5])
def test_an_expired_token_is_not_used(ehr: Ehr, fake: FakeFHIR, seconds: int) -> None:
    """cds-24."""
    record = violating()
    fake.resources = record.resources
    body = cds.granted(record, fake.url, TOKEN)
    body["fhirAuthorization"]["expires_in"] = seconds
    assert 400 <= ehr.post(VIEW, body).status_code < 500
    assert TOKEN not in str(fake.log)


def test_an_authorization_without_server_is_refused(ehr: Ehr) -> None:
    """cds-21."""
    body = cds.granted(violating(), "", TOKEN)
    del body["fhirServer"]
    response = ehr.post(VIEW, body)
    assert 400 <= response.status_code < 500
    reading.outcome(response)


@pytest.mark.parametrize("field", ["access_token", "token_type", "expires_in", "scope", "subject"])
def test_an_incomplete_authorization_never_looks_like_nothing_to_say(ehr: Ehr, fake: FakeFHIR, field: str) -> None:
    """cds-21."""
    record = violating()
    fake.resources = record.resources
    body = cds.granted(record, fake.url, TOKEN)
    del body["fhirAuthorization"][field]
    response = ehr.post(VIEW, body)
    assert response.status_code < 500
    assert response.status_code >= 400 or response.json()["cards"]


def test_without_authorization_no_token_is_invented(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-21."""
    record = violating()
    fake.resources = record.resources
    response = ehr.post(VIEW, cds.call(VIEW, cds.hook_context(record), **cds.access(fake.url)))
    assert response.status_code == 412 or reading.cards_of(response)
    assert fake.log, "nothing was read"
    assert not [one for one in fake.log if "Authorization" in one["headers"]]


FORBIDDEN = [
    "ftp://127.0.0.1:{port}/fhir", "file:///etc", "not a url", "http://", "http://169.254.169.254/latest",
    "http://10.0.0.1/fhir", "http://192.168.1.1/fhir", "http://172.16.0.1/fhir", "http://0.0.0.0:{port}/fhir",
    "http://[fe80::1]/fhir", "http://2852039166/", "http://[::ffff:169.254.169.254]/fhir", "javascript:alert(1)",
    "gopher://127.0.0.1:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("server", FORBIDDEN)
def test_a_forbidden_server_is_refused_without_being_tried(ehr: Ehr, evil: FakeFHIR, server: str) -> None:
    """cds-24: private, link-local and other addresses that an open service does not read."""
    response = ehr.post(VIEW, cds.granted(violating(), server.replace("{port}", str(evil.port)), TOKEN))
    assert response.status_code in (400, 403), response.text[:200]
    assert evil.log == []


def test_the_token_is_never_kept(open_service: Service, ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-22, cds-48: not when the server fails either."""
    record = violating()
    fake.resources = record.resources
    for rules in ({}, {"Observation": faults.answering(500)}, {"Condition": faults.answering(401)}):
        fake.rules = rules
        ehr.post(VIEW, cds.granted(record, fake.url, TOKEN))
    assert TOKEN in str(fake.log)
    said = open_service.spoken()
    assert said and TOKEN.encode() not in said


def test_the_token_is_not_used_for_another_call(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-22."""
    record = violating()
    fake.resources = record.resources
    ehr.post(VIEW, cds.granted(record, fake.url, TOKEN))
    assert TOKEN in str(fake.log)
    fake.log.clear()
    ehr.post(VIEW, cds.call(VIEW, cds.hook_context(record), **cds.access(fake.url)))
    ehr.post(VIEW, cds.call(VIEW, cds.hook_context(record)))
    assert fake.log and TOKEN not in str(fake.log)


def test_no_name_of_a_patient_is_logged(open_service: Service, ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-48."""
    record = violating()
    record.resources[0]["name"] = [{"family": "Zzyzxperson", "given": ["Quux"]}]
    assert ehr.ask(VIEW, record, fake)
    ehr.post(VIEW, '{"Zzyzxperson": ')
    logged = open_service.log.read_bytes()
    assert b"POST" in logged and b"Zzyzxperson" not in logged
