"""Single exchanges: waits, retries, credentials, writes."""

from __future__ import annotations

import email.utils
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses
from joserfc import jwk, jwt

from adapter.errors import RefusedError, RemoteError, UsageError
from adapter.fhir.auth import FixedToken, SmartBackend
from adapter.fhir.client import FhirClient, Written, etag, located
from adapter.fhir.connecting import connect
from adapter.fhir.transport import Patience, retry_after

BASE = "https://ehr.example.org/fhir"
TOKENS = "https://auth.example.org/token"
PATIENT = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "7"}}


def client(waits: list[float] | None = None, retries: int = 3, **more: Any) -> FhirClient:
    slept = [] if waits is None else waits
    return FhirClient(BASE, patience=Patience(retries=retries, first=0.5, longest=60, sleep=slept.append), **more)


@responses.activate
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_read_is_repeated_when_the_server_is_busy(status: int) -> None:
    responses.get(f"{BASE}/Patient/p1", status=status)
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    waits: list[float] = []
    assert client(waits).read("Patient", "p1").version == "7"
    assert len(waits) == 1
    assert 0.25 <= waits[0] <= 0.5


@responses.activate
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_the_server_asks_for_is_kept_in_both_forms(form: str) -> None:
    until = datetime.now(UTC) + timedelta(seconds=20)
    asked = "20" if form == "seconds" else email.utils.format_datetime(until, usegmt=True)
    responses.get(f"{BASE}/Patient/p1", status=429, headers={"Retry-After": asked})
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    waits: list[float] = []
    client(waits).read("Patient", "p1")
    assert 18 <= waits[0] <= 20.5


@pytest.mark.parametrize(
    "text", ["soon", "soon\xe9", "-5", "9" * 400, "99999999", "1.5", "٣", "²", "Fri, 31 Dec 9999 23:59:59 -2359", "Fri"]
)
def test_a_wait_that_cannot_be_read_or_makes_no_sense_is_none(text: str) -> None:
    assert retry_after(text) is None


def test_a_past_date_is_no_wait() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@responses.activate
@pytest.mark.parametrize(("status", "asked"), [(503, "86400"), (429, "61")])
def test_a_wait_longer_than_our_patience_is_said_and_the_request_is_given_up(status: int, asked: str) -> None:
    responses.get(f"{BASE}/Patient/p1", status=status, headers={"Retry-After": asked})
    waits: list[float] = []
    with pytest.raises(RemoteError, match=rf"answered {status} and asks to wait {asked} s, longer than .* \(60 s\)"):
        client(waits).read("Patient", "p1")
    assert waits == [] and len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("asked", ["-5", "9" * 400, "soon"])
def test_a_wait_that_makes_no_sense_counts_as_none(asked: str) -> None:
    responses.get(f"{BASE}/Patient/p1", status=503, headers={"Retry-After": asked})
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    waits: list[float] = []
    assert client(waits).read("Patient", "p1").version == "7"
    assert 0.25 <= waits[0] <= 0.5


@responses.activate
def test_a_server_that_stays_busy_is_given_up_after_the_last_try() -> None:
    responses.get(f"{BASE}/Patient/p1", status=503)
    with pytest.raises(RemoteError) as caught:
        client().read("Patient", "p1")
    assert caught.value.status == 503
    assert len(responses.calls) == 4


@responses.activate
def test_an_unconditional_create_is_repeated_only_when_the_server_says_that_it_did_nothing() -> None:
    responses.post(f"{BASE}/Basic", status=500)
    with pytest.raises(RemoteError):
        client().create({"resourceType": "Basic"})
    assert len(responses.calls) == 1
    responses.reset()
    responses.post(f"{BASE}/Basic", body=requests.ReadTimeout())
    with pytest.raises(RemoteError, match="did not answer in time"):
        client().create({"resourceType": "Basic"})
    assert len(responses.calls) == 1
    responses.reset()
    responses.post(f"{BASE}/Basic", status=429)
    responses.post(f"{BASE}/Basic", status=201, headers={"Location": f"{BASE}/Basic/b1/_history/1"})
    assert client().create({"resourceType": "Basic"}) == Written("Basic", "b1", "1", True)


@responses.activate
def test_a_conditional_create_may_be_repeated() -> None:
    responses.post(f"{BASE}/Basic", status=500)
    responses.post(f"{BASE}/Basic", status=200, json={"resourceType": "Basic", "id": "b1", "meta": {"versionId": "3"}})
    written = client().create({"resourceType": "Basic"}, if_none_exist="identifier=x|y")
    assert written == Written("Basic", "b1", "3", False)
    assert responses.calls[1].request.headers["If-None-Exist"] == "identifier=x|y"


@responses.activate
def test_an_update_sends_the_version_and_understands_an_answer_without_body() -> None:
    responses.put(f"{BASE}/Patient/p1", status=200, headers={"ETag": 'W/"8"'})
    assert client().update(PATIENT, match="7") == Written("Patient", "p1", "8", False)
    assert responses.calls[0].request.headers["If-Match"] == 'W/"7"'


@pytest.mark.parametrize(
    ("text", "version"), [('W/"3"', "3"), ('"3"', "3"), ("3", "3"), (None, None), ("", None), ('W/""', None)]
)
def test_versions_are_read_from_etags_of_every_kind(text: str | None, version: str | None) -> None:
    assert etag(text) == version


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{BASE}/Patient/p1/_history/2", ("Patient", "p1", "2")),
        ("Patient/p1/_history/2", ("Patient", "p1", "2")),
        (f"{BASE}/Patient/p1", ("Patient", "p1", None)),
        ("/fhir/Patient/p1/", ("Patient", "p1", None)),
        ("nowhere", None),
        (None, None),
    ],
)
def test_places_are_read_from_locations_of_every_kind(text: str | None, place: object) -> None:
    assert located(text) == place


