"""Tokens of CDS Hooks callers: which are trusted, and that a fault is a bare 401."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OctKey
from starlette.testclient import TestClient

from adapter.state import open_state
from adapter.terminology.strangers import Stranger
from tests.service.callers import (
    DISCOVERY,
    ISS,
    KEY,
    OTHER,
    RSA,
    T1,
    app_in,
    key_set,
    status,
    token,
    write_clients,
)
from tests.service.conftest import PATIENT_VIEW, PUBLIC, Json, hook_request

EVIL = "https://evil.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clients(tmp_path)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with app_in(folder) as caller:
        yield caller


def at(seconds: int) -> int:
    """An instant from now."""
    return int(time.time()) + seconds


def test_a_token_that_holds_is_accepted_for_discovery_call_and_feedback(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    """cds-9, cds-32, cds-36: one token each for discovery, call and feedback, each naming the address called."""
    assert status(client, token(**T1)) == 200
    url = PUBLIC + PATIENT_VIEW
    chart = charts["syn-01-eligible"]
    assert client.post(PATIENT_VIEW, json=hook_request(chart), headers=token(url, **T1)).status_code == 200
    headers = token(f"{url}/feedback", **T1)
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": []}, headers=headers).status_code == 200
    headers = token(url, **T1)
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": []}, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: token(key=RSA, algorithm="RS384", header={"kid": "r1"}, **T1), id="cds-39 RS384"),
        pytest.param(lambda: token(["https://x.example", DISCOVERY], **T1), id="cds-38 aud an array"),
        pytest.param(lambda: token(f"{DISCOVERY}/", **T1), id="cds-40 aud with one trailing slash"),
        pytest.param(lambda: token(tenant="t2"), id="cds-38 another tenant of the list"),
        pytest.param(lambda: token(exp=at(-50), iat=at(-350), **T1), id="cds-41 expired within the skew"),
        pytest.param(lambda: token(exp=at(350), iat=at(50), **T1), id="cds-41 issued ahead within the skew"),
        pytest.param(lambda: token(exp=at(3590), iat=at(-10), **T1), id="cds-41 an hour"),
        pytest.param(
            lambda: token(exp=time.time() + 300.5, iat=time.time() - 0.5, **T1), id="cds-38 times in fractions"
        ),
        pytest.param(lambda: token(header={"typ": "jwt"}, **T1), id="cds-37 typ in lower case"),
        pytest.param(lambda: token(header={"jku": f"{EVIL}/k"}, **T1), id="cds-37 jku, keys exchanged out of band"),
        pytest.param(lambda: token(sub="x", extra={"a": [1]}, **T1), id="cds-38 claims that nobody knows"),
    ],
)
def test_every_legal_form_of_a_token_is_accepted(client: TestClient, make: Callable[[], dict[str, str]]) -> None:
    assert status(client, make()) == 200


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: None, id="cds-36 no header"),
        pytest.param(lambda: {"Authorization": "Basic YTpi"}, id="cds-36 another scheme"),
        pytest.param(lambda: {"Authorization": "Bearer"}, id="cds-36 no token"),
        pytest.param(lambda: {"Authorization": "Bearer a.b.c"}, id="cds-36 no JWT"),
        pytest.param(lambda: {"Authorization": "Bearer " + "a" * 20000}, id="cds-36 a long nothing"),
        pytest.param(lambda: token(iss=EVIL, **T1), id="cds-41 iss not listed"),
        pytest.param(lambda: token(iss=f"{ISS}/", **T1), id="cds-41 iss almost listed"),
        pytest.param(lambda: token(iss=None, **T1), id="cds-38 no iss"),
        pytest.param(lambda: token(iss=[ISS], **T1), id="cds-38 iss a list"),
        pytest.param(lambda: token("http://127.0.0.1:8000/cds-services", **T1), id="cds-40 aud another host"),
        pytest.param(lambda: token(f"{PUBLIC}/cds-services/other", **T1), id="cds-40 aud another service"),
        pytest.param(lambda: token(PUBLIC, **T1), id="cds-40 aud the root alone"),
        pytest.param(lambda: token(f"{DISCOVERY}//", **T1), id="cds-40 aud with two trailing slashes"),
        pytest.param(lambda: token(f"{DISCOVERY}?x=1", **T1), id="cds-40 aud with a query"),
        pytest.param(lambda: token([], **T1), id="cds-38 aud an empty array"),
        pytest.param(lambda: token([[DISCOVERY]], **T1), id="cds-38 aud nested"),
        pytest.param(lambda: token(aud=None, **T1), id="cds-38 no aud"),
        pytest.param(lambda: token(exp=at(-70), iat=at(-370), **T1), id="cds-41 expired"),
        pytest.param(lambda: token(exp=None, **T1), id="cds-38 no exp"),
        pytest.param(lambda: token(exp="soon", **T1), id="cds-38 exp no number"),
        pytest.param(lambda: token(exp=True, **T1), id="cds-38 exp a boolean"),
        pytest.param(lambda: token(exp=1e300, **T1), id="cds-41 exp beyond time"),
        pytest.param(lambda: token(iat=None, **T1), id="cds-38 no iat"),
        pytest.param(lambda: token(iat=at(70), exp=at(300), **T1), id="cds-41 issued in the future"),
        pytest.param(lambda: token(iat=at(-10), exp=at(3600), **T1), id="cds-41 longer than an hour"),
        pytest.param(lambda: token(iat=at(20), exp=at(10), **T1), id="cds-41 exp before iat"),
        pytest.param(lambda: token(nbf=at(600), **T1), id="cds-41 not yet valid"),
        pytest.param(lambda: token(jti=None, **T1), id="cds-38 no jti"),
        pytest.param(lambda: token(jti=7, **T1), id="cds-38 jti a number"),
        pytest.param(lambda: token(tenant="t9"), id="cds-41 tenant not listed"),
        pytest.param(lambda: token(tenant=["t1"]), id="cds-41 tenant a list"),
        pytest.param(lambda: token(), id="cds-41 no tenant where tenants are listed"),
        pytest.param(lambda: token(key=OTHER, **T1), id="cds-41 signed by another key of this kid"),
        pytest.param(lambda: token(header={"kid": "unknown"}, **T1), id="cds-42 kid unknown"),
        pytest.param(lambda: token(header={"kid": None}, **T1), id="cds-37 no kid"),
        pytest.param(lambda: token(header={"kid": "r1"}, **T1), id="cds-41 kid of a key of another kind"),
        pytest.param(lambda: token(header={"typ": None}, **T1), id="cds-37 no typ"),
        pytest.param(lambda: token(header={"typ": "at+jwt"}, **T1), id="cds-37 another typ"),
        pytest.param(lambda: token(key=OctKey.import_key("s" * 64), algorithm="HS256", **T1), id="cds-39 HS256"),
        pytest.param(
            lambda: token(key=OctKey.import_key(key_set(KEY)), algorithm="HS256", **T1),
            id="cds-39 HS256 by the key set",
        ),
        pytest.param(
            lambda: token(key=RSA, algorithm="RS256", header={"kid": "r1"}, **T1), id="cds-39 an algorithm not chosen"
        ),
        pytest.param(
            lambda: token(key=KEY, header={"jwk": KEY.as_dict(private=False), "kid": "mine"}, **T1),
            id="cds-37 a key that the token brings along",
        ),
    ],
)
def test_any_fault_of_a_token_is_a_bare_401(client: TestClient, make: Callable[[], dict[str, str] | None]) -> None:
    """cds-43: nothing is said of why."""
    assert status(client, make()) == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS384", "HS512", "EdDSA", "", None, 5])
def test_a_header_with_another_algorithm_is_refused_whatever_the_signature(
    client: TestClient, algorithm: object
) -> None:
    """cds-39: also the public key's PEM, the best known secret of all, signs nothing by HMAC."""
    head, body, signature = token(**T1)["Authorization"].removeprefix("Bearer ").split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "k1"}).encode()).rstrip(b"=")
    for signed in ("", signature):
        assert status(client, {"Authorization": f"Bearer {forged.decode()}.{body}.{signed}"}) == 401
    assert status(client, {"Authorization": f"Bearer {head}.{body}."}) == 401
    head, body, _ = token(algorithm="ES384", header={"alg": "HS384"}, **T1)["Authorization"][7:].split(".")
    secret = hmac.digest(KEY.as_pem(private=False), f"{head}.{body}".encode(), "sha384")
    mac = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    assert status(client, {"Authorization": f"Bearer {head}.{body}.{mac}"}) == 401


