"""Browsers that may call, and those that may not."""

from __future__ import annotations

import pytest
import requests

from tests.client import cds
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.conftest import ORIGIN
from tests.client.fhirserver import FakeFHIR
from tests.client.records import healthy, violating
from tests.client.trusting import Trusted

SANDBOX = "http://localhost:8080"
PATHS = {
    "discovery": ("GET", "/cds-services"),
    "view": ("POST", f"/cds-services/{VIEW}"),
    "select": ("POST", f"/cds-services/{SELECT}"),
    "sign": ("POST", f"/cds-services/{SIGN}"),
    "feedback": ("POST", f"/cds-services/{VIEW}/feedback"),
}
STRANGERS = [
    "https://evil.example", f"{ORIGIN}.evil.example", ORIGIN.replace("https", "http"), "null", f"{ORIGIN}:8443",
]  # fmt: skip


def preflight(url: str, name: str, origin: str, ask: str = "authorization,content-type") -> requests.Response:
    method, path = PATHS[name]
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": ask}
    return cds.http("OPTIONS", url + path, headers={"Origin": origin, **asked})


def granted(response: requests.Response, origin: str, method: str = "") -> None:
    told = response.headers
    assert told.get("Access-Control-Allow-Origin") == origin, dict(told)
    assert "origin" in told.get("Vary", "").lower(), told.get("Vary")
    if method:
        names = told["Access-Control-Allow-Headers"].lower()
        assert method in told["Access-Control-Allow-Methods"].upper()
        assert "authorization" in names and "content-type" in names, names


@pytest.mark.parametrize("name", PATHS)
def test_an_open_service_grants_every_preflight(ehr: Ehr, name: str) -> None:
    """cds-45."""
    response = preflight(ehr.url, name, "http://sandbox.local:8080")
    assert response.status_code in (200, 204)
    granted(response, "http://sandbox.local:8080", PATHS[name][0])


@pytest.mark.parametrize("name", PATHS)
def test_a_preflight_of_an_allowed_origin_needs_no_token(trusted: Trusted, name: str) -> None:
    """cds-45."""
    response = preflight(trusted.url, name, ORIGIN)
    assert response.status_code in (200, 204)
    granted(response, ORIGIN, PATHS[name][0])


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("name", ["discovery", "view", "feedback"])
def test_a_forbidden_origin_is_not_granted(trusted: Trusted, name: str, origin: str) -> None:
    """cds-45."""
    response = preflight(trusted.url, name, origin)
    assert response.headers.get("Access-Control-Allow-Origin") not in (origin, "*")
    assert response.status_code != 401


def test_there_is_never_a_star(ehr: Ehr, trusted: Trusted) -> None:
    """cds-45: for headers neither, since it would not cover Authorization."""
    for url in (ehr.url, trusted.url):
        for name in PATHS:
            told = preflight(url, name, ORIGIN).headers
            assert told.get("Access-Control-Allow-Origin") != "*"
            assert told.get("Access-Control-Allow-Headers") != "*"


def test_the_preflight_of_the_public_sandbox_is_granted(ehr: Ehr) -> None:
    """cds-45: for discovery it asks for `authorization` alone."""
    granted(preflight(ehr.url, "discovery", SANDBOX, "authorization"), SANDBOX, "GET")


def test_answers_carry_the_headers(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-45: else a browser throws the answer away."""
    origin = {"Origin": SANDBOX}
    granted(ehr.post(VIEW, ehr.full(VIEW, healthy(), fake), origin), SANDBOX)
    granted(cds.http("GET", f"{ehr.url}/cds-services", headers=origin), SANDBOX)


def test_errors_carry_the_headers(ehr: Ehr, trusted: Trusted) -> None:
    """cds-45."""
    origin = {"Origin": ORIGIN}
    bare = cds.call(VIEW, cds.hook_context(violating()))
    for response, status in (
        (ehr.post(VIEW, "{", origin), 400),
        (ehr.post("unknown", {}, origin), 404),
        (ehr.post(VIEW, bare, origin), 412),
        (trusted.call(None, payload={}, headers=origin), 401),
    ):
        assert response.status_code == status
        granted(response, ORIGIN)


def test_a_forbidden_origin_gets_no_header_on_answers(trusted: Trusted) -> None:
    """cds-45."""
    response = trusted.discover(trusted.main.token(trusted.aud()), Origin="https://evil.example")
    assert response.status_code == 200 and response.headers.get("Access-Control-Allow-Origin") is None