@responses.activate
def test_credentials_of_a_netrc_file_never_replace_the_token(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine ehr.example.org login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    client(auth=FixedToken("secret")).read("Patient", "p1")
    client().read("Patient", "p1")
    assert responses.calls[0].request.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in responses.calls[1].request.headers


@responses.activate
def test_a_server_of_another_fhir_version_is_refused() -> None:
    responses.get(f"{BASE}/metadata", json={"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"})
    with pytest.raises(RemoteError, match=r"speaks FHIR 5\.0\.0"):
        client().capability()


@responses.activate
def test_the_capability_statement_is_asked_for_once_and_odd_parts_count_as_not_named() -> None:
    rest = {"mode": "server", "interaction": [{"code": "transaction"}, None], "resource": [
        7, {"type": "CarePlan", "interaction": [{"code": "create"}, {"code": "update"}], "updateCreate": True},
    ]}  # fmt: skip
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}
    responses.get(f"{BASE}/metadata", json=statement)
    server = client()
    assert server.capability().transaction is True
    assert server.capability().of("CarePlan").writable is True
    assert server.capability().of("DetectedIssue").creatable is False
    assert len(responses.calls) == 1


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def key(kind: str) -> dict[str, Any]:
    made: Any = jwk.RSAKey.generate_key(2048) if kind == "RSA" else jwk.ECKey.generate_key("P-384")
    return {**made.as_dict(private=True), "kid": "k1"}


def backend(kind: str = "EC", clock: Clock | None = None) -> tuple[SmartBackend, dict[str, Any]]:
    private = key(kind)
    responses.get(f"{BASE}/.well-known/smart-configuration", json={"token_endpoint": TOKENS})
    return SmartBackend(BASE, "client-1", private, "system/*.rs", clock=clock or Clock()), private


@responses.activate
@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS384"), ("EC", "ES384")])
def test_a_backend_client_proves_itself_with_a_signed_assertion(kind: str, algorithm: str) -> None:
    auth, private = backend(kind)
    responses.post(TOKENS, json={"access_token": "t1", "expires_in": 300, "scope": "system/Patient.rs"})
    assert auth.token() == "t1"
    assert auth.granted == "system/Patient.rs"
    form = dict(part.split("=", 1) for part in str(responses.calls[1].request.body).split("&"))
    token = jwt.decode(form["client_assertion"], jwk.import_key(private), algorithms=[algorithm])
    assert token.header["kid"] == "k1"
    assert (token.claims["iss"], token.claims["sub"], token.claims["aud"]) == ("client-1", "client-1", TOKENS)
    assert token.claims["exp"] - token.claims["iat"] <= 300


@responses.activate
def test_a_token_is_kept_until_80_percent_of_its_life() -> None:
    clock = Clock()
    auth, _ = backend(clock=clock)
    for name in ("t1", "t2"):
        responses.post(TOKENS, json={"access_token": name, "expires_in": 300})
    assert auth.token() == "t1"
    clock.now += 239
    assert auth.token() == "t1"
    clock.now += 2
    assert auth.token() == "t2"


@responses.activate
def test_a_refused_token_is_fetched_anew_once_and_the_same_request_goes_on() -> None:
    auth, _ = backend()
    for name in ("t1", "t2"):
        responses.post(TOKENS, json={"access_token": name, "expires_in": 300})
    responses.get(f"{BASE}/Patient/p1", status=401)
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    assert client(auth=auth).read("Patient", "p1").id == "p1"
    used = [c.request.headers.get("Authorization") for c in responses.calls if "Patient" in str(c.request.url)]
    assert used == ["Bearer t1", "Bearer t2"]
    responses.get(f"{BASE}/Patient/p2", status=401)
    responses.post(TOKENS, json={"access_token": "t3", "expires_in": 300})
    with pytest.raises(RefusedError):
        client(auth=auth).read("Patient", "p2")


@responses.activate
def test_a_refused_client_is_told_without_the_secret() -> None:
    auth, private = backend()
    responses.post(TOKENS, status=400, json={"error": "invalid_client"})
    with pytest.raises(RefusedError, match="client id, key and scope") as caught:
        auth.token()
    assert private["d"] not in str(caught.value)


def test_a_key_that_cannot_sign_is_a_wrong_configuration() -> None:
    for wrong in ({}, {"kty": "oct", "k": "x", "d": "x"}, {"kty": "EC", "crv": "P-256", "d": "x"}, {"kty": "RSA"}):
        with pytest.raises(UsageError):
            SmartBackend(BASE, "client-1", wrong, "system/*.rs")


def test_a_connection_takes_the_credential_that_the_site_set(tmp_path: Any) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key("EC")))
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/Patient/p1", json=PATIENT)
        mock.get(f"{BASE}/.well-known/smart-configuration", json={"token_endpoint": TOKENS})
        mock.post(TOKENS, json={"access_token": "t1", "expires_in": 300})
        connect(BASE, token="fixed").read("Patient", "p1")
        connect(BASE, smart_client_id="client-1", smart_key=file).read("Patient", "p1")
        connect(BASE).read("Patient", "p1")
        sent = [c.request.headers.get("Authorization") for c in mock.calls if "Patient" in str(c.request.url)]
    assert sent == ["Bearer fixed", "Bearer t1", None]
    with pytest.raises(UsageError, match="both"):
        connect(BASE, smart_client_id="client-1")
    file.write_text("not json")
    with pytest.raises(UsageError, match=r"key\.json"):
        connect(BASE, smart_client_id="client-1", smart_key=file)
