"""What the service publishes of itself."""

from __future__ import annotations

import json
import re

import pytest
import requests

from tests.client import cds, reading
from tests.client.cds import HOOKS, SELECT, SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.process import Service
from tests.client.records import violating
from tests.client.search import Json

VERSION = r"\d+\.\d+(\.\d+)?(-[\w.]+)?"
PUBLISHED = (
    "patient-view", "order-select", "order-sign", "appointment-book", "encounter-start", "encounter-discharge",
    "order-dispatch", "problem-list-item-create", "allergyintolerance-create", "medication-refill", "medication-verify",
)  # fmt: skip


@pytest.fixture(scope="module")
def found(ehr: Ehr) -> requests.Response:
    return cds.http("GET", f"{ehr.url}/cds-services")


def services(found: requests.Response) -> list[Json]:
    """The services that are offered, one at least."""
    offered: list[Json] = found.json()["services"]
    assert offered, "no service is offered"
    return offered


def test_discovery_is_json_without_comments(found: requests.Response) -> None:
    """cds-1."""
    assert "json" in found.headers["content-type"]
    reading.strictly(found.content)


def test_discovery_has_no_empty_members(found: requests.Response) -> None:
    """cds-2."""
    assert reading.empties(found.json()) == []


def test_an_extension_in_discovery_is_an_object(found: requests.Response) -> None:
    """cds-4: named by reverse domain."""
    for place in [found.json(), *services(found)]:
        assert isinstance(place.get("extension", {}), dict) and all("." in name for name in place.get("extension", {}))


def test_discovery_is_at_its_exact_path(found: requests.Response) -> None:
    """cds-5."""
    assert found.status_code == 200
    assert isinstance(services(found), list)


def test_every_service_has_its_required_members(found: requests.Response) -> None:
    """cds-6."""
    for one in services(found):
        for member in ("hook", "id", "description"):
            assert isinstance(one[member], str) and one[member].strip(), (one.get("id"), member)
        assert isinstance(one.get("title", "x"), str) and isinstance(one.get("usageRequirements", "x"), str)
        assert one["prefetch"] and all(isinstance(part, str) for pair in one["prefetch"].items() for part in pair)


def test_the_id_of_a_service_is_its_address(ehr: Ehr) -> None:
    """cds-6."""
    for name in ehr.services():
        assert cds.http("POST", f"{ehr.url}/cds-services/{name}", json={}).status_code != 404


def test_each_id_has_one_hook(found: requests.Response) -> None:
    """cds-7: one id may have several hooks; ours have one each."""
    pairs = [(one["id"], one["hook"]) for one in services(found)]
    assert len(set(pairs)) == len(pairs)
    for name, hook in HOOKS.items():
        assert [told for one, told in pairs if one == name] == [hook]


def test_version_members_if_any_have_the_shape_of_a_version(found: requests.Response) -> None:
    """cds-8."""
    for one in services(found):
        for member in ("version", "hookVersion"):
            assert re.fullmatch(VERSION, one.get(member, "2.0")), one[member]


def test_there_are_services_of_three_hooks(ehr: Ehr) -> None:
    """cds-51."""
    assert {name: one["hook"] for name, one in ehr.services().items() if name in (VIEW, SELECT, SIGN)} == HOOKS


def test_the_names_of_hooks_are_published_ones(ehr: Ehr) -> None:
    """cds-50: others would have names by reverse domain."""
    for one in ehr.services().values():
        assert one["hook"] in PUBLISHED or one["hook"].count(".") >= 2


def test_discovery_takes_no_other_method(ehr: Ehr) -> None:
    """cds-5."""
    for method in ("POST", "PUT", "DELETE"):
        assert 400 <= cds.http(method, f"{ehr.url}/cds-services", json={}).status_code < 500


def test_the_keys_of_discovery_are_the_contract(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-17: data under exactly the published keys is enough."""
    assert reading.critical(ehr.ask(VIEW, violating(), fake))


def test_discovery_is_stable(ehr: Ehr, found: requests.Response) -> None:
    """cds-17: two reads give the same keys."""
    again = cds.http("GET", f"{ehr.url}/cds-services").json()
    assert json.dumps(again, sort_keys=True) == json.dumps(found.json(), sort_keys=True)


def test_readiness_says_that_the_service_is_open(ehr: Ehr) -> None:
    ready = cds.http("GET", f"{ehr.url}/readyz")
    assert ready.status_code == 200 and "open" in ready.text.lower(), ready.text[:200]


def test_the_start_says_that_the_service_is_open(open_service: Service) -> None:
    assert re.search(r"everybody|every caller", open_service.log.read_text("utf-8"), re.IGNORECASE)