def test_a_header_that_makes_demands_is_refused(client: TestClient) -> None:
    """cds-37: `crit` and `b64` change what is signed, and nobody agreed on them."""
    for demand in ({"crit": ["b64"], "b64": False}, {"b64": False}, {"crit": ["exp"]}):
        head, body, signature = token(**T1)["Authorization"].removeprefix("Bearer ").split(".")
        asked = json.dumps({"alg": "ES384", "typ": "JWT", "kid": "k1", **demand}).encode()
        head = base64.urlsafe_b64encode(asked).rstrip(b"=").decode()
        assert status(client, {"Authorization": f"Bearer {head}.{body}.{signature}"}) == 401


def test_a_token_is_used_once_also_across_workers(folder: Path, client: TestClient) -> None:
    """cds-41: the store of jti is shared."""
    headers = token(**T1)
    assert [status(client, headers), status(client, headers)] == [200, 401]
    with app_in(folder) as second:
        assert status(second, headers) == 401


@pytest.mark.parametrize("tenant", ["a\x00b", "\x00", "a\nb", "a\x7f", "a\u0085b", 7, True, ["t1"], {"t1": 1}])
def test_a_tenant_that_is_no_plain_text_is_refused_where_any_tenant_may_call(
    client: TestClient, tenant: object
) -> None:
    """cds-38: it goes into the log and the state database, and not every database can hold a NUL."""
    assert status(client, token(iss="https://other.example.org", tenant=tenant)) == 401
    assert status(client, token(iss="https://other.example.org", tenant="Klinik S\u00fcd")) == 200


