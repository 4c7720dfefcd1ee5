"""Browsers: who may call from a page, also when the answer is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import PATIENT_VIEW, PUBLIC, settings_in

PAGE = "https://sandbox.example.org"
PATHS = [("/cds-services", "GET"), (PATIENT_VIEW, "POST"), (f"{PATIENT_VIEW}/feedback", "POST")]


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[TestClient]:
    """A caller of a site with tokens that lists one origin."""
    clients = tmp_path / "clients.toml"
    clients.write_text('[[client]]\niss = "https://ehr.example.org"\njwks = "keys.json"\n')
    (tmp_path / "keys.json").write_text('{"keys": []}')
    settings = settings_in(tmp_path, HCC_CORS_ORIGINS=PAGE, HCC_CLIENTS=str(clients))
    with TestClient(create_app(Site(settings, PUBLIC))) as caller:
        yield caller


def preflight(caller: TestClient, path: str, method: str, origin: str) -> dict[str, str]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = caller.options(path, headers=headers)
    return {"status": str(answer.status_code), **{k.lower(): v for k, v in answer.headers.items()}}


@pytest.mark.parametrize(("path", "method"), PATHS)
def test_an_open_site_echoes_every_origin_and_names_both_headers(client: TestClient, path: str, method: str) -> None:
    """cds-45"""
    for origin in (PAGE, "http://localhost:8080", "null"):
        told = preflight(client, path, method, origin)
        assert told["status"] == "200"
        assert told["access-control-allow-origin"] == origin
        assert {"authorization", "content-type"} <= set(told["access-control-allow-headers"].lower().split(", "))
        assert method in told["access-control-allow-methods"]
        assert "Origin" in told["vary"]


@pytest.mark.parametrize(("path", "method"), PATHS)
def test_a_listed_origin_is_echoed_without_a_token_and_another_is_not(
    listed: TestClient, path: str, method: str
) -> None:
    """cds-45"""
    assert preflight(listed, path, method, PAGE)["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in preflight(listed, path, method, "https://evil.example")


def test_no_answer_allows_credentials_with_a_star(client: TestClient) -> None:
    """cds-45"""
    told = preflight(client, "/cds-services", "GET", PAGE)
    assert told["access-control-allow-origin"] != "*" and "access-control-allow-credentials" not in told


@pytest.mark.parametrize(
    ("path", "status"),
    [("/cds-services", 200), ("/nowhere", 404), ("/cds-services/other", 405), ("/patients/p1/assessment", 503)],
)
def test_errors_carry_the_headers_too(client: TestClient, path: str, status: int) -> None:
    """cds-45"""
    answer = client.get(path, headers={"Origin": PAGE})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Origin" in answer.headers["vary"]


def test_a_refused_token_carries_the_headers_too(listed: TestClient) -> None:
    """cds-43, cds-45"""
    answer = listed.get("/cds-services", headers={"Origin": PAGE})
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    stranger = listed.get("/cds-services", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers and "Origin" in stranger.headers["vary"]
