"""Discovery, as CDS Hooks clients read it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.testclient import TestClient

from adapter.fhir.reading import SEARCHED
from tests.service.conftest import AS_OF

TOKEN = re.compile(r"\{\{([^}]*)\}\}")
CONTEXT_TOKENS = {"context.userId", "context.patientId", "context.encounterId"}


def empties(value: Any, path: str = "") -> list[str]:
    """The places of null, empty text, list or object."""
    if value is None or value in ("", [], {}):
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, one in inside for place in empties(one, f"{path}/{name}")]


def test_discovery_answers_at_exactly_its_path_with_the_services_that_exist(client: TestClient) -> None:
    """cds-5, cds-6"""
    answer = client.get("/cds-services")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    services = answer.json()["services"]
    assert {service["id"]: service["hook"] for service in services} == {
        "hcc-conversion-patient-view": "patient-view",
        "hcc-conversion-order-select": "order-select",
        "hcc-conversion-order-sign": "order-sign",
    }
    assert len(services) == 3
    assert all(service["title"] and service["description"] for service in services)


def test_discovery_has_only_members_of_the_published_release(client: TestClient) -> None:
    """cds-6, cds-8"""
    known = {"id", "hook", "title", "description", "prefetch", "usageRequirements"}
    assert all(set(service) <= known for service in client.get("/cds-services").json()["services"])


def test_discovery_holds_no_empty_member(client: TestClient) -> None:
    """cds-2"""
    assert empties(client.get("/cds-services").json()) == []


def test_each_template_is_a_read_or_search_in_the_portable_subset_with_tokens_of_its_hook(client: TestClient) -> None:
    """cds-13, cds-14, cds-15, cds-16"""
    services = client.get("/cds-services").json()["services"]
    assert all(len(service["prefetch"]) == 14 for service in services)
    for template in (template for service in services for template in service["prefetch"].values()):
        assert set(TOKEN.findall(template)) <= CONTEXT_TOKENS
        parts = urlsplit(TOKEN.sub("x", template))
        assert not parts.scheme and not parts.path.startswith("/")
        assert {name for name, _ in parse_qsl(parts.query)} <= {"patient", "_count", "_sort"}


def test_the_templates_ask_for_every_type_that_the_adapter_reads(client: TestClient) -> None:
    service = client.get("/cds-services").json()["services"][0]
    kinds = {re.split(r"[/?]", template)[0] for template in service["prefetch"].values()}
    assert kinds == {"Patient", *SEARCHED}


def test_a_frozen_clock_is_shown_in_the_description(client: TestClient) -> None:
    assert f"frozen at {AS_OF}" in client.get("/cds-services").json()["services"][0]["description"]
