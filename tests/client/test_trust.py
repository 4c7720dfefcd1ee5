"""Trusted callers: what needs a token, what a token must be, and that a refusal says nothing."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from tests.client import cds, faults, reading
from tests.client.cds import SELECT, SIGN
from tests.client.fhirserver import FakeFHIR
from tests.client.records import violating
from tests.client.said import overridden
from tests.client.tokens import Client, b64, hmac_signed, packed, signed_as_is, unsigned, without_header
from tests.client.trusting import DISCOVERY, FEEDBACK_PATH, VIEW_PATH, Trusted, bare_401

FEEDBACK = {"feedback": [overridden()]}
CLOSED = [
    ("GET", DISCOVERY), ("POST", VIEW_PATH), ("POST", f"{DISCOVERY}/{SELECT}"), ("POST", f"{DISCOVERY}/{SIGN}"),
    ("POST", FEEDBACK_PATH), ("POST", "/evaluate"), ("GET", "/patients/p1/assessment"),
    ("GET", "/patients/p1/timeline"), ("GET", "/patients/p1"), ("POST", f"{DISCOVERY}/unknown"),
]  # fmt: skip


def test_discovery_needs_a_token(trusted: Trusted) -> None:
    """cds-9."""
    bare_401(trusted.discover(None))
    assert trusted.discover(trusted.main.token(trusted.aud())).status_code == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_no_call_is_answered_without_a_token(trusted: Trusted, method: str, path: str) -> None:
    """cds-35, cds-36."""
    bare_401(trusted.call(None, path, {}, method=method))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
def test_what_shows_no_patient_needs_no_token(trusted: Trusted, path: str) -> None:
    """cds-35."""
    assert cds.http("GET", trusted.url + path).status_code not in (401, 403)


def test_a_good_token_opens_call_and_feedback(trusted: Trusted) -> None:
    """cds-36."""
    assert trusted.view(trusted.viewer()).status_code == 200
    token = trusted.main.token(trusted.aud(FEEDBACK_PATH))
    assert trusted.call(token, FEEDBACK_PATH, FEEDBACK).status_code == 200


def test_a_trusted_call_gives_cards(trusted: Trusted) -> None:
    """cds-36."""
    assert reading.critical(reading.cards_of(trusted.view(trusted.viewer(), violating())))


HOSTILE = [
    "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a.b.c", "Bearer a.b", "Bearer ..",
    "Bearer \xff.x.y", "bearer null", "Bearer eyJhbGciOiJub25lIn0.e30.",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_authorization_is_a_bare_401(trusted: Trusted, value: str) -> None:
    """cds-43."""
    sent = {"Authorization": value.encode("latin-1")}
    bare_401(cds.http("POST", trusted.url + VIEW_PATH, json={}, headers=sent))


def test_an_authorization_of_20_kb_is_refused(trusted: Trusted) -> None:
    """cds-43."""
    sent = {"Authorization": "Bearer " + "a" * 20_000}
    assert cds.http("POST", trusted.url + VIEW_PATH, json={}, headers=sent).status_code in (400, 401, 431)


@pytest.mark.parametrize("name", ["kid", "typ"])
def test_a_required_header_field_is_missed(trusted: Trusted, name: str) -> None:
    """cds-37."""
    bare_401(trusted.view(without_header(trusted.main, trusted.aud(VIEW_PATH), name)))


def test_an_unknown_kid_is_refused(trusted: Trusted) -> None:
    """cds-41."""
    bare_401(trusted.view(trusted.viewer(header={"kid": "other"})))


def test_an_address_of_keys_that_is_not_trusted_is_never_fetched(trusted: Trusted, evil: FakeFHIR) -> None:
    """cds-37, cds-41, cds-42."""
    thief = Client(trusted.main.iss)
    evil.rules["*"] = faults.answering(200, thief.jwks())
    for iss in (trusted.main.iss, "https://nobody.example"):
        bare_401(trusted.view(thief.token(trusted.aud(VIEW_PATH), {"jku": f"{evil.url}/jwks.json"}, iss=iss)))
    assert evil.log == []


def test_a_key_inside_the_header_is_not_trusted(trusted: Trusted) -> None:
    """cds-37: keys come from a trusted address or out of band."""
    thief = Client(trusted.main.iss, kid=trusted.main.kid)
    header = thief.header(jwk=thief.key.as_dict(private=False))
    bare_401(trusted.view(signed_as_is(thief, trusted.aud(VIEW_PATH), header)))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None])
def test_there_is_no_algorithm_none(trusted: Trusted, alg: str | None) -> None:
    """cds-39."""
    bare_401(trusted.view(unsigned(trusted.main, trusted.aud(VIEW_PATH), alg)))


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("secret", ["pem", "pem stripped", "jwk", "kid", "empty"])
def test_the_public_key_is_no_secret_of_an_hmac(trusted: Trusted, alg: str, secret: str) -> None:
    """cds-39."""
    pem = trusted.main.key.as_pem(private=False)
    secrets = {
        "pem": pem,
        "pem stripped": pem.strip(),
        "jwk": json.dumps(trusted.main.jwks()["keys"][0]).encode(),
        "kid": trusted.main.kid.encode(),
        "empty": b"",
    }
    bare_401(trusted.view(hmac_signed(trusted.main, trusted.aud(VIEW_PATH), secrets[secret], alg)))


@pytest.mark.parametrize("client", ["main", "rs", "es256"])
def test_the_algorithms_that_a_client_lists_are_taken(trusted: Trusted, client: str) -> None:
    """cds-39."""
    assert trusted.view(trusted.viewer(client)).status_code == 200


@pytest.mark.parametrize("alg", ["RS256", "PS384"])
def test_an_algorithm_that_the_client_does_not_list_is_refused(trusted: Trusted, alg: str) -> None:
    """cds-39: truly signed by its own key all the same."""
    members = {name: value for name, value in trusted.clients["rs"].key.as_dict(private=True).items() if name != "alg"}
    key = type(trusted.clients["rs"].key).import_key(members)
    bare_401(trusted.view(trusted.viewer("rs", header={"alg": alg}, key=key)))


def test_a_forged_signature_is_refused(trusted: Trusted) -> None:
    """cds-41."""
    bare_401(trusted.view(Client(trusted.main.iss, kid=trusted.main.kid).token(trusted.aud(VIEW_PATH))))
    head, body, signature = trusted.viewer().split(".")
    other = packed({**trusted.main.claims(trusted.aud(VIEW_PATH)), "tenant": "root"})
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.{b64(bytes(96))}", f"{head}.{body}."):
        bare_401(trusted.view(forged))


def test_a_key_of_another_client_is_refused(trusted: Trusted) -> None:
    """cds-42."""
    bare_401(trusted.view(trusted.viewer("tenant", iss=trusted.main.iss, tenant="t1")))


def test_an_unknown_issuer_is_refused(trusted: Trusted) -> None:
    """cds-41."""
    bare_401(trusted.view(Client("https://stranger.example").token(trusted.aud(VIEW_PATH))))
    for iss in (f"{trusted.main.iss}/", trusted.main.iss.upper(), f" {trusted.main.iss}", ""):
        bare_401(trusted.view(trusted.viewer(iss=iss)))


def test_the_public_sandbox_is_not_trusted(trusted: Trusted) -> None:
    """cds-44."""
    bare_401(trusted.view(Client("https://sandbox.cds-hooks.org").token(trusted.aud(VIEW_PATH))))


def test_all_refusals_look_alike(trusted: Trusted) -> None:
    """cds-43."""
    aud, now = trusted.aud(VIEW_PATH), int(time.time())
    faulty = [
        None,
        "a.b.c",
        trusted.main.token("https://x.example"),
        trusted.viewer(exp=now - 500, iat=now - 600),
        unsigned(trusted.main, aud),
        Client(trusted.main.iss, kid=trusted.main.kid).token(aud),
        trusted.viewer("tenant", tenant="zz"),
    ]
    answers = [trusted.view(token) for token in faulty]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(("path", "text"), [(VIEW_PATH, "{"), (f"{DISCOVERY}/unknown", "{}"), (FEEDBACK_PATH, "[]")])
def test_the_caller_is_checked_before_the_body(trusted: Trusted, path: str, text: str) -> None:
    """cds-43: an untrusted caller learns nothing, whatever it sends."""
    assert cds.http("POST", trusted.url + path, data=text).status_code == 401


def test_tokens_are_never_logged_or_stored(trusted: Trusted) -> None:
    """cds-22, cds-43: good ones neither."""
    tokens = [
        trusted.viewer(jti=str(uuid.uuid4())),
        trusted.main.token("https://x.example"),
        unsigned(trusted.main, trusted.aud(VIEW_PATH)),
    ]
    for token in tokens:
        trusted.view(token)
    said = trusted.service.spoken()
    assert said
    for token in tokens:
        assert token.encode() not in said and token.split(".")[1].encode() not in said
