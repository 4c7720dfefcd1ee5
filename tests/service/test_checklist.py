"""Lines of the CDS Hooks checklist that concern every service alike: what all answers have, and what none has."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import Json, hook_request, prefetched
from tests.service.ordering import SELECT, SIGN, drug, order_request, procedure
from tests.service.test_discovery import empties

HOOKS = {
    "hcc-conversion-patient-view": "patient-view",
    "hcc-conversion-order-select": SELECT,
    "hcc-conversion-order-sign": SIGN,
}
RENDERED = {"info", "warning", "critical"}


def request_for(hook: str, chart: list[Json], **changes: Any) -> Json:
    """A call of a service with everything that its hook wants."""
    if hook == "patient-view":
        return hook_request(chart, **changes)
    return order_request(chart, [drug("lenvatinib"), procedure("hepatectomy")], hook, **changes)


def answered(client: TestClient, service: str, request: Json) -> Json:
    answer = client.post(f"/cds-services/{service}", json=request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: Json = answer.json()
    return found


def test_the_three_hooks_that_come_first_are_offered_under_ids_of_their_own(client: TestClient) -> None:
    """cds-7, cds-50, cds-51: published hooks, so none needs a name of its own."""
    services = client.get("/cds-services").json()["services"]
    assert {one["id"]: one["hook"] for one in services} == HOOKS and len(services) == len(HOOKS)


def test_the_path_of_discovery_is_exact(client: TestClient) -> None:
    """cds-5: no other path answers, and none redirects to an address that the caller chose."""
    for path in ("/cds-services/", "/CDS-services", "/cds-services/x/"):
        answer = client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert answer.status_code in (404, 405) and "location" not in answer.headers


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_an_answer_holds_cards_and_nothing_that_acts_by_itself(
    client: TestClient, charts: dict[str, list[Json]], service: str, hook: str
) -> None:
    """cds-2, cds-25, cds-27, cds-30, cds-31: invariants of every answer, and links only to what exists."""
    for chart in charts.values():
        told = answered(client, service, request_for(hook, chart))
        assert set(told) == {"cards"}
        assert [place for place in empties(told) if place != "/cards"] == []
        for card in told["cards"]:
            assert 0 < len(card["summary"]) < 140 and card["indicator"] in RENDERED and card["source"]["label"]
            assert all(reason["display"] and reason["code"] and reason["system"] for reason in card["overrideReasons"])
            suggestions = card.get("suggestions", [])
            assert not suggestions or card["selectionBehavior"] in ("any", "at-most-one")
            recommended = [one for one in suggestions if one.get("isRecommended")]
            assert card.get("selectionBehavior") != "at-most-one" or len(recommended) <= 1
            assert not any("actionSelectionBehavior" in one for one in suggestions)
            for link in card.get("links", []):
                assert {"label", "url", "type"} <= set(link) and link["type"] in ("absolute", "smart")


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_members_of_other_versions_and_extensions_change_nothing(
    client: TestClient, charts: dict[str, list[Json]], service: str, hook: str
) -> None:
    """cds-3, cds-4: accepted wherever they stand, never echoed."""
    request = request_for(hook, charts["syn-05-bevacizumab-too-late"])
    before = answered(client, service, request)
    odd = {
        "extension": {"org.example.x": {"y": ["echo-me"]}},
        "version": "3.0.0",
        "hookVersion": "1.1",
        "fhirVersion": 4,
    }
    told = answered(client, service, {**request, **odd, "context": {**request["context"], **odd, "new": {"a": None}}})
    assert told == before and before["cards"]


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_what_was_not_asked_for_is_not_used(
    client: TestClient, charts: dict[str, list[Json]], service: str, hook: str
) -> None:
    """cds-17, cds-18: the keys of discovery are the contract; another key says nothing, be it of another patient."""
    chart = charts["syn-05-bevacizumab-too-late"]
    request = request_for(hook, chart)
    before = answered(client, service, request)
    other = prefetched(charts["syn-01-eligible"])["conditions"]
    more = {**request["prefetch"], "somethingElse": other, "item1": None, "": "x"}
    assert answered(client, service, {**request, "prefetch": more}) == before


@pytest.mark.parametrize("text", [b'{"hook": "patient-view", // why\n}', b'{"hook": "patient-view",}', b"{'hook': 1}"])
def test_what_is_not_json_is_refused(client: TestClient, text: bytes) -> None:
    """cds-1: no comments, no trailing commas."""
    for service in HOOKS:
        answer = client.post(f"/cds-services/{service}", content=text, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_an_empty_context_names_every_field_that_it_lacks(
    client: TestClient, charts: dict[str, list[Json]], service: str, hook: str
) -> None:
    """cds-10: an object without members is no context; null, a list and a text are none either."""
    request = request_for(hook, charts["syn-01-eligible"])
    answer = client.post(f"/cds-services/{service}", json={**request, "context": {}})
    assert answer.status_code == 400 and answer.json()["resourceType"] == "OperationOutcome"
    named = {issue["diagnostics"].partition(":")[0] for issue in answer.json()["issue"]}
    assert {"context.userId", "context.patientId"} <= named
    nothing: list[Any] = [None, [], "x", 1]
    for wrong in nothing:
        answer = client.post(f"/cds-services/{service}", json={**request, "context": wrong})
        assert answer.status_code == 400 and answer.json()["issue"][0]["diagnostics"].startswith("context:")


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_no_card_of_any_hook_has_a_link(
    client: TestClient, charts: dict[str, list[Json]], service: str, hook: str
) -> None:
    """cds-31: there is no app and no page for one patient that a card could open; who adds one follows it here."""
    cards = [card for chart in charts.values() for card in answered(client, service, request_for(hook, chart))["cards"]]
    assert cards and not [card for card in cards if "links" in card]
    assert not [card for card in cards if "](" in card["detail"].replace("\\]", "")], "nor one inside the text"