def test_a_state_that_is_gone_lets_nobody_in_and_calls_nobody_a_forger(folder: Path, client: TestClient) -> None:
    """cds-41: whether a token was used before cannot be told."""
    used = token(**T1)
    assert status(client, used) == 200
    (folder / "state.db").rename(folder / "away.db")
    assert [status(client, headers) for headers in (used, token(**T1))] == [503, 503]
    (folder / "away.db").rename(folder / "state.db")
    assert [status(client, headers) for headers in (used, token(**T1))] == [401, 200]


@pytest.mark.parametrize("jti", ["x" * 5000, "a\x00b", "\U0001f600", " "])
def test_any_jti_is_kept_and_refused_the_second_time(client: TestClient, jti: str) -> None:
    """cds-41: whatever it is made of."""
    headers = token(jti=jti, **T1)
    assert [status(client, headers), status(client, headers)] == [200, 401]


def test_the_same_jti_of_two_issuers_is_two_tokens(client: TestClient) -> None:
    """cds-41, cds-42: neither jti nor kid means anything without its issuer."""
    assert status(client, token(jti="same", **T1)) == 200
    assert status(client, token(jti="same", iss="https://other.example.org")) == 200


def test_a_forged_token_does_not_use_up_the_jti_of_the_real_one(client: TestClient) -> None:
    """cds-41: the order of the checks: signature, then first use."""
    assert status(client, token(key=OTHER, jti="j-1", **T1)) == 401
    assert status(client, token(jti="j-1", **T1)) == 200


