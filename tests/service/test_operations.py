"""Health, readiness, the API's page, and what the log says."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, patient_id, settings_in


def test_the_process_says_that_it_lives(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_says_loudly_that_the_site_is_open_and_its_clock_frozen(client: TestClient) -> None:
    told = client.get("/readyz").json()
    assert told["status"] == "ready" and told["open"] is True
    assert "OPEN" in told["warning"]
    assert told["frozenAsOf"].startswith(AS_OF)


def test_tables_that_do_not_hold_make_the_service_not_ready(tmp_path: Path) -> None:
    overlay = tmp_path / "thresholds"
    overlay.mkdir()
    (overlay / "no-such-topic.yaml").write_text("x: 1\n")
    settings = settings_in(tmp_path, HCC_THRESHOLDS=str(overlay))
    with TestClient(create_app(Site(settings, PUBLIC, open=True))) as caller:
        answer = caller.get("/readyz")
    assert answer.status_code == 503 and answer.json()["status"] == "not ready"
    assert "no-such-topic" in answer.json()["reason"]


def test_the_page_of_the_api_names_no_other_host_and_its_files_are_here(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) >= 3
    for link in linked:
        assert link.startswith("/docs/assets/")
        assert client.get(link).status_code == 200
    assert not re.search(r"https?://", page.text)


def test_the_api_describes_every_route_in_a_version_that_the_page_reads(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    assert told["openapi"].startswith("3.0.")
    assert {"/cds-services", "/cds-services/{service_id}", "/evaluate", "/patients/{patient_id}/timeline"} <= set(
        told["paths"]
    )
    assert "OPEN" in told["info"]["description"] and "frozen" in told["info"]["description"]


def test_the_log_holds_routes_and_times_and_nothing_of_a_patient(
    client: TestClient, charts: dict[str, list[Json]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="hcc")
    chart = charts["syn-01-eligible"]
    client.post(PATIENT_VIEW, json=hook_request(chart))
    client.get(f"/patients/{patient_id(chart)}/assessment")
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("hcc"))
    assert "POST /cds-services/{service_id} 200" in text
    assert "GET /patients/{patient_id}/assessment 503" in text
    assert patient_id(chart) not in text and "Zhang" not in text


def test_health_can_be_asked_without_a_body(client: TestClient) -> None:
    answer = client.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")
