"""Cards of one call only: the same call gives the same cards, nothing stays, and a changed fact undoes an override."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.state import State
from tests.service.conftest import PATIENT_VIEW, Json, hook_request
from tests.service.ordering import PATHS, SELECT, SIGN, drug, order_request, procedure
from tests.service.test_checklist import HOOKS, request_for

Charts = dict[str, list[Json]]
LATE, THROMBUS = "syn-05-bevacizumab-too-late", "syn-16-tace-with-thrombus"


def answer(client: TestClient, path: str, request: Json) -> Any:
    """What a call is answered."""
    given = client.post(path, json=request)
    assert given.status_code == 200, given.text
    return given.json()


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_the_same_call_gives_the_same_cards_however_often_it_is_made(
    client: TestClient, site: Site, charts: Charts, service: str, hook: str
) -> None:
    """cds-46: transient cards: byte for byte, with other patients in between, and after a new start."""
    path, request = f"/cds-services/{service}", request_for(hook, charts[LATE])
    first = answer(client, path, request)
    assert first["cards"]
    for _ in range(3):
        assert answer(client, path, request_for(hook, charts[THROMBUS])) != first
        assert answer(client, path, {**request, "hookInstance": "0a8f6c1e-3d1f-4d43-9b61-0e6f5a3f1c11"}) == first
    with TestClient(create_app(site)) as restarted:
        assert answer(restarted, path, request) == first


def test_draft_orders_are_forgotten_with_their_call(client: TestClient, charts: Charts) -> None:
    """cds-46: what was only about to be ordered is no fact of the next call."""
    chart, drugs = charts[LATE], [drug("lenvatinib")]
    operation = [procedure("hepatectomy", occurrenceDateTime="2024-05-02")]
    before = answer(client, PATIENT_VIEW, hook_request(chart))
    alone = answer(client, PATHS[SIGN], order_request(chart, drugs))
    for hook in (SELECT, SIGN):
        answer(client, PATHS[hook], order_request(chart, [*drugs, *operation], hook))
    assert answer(client, PATIENT_VIEW, hook_request(chart)) == before
    assert answer(client, PATHS[SIGN], order_request(chart, drugs)) == alone


def test_repeated_calls_count_and_add_nothing_else(client: TestClient, charts: Charts) -> None:
    """cds-46: after ten calls the state holds what it held after one, with other numbers."""
    memory: State = client.app.state.memory  # type: ignore[attr-defined]
    held = []
    for _ in range(2):
        for _ in range(5):
            shown = answer(client, PATIENT_VIEW, hook_request(charts[LATE]))["cards"]
        memory.shown.flush()
        held.append(memory.shown.counted())
    assert set(held[0]) == set(held[1]) and {one.card for one in held[1]} == {card["uuid"] for card in shown}
    assert set(held[0].values()) == {5} and set(held[1].values()) == {10} and memory.feedback.all() == ()


def code_of(resource: Json) -> str:
    """The first code of a resource."""
    coded = resource.get("code") or resource.get("medicationCodeableConcept") or {}
    return str(coded.get("coding", [{}])[0].get("code"))


def measured(code: str, old: float, new: float) -> Callable[[Json], Json]:
    """Another number in the one Observation that has this code and this number."""

    def changed(resource: Json) -> Json:
        value = resource.get("valueQuantity", {})
        fits = code_of(resource) == code and value.get("value") == old
        return {**resource, "valueQuantity": {**value, "value": new}} if fits else resource

    return changed


def given(identity: str, day: str) -> Callable[[Json], Json]:
    """Another day for one dose."""
    return lambda r: {**r, "effectiveDateTime": day} if r.get("id") == identity else r


ALT, HBV_DNA, HCV_RNA = "1742-6", "42595-9", "11011-4"
FLR, VIABLE = "future_liver_remnant_ratio", "percent_viable_tumor"


@pytest.mark.parametrize(
    ("key", "back", "change"),
    [
        pytest.param("syn-15-after-surgery", {"summary"}, measured(VIABLE, 35, 70), id="viable tumor"),
        pytest.param("syn-13-small-remnant", {"flr.adequacy", "summary"}, measured(FLR, 33, 32), id="remnant"),
        pytest.param(
            "syn-08-untreated-hepatitis-b", {"viral.hbv-antiviral"}, measured(HBV_DNA, 48000, 48001), id="DNA"
        ),
        pytest.param(THROMBUS, {"viral.hcv"}, measured(HCV_RNA, 1250000, 1250001), id="RNA, one of four grave cards"),
        pytest.param(
            "syn-07-immune-hepatitis", {"toxicity.hepatic", "surgery.adverse-events"}, measured(ALT, 385, 386), id="ALT"
        ),
        pytest.param(LATE, {"interval.bevacizumab"}, given("syn-05-bevacizumab-m17", "2024-04-15"), id="last dose"),
    ],
)
def test_one_changed_fact_brings_back_the_cards_that_rest_on_it_and_no_other_grave_one(
    client: TestClient, charts: Charts, key: str, back: set[str], change: Callable[[Json], Json]
) -> None:
    """cds-47: the same verdict about another number is another card; the old facts again keep the old one away."""
    chart = charts[key]
    first = answer(client, PATIENT_VIEW, hook_request(chart))["cards"]
    override = {"outcome": "overridden", "outcomeTimestamp": "2024-05-01T10:00:00Z"}
    reports = [{"card": card["uuid"], **override} for card in first]
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": reports}).status_code == 200
    assert answer(client, PATIENT_VIEW, hook_request(chart)) == {"cards": []}
    changed = [change(resource) for resource in chart]
    assert sum(new != old for new, old in zip(changed, chart, strict=True)) == 1
    shown = answer(client, PATIENT_VIEW, hook_request(changed))["cards"]
    topics = [card["source"]["topic"]["code"] for card in shown]
    assert set(topics) - {"summary"} == back - {"summary"} and back <= set(topics)
    assert not {card["uuid"] for card in shown} & {card["uuid"] for card in first}
    assert answer(client, PATIENT_VIEW, hook_request(chart)) == {"cards": []}