def test_the_order_of_the_checks_is_that_of_the_best_practices(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """cds-41: iss, aud, exp, tenant, signature, jti; the log names the first fault."""
    caplog.set_level(logging.WARNING, logger="hcc.service")
    fault: Json = {"iss": EVIL, "aud": EVIL, "exp": at(-900), "iat": at(-1000), "tenant": "t9"}
    told = []
    mending: dict[str, Json] = {"iss": {"iss": ISS}, "aud": {"aud": DISCOVERY}, "exp": {"exp": at(60)}, "tenant": T1}
    for mended in mending.values():
        status(client, token(key=OTHER, **fault))
        told.append(caplog.records[-1].getMessage())
        fault |= mended
    status(client, token(key=OTHER, **fault))
    told.append(caplog.records[-1].getMessage())
    for word, line in zip(("iss", "aud", "expired", "tenant", "signature"), told, strict=True):
        assert word in line


def test_no_token_is_ever_logged(
    client: TestClient, charts: dict[str, list[Json]], caplog: pytest.LogCaptureFixture
) -> None:
    """cds-43, cds-22: neither the caller's nor the one of fhirAuthorization."""
    caplog.set_level(logging.DEBUG)
    made = [token(**T1), token(tenant="t9"), token(key=OTHER, **T1), token(PUBLIC + PATIENT_VIEW, **T1)]
    for headers in made[:-1]:
        status(client, headers)
    access = {
        "access_token": "s3cret-of-the-ehr",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "",
        "subject": "x",
    }
    request = hook_request(
        charts["syn-01-eligible"], fhirServer="https://fhir.ehr.example.org/r4", fhirAuthorization=access
    )
    client.post(PATIENT_VIEW, json=request, headers=made[-1])
    text = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    assert "refused a token" in text and "s3cret" not in text
    for headers in made:
        assert not any(part in text for part in headers["Authorization"].removeprefix("Bearer ").split("."))


def test_the_log_says_who_called(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """cds-48: access is audited by issuer and tenant; neither belongs to a patient."""
    caplog.set_level(logging.INFO, logger="hcc.service")
    status(client, token(**T1))
    assert caplog.records[-1].getMessage().startswith("GET /cds-services 200 ")
    assert caplog.records[-1].getMessage().endswith(f" {ISS} t1")


def test_neither_host_nor_forwarded_headers_change_the_audience(client: TestClient) -> None:
    """cds-40: behind a proxy HCC_PUBLIC_URL alone decides."""
    forwarded = {
        "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/x", "Forwarded": "host=evil.example;proto=http",
    }  # fmt: skip
    assert status(client, {**token(f"{EVIL}/cds-services", **T1), **forwarded}) == 401
    assert status(client, {**token("http://evil.example/cds-services", **T1), **forwarded}) == 401
    assert status(client, {**token(**T1), **forwarded}) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/evaluate", "/patients/p1/assessment", "/nowhere", "/healthz/", "//readyz"]
)
def test_everything_else_needs_one(client: TestClient, path: str) -> None:
    """cds-35: without a trusted caller nothing is said of any patient, nor of what there is."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_verified_caller_may_name_only_its_own_fhir_server_and_services(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    url, request = PUBLIC + PATIENT_VIEW, hook_request(charts["syn-01-eligible"])
    foreign = {**request, "fhirServer": "https://foreign.example.org/fhir"}
    assert client.post(PATIENT_VIEW, json=foreign, headers=token(url, **T1)).status_code == 403
    own = {**request, "fhirServer": "https://fhir.ehr.example.org/r4"}
    assert client.post(PATIENT_VIEW, json=own, headers=token(url, **T1)).status_code == 200
    other = token(url, iss="https://other.example.org")
    assert client.post(PATIENT_VIEW, json=request, headers=other).status_code == 403


def test_a_fresh_key_in_the_file_is_found_and_counts_for_its_issuer_alone(folder: Path) -> None:
    """cds-42: unknown kid, one more look; the cache is per issuer."""
    fresh = ECKey.generate_key("P-384", {"kid": "k2", "alg": "ES384"})
    with app_in(folder) as caller:
        (folder / "keys.json").write_text(key_set(KEY, fresh))
        assert status(caller, token(key=fresh, header={"kid": "k2"}, **T1)) == 200


def test_the_ledger_of_codes_is_for_trusted_callers_and_shows_the_servers_that_they_may_name(
    folder: Path, client: TestClient
) -> None:
    own, other = "https://fhir.ehr.example.org/r4", "https://elsewhere.example.org/fhir"
    with open_state(f"sqlite:///{folder / 'state.db'}") as state:
        for source in (own, other):
            met = Stranger("Observation/o1", "http://h.example/lab", "X", "x", "unknown")
            state.strangers.put(source, "Patient/p1", [met], "2024-05-01T00:00:00+00:00")
    url = f"{PUBLIC}/mappings/unmapped"
    assert client.get("/mappings/unmapped").status_code == 401
    answer = client.get("/mappings/unmapped", headers=token(url, **T1))
    assert [ledger["source"] for ledger in answer.json()["sources"]] == [own]
