"""Suggestions: what a client does with them really settles what the card says, and what they create is valid FHIR."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.servers.validator import Validator
from tests.service.conftest import AS_OF, PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ordering import SELECT, apply, by_topic, drug, order_request, ordered, procedure, told
from tests.service.test_discovery import empties
from tests.service.test_orders import SEROLOGY, without

Charts = dict[str, list[Json]]
LATE = "syn-05-bevacizumab-too-late"


def suggestions(cards: list[Json]) -> list[Json]:
    return [one for card in cards for one in card.get("suggestions", [])]


def _actions(cards: list[Json]) -> list[Json]:
    return [action for one in suggestions(cards) for action in one["actions"]]


def kinds(suggestion: Json) -> set[str]:
    return {action["type"] for action in suggestion["actions"]}


def suggested(cards: list[Json], kind: str) -> Json:
    """The first suggestion with actions of a kind."""
    return next(one for one in suggestions(cards) if kind in kinds(one))


def every_request(charts: Charts) -> list[Json]:
    """Requests that bring out each kind of suggestion."""
    untested = without(charts["syn-01-eligible"], SEROLOGY)
    return [
        order_request(untested, [drug("atezolizumab")]),
        order_request(charts[LATE], [drug("bevacizumab"), drug("lenvatinib", "drug-2")]),
        order_request(charts["syn-03-partial-response"], [procedure("hepatectomy")]),
        order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")], SELECT),
    ]


def test_every_suggestion_has_the_shape_of_the_specification(client: TestClient, charts: Charts) -> None:
    """cds-27, cds-28"""
    cards = [card for request in every_request(charts) for card in ordered(client, request)]
    for chart in charts.values():
        cards += client.post(PATIENT_VIEW, json=hook_request(chart)).json()["cards"]
    found = suggestions(cards)
    assert found and empties(found) == []
    assert len({one["uuid"] for one in found}) == len({(c["uuid"], s["uuid"]) for c in cards for s in suggestions([c])})
    for card in cards:
        assert ("suggestions" in card) is ("selectionBehavior" in card)
        assert len(card.get("suggestions", [])) <= 5
    for one in found:
        assert str(uuid.UUID(one["uuid"])) == one["uuid"] and one["label"]
        for action in one["actions"]:
            assert action["description"]
            assert ("resource" in action) is (action["type"] in ("create", "update"))
            assert ("resourceId" in action) is (action["type"] == "delete")
            assert re.fullmatch(r"[A-Za-z]+/[A-Za-z0-9\-.]{1,64}", action.get("resourceId", "A/b"))


def lasting(until: str, **repeat: Any) -> Json:
    """Lenvatinib from today until a day."""
    bounds = {"start": AS_OF, "end": until}
    return drug("lenvatinib", dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": bounds, **repeat}}}])


def test_two_changes_of_one_order_exclude_each_other(client: TestClient, charts: Charts) -> None:
    request = order_request(charts[LATE], [lasting("2024-05-05")])
    (card,) = (c for c in ordered(client, request) if c.get("suggestions"))
    assert [kinds(one) for one in card["suggestions"]] == [{"update"}, {"delete"}]
    assert card["selectionBehavior"] == "at-most-one"


def test_an_order_that_is_ended_as_suggested_keeps_the_least_interval(client: TestClient, charts: Charts) -> None:
    orders = [lasting("2024-05-05", count=30)]
    cards = ordered(client, order_request(charts[LATE], orders))
    assert told(cards)["interval.tki"] == "violation"
    ended = apply(suggested(cards, "update"), orders)
    assert "count" not in ended[0]["dosageInstruction"][0]["timing"]["repeat"]
    assert told(ordered(client, order_request(charts[LATE], ended))).get("interval.tki") != "violation"


def test_no_end_is_suggested_that_would_make_the_interval_shorter(client: TestClient, charts: Charts) -> None:
    cards = ordered(client, order_request(charts[LATE], [drug("lenvatinib")]))
    assert told(cards)["interval.tki"] == "short"
    assert not [one for one in suggestions(cards) if "update" in kinds(one)]


def test_orders_of_two_drugs_can_both_be_changed(client: TestClient, charts: Charts) -> None:
    """One card of two drugs, of which one can be removed and the other ended or removed."""
    orders = [drug("bevacizumab"), {**lasting("2024-05-05"), "id": "drug-2"}]
    cards = ordered(client, order_request(charts[LATE], orders))
    (card,) = (one for one in cards if "suggestions" in one)
    removed = {action["resourceId"] for action in _actions([card]) if action["type"] == "delete"}
    assert removed == {"MedicationRequest/drug-1", "MedicationRequest/drug-2"}
    assert card["selectionBehavior"] == "any"


@pytest.mark.parametrize("planned", ["2024", "2024-05"])
def test_no_operation_is_moved_into_the_past(client: TestClient, charts: Charts, planned: str) -> None:
    days: list[str] = []
    for chart in charts.values():
        cards = ordered(client, order_request(chart, [procedure("hepatectomy", occurrenceDateTime=planned)]))
        moved = [action["resource"] for action in _actions(cards) if action["type"] == "update"]
        days += [resource["occurrenceDateTime"] for resource in moved]
        assert not any(re.search(r"(?<![0-9])-[0-9]+ days", card["summary"]) for card in cards)
    assert days and min(days) >= AS_OF


def test_the_next_steps_are_offered_as_one_draft_plan(client: TestClient, charts: Charts) -> None:
    plans = []
    for chart in charts.values():
        cards = client.post(PATIENT_VIEW, json=hook_request(chart)).json()["cards"]
        summary = by_topic(cards).get("summary", {})
        made = [a["resource"] for one in suggestions([summary]) for a in one["actions"]]
        mine = [resource for resource in made if resource["resourceType"] == "CarePlan"]
        assert bool(mine) is ("Next steps" in summary.get("detail", "")) and len(mine) <= 1
        plans += mine
    assert plans and all((plan["status"], plan["intent"]) == ("draft", "proposal") for plan in plans)
    details = [activity["detail"] for plan in plans for activity in plan["activity"]]
    assert all(detail["status"] == "not-started" and detail["description"] for detail in details)
    starts = [detail["scheduledPeriod"]["start"] for detail in details if "scheduledPeriod" in detail]
    assert starts and min(starts) >= AS_OF


def test_suggestions_that_do_not_touch_the_same_order_can_be_taken_together(client: TestClient, charts: Charts) -> None:
    chart = without(charts["syn-01-eligible"], SEROLOGY)
    card = by_topic(ordered(client, order_request(chart, [drug("atezolizumab")])))["viral.screening"]
    assert [kinds(one) for one in card["suggestions"]] == [{"delete"}, {"create"}]
    assert card["selectionBehavior"] == "any"


def test_the_uuids_of_suggestions_are_stable(client: TestClient, charts: Charts) -> None:
    request = order_request(charts[LATE], [drug("lenvatinib")])
    first, again = (suggestions(ordered(client, request)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("key", "order"),
    [
        (LATE, drug("bevacizumab")),
        ("syn-16-tace-with-thrombus", procedure("tace")),
        ("syn-04-progression", procedure("hepatectomy", occurrenceDateTime="2024-09-02")),
        ("syn-07-immune-hepatitis", drug("nivolumab")),
    ],
)
def test_a_deleted_order_is_told_no_more(client: TestClient, charts: Charts, key: str, order: Json) -> None:
    """cds-29"""
    orders = [order]
    cards = ordered(client, order_request(charts[key], orders))
    assert cards[0]["indicator"] in ("critical", "warning")
    left = apply(suggested(cards, "delete"), orders)
    assert left == [] and ordered(client, order_request(charts[key], left)) == []


def test_the_actions_of_one_suggestion_settle_its_card_only_together(client: TestClient, charts: Charts) -> None:
    """cds-29: one of ours has several actions, all of them new resources: what of it is left out is suggested again."""
    chart, orders = without(charts["syn-01-eligible"], SEROLOGY), [drug("atezolizumab")]
    all_of = suggested(ordered(client, order_request(chart, orders)), "create")
    wanted = [action["resource"]["code"]["coding"][0]["code"] for action in all_of["actions"]]
    assert kinds(all_of) == {"create"} and set(wanted) == SEROLOGY
    for place, action in enumerate(all_of["actions"]):
        partly = {**all_of, "actions": [one for one in all_of["actions"] if one is not action]}
        again = suggested(ordered(client, order_request(chart, apply(partly, orders))), "create")
        assert [one["resource"]["code"]["coding"][0]["code"] for one in again["actions"]] == [wanted[place]]
    after = ordered(client, order_request(chart, apply(all_of, orders)))
    assert not [one for one in suggestions(after) if "create" in kinds(one)]


def test_no_suggestion_changes_an_order_together_with_anything_else(client: TestClient, charts: Charts) -> None:
    """cds-29: ending, moving and removing an order exclude each other, and so are suggestions of their own."""
    cards = [card for request in every_request(charts) for card in ordered(client, request)]
    for chart in charts.values():
        cards += client.post(PATIENT_VIEW, json=hook_request(chart)).json()["cards"]
    found = suggestions(cards)
    assert {"create", "update", "delete"} == set().union(*map(kinds, found))
    assert all(len(one["actions"]) == 1 for one in found if kinds(one) & {"update", "delete"})


def test_an_operation_that_is_moved_keeps_its_intervals(client: TestClient, charts: Charts) -> None:
    chart = _without_plans(charts[LATE])
    kept: Json = {"priority": "routine", "note": [{"text": "left lobe"}]}
    period: Json = {"occurrencePeriod": {"start": "2024-05-06T08:00:00Z", "end": "2024-05-06T12:00:00Z"}}
    orders = [procedure("hepatectomy", **kept, **period)]
    cards = ordered(client, order_request(chart, orders))
    assert told(cards)["interval.bevacizumab"] == "violation"
    (moved,) = apply(suggested([by_topic(cards)["interval.bevacizumab"]], "update"), orders)
    assert {name: moved[name] for name in kept} == kept and moved["subject"]
    assert "occurrencePeriod" not in moved and moved["occurrenceDateTime"] > AS_OF
    after = told(ordered(client, order_request(chart, [moved])))
    assert not [code for code in after if code.startswith("interval.")]


def test_an_oral_drug_that_ends_in_time_is_told_no_more(client: TestClient, charts: Charts) -> None:
    chart = _with_operation(charts[LATE], "2024-06-20")
    dosage = {"text": "8 mg daily", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    orders = [drug("lenvatinib", dosageInstruction=[dosage])]
    orders[0]["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {"start": "2024-05-02", "end": "2024-09-01"}
    cards = ordered(client, order_request(chart, orders))
    assert told(cards)["interval.tki"] in ("violation", "short")
    (ended,) = apply(suggested(cards, "update"), orders)
    repeat = ended["dosageInstruction"][0]["timing"]["repeat"]
    assert repeat["frequency"] == 1 and repeat["boundsPeriod"] == {"start": "2024-05-02", "end": "2024-06-13"}
    assert "interval.tki" not in told(ordered(client, order_request(chart, [ended])))


def _without_plans(chart: list[Json]) -> list[Json]:
    preparing = [r for r in chart if r["resourceType"] == "Procedure" and r.get("status") == "preparation"]
    return [r for r in chart if r not in preparing and r["resourceType"] not in ("ServiceRequest", "Appointment")]


def _with_operation(chart: list[Json], day: str) -> list[Json]:
    """The course of a patient whose hepatectomy is planned on a day."""
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    plan = procedure("hepatectomy", "plan-1", status="active", occurrenceDateTime=day, subject=subject)
    return [*_without_plans(chart), plan]


def test_a_test_that_was_created_is_not_suggested_again_and_not_called_unknown(
    client: TestClient, charts: Charts
) -> None:
    chart, orders = without(charts["syn-01-eligible"], SEROLOGY), [drug("atezolizumab")]
    cards = ordered(client, order_request(chart, orders))
    more = apply(suggested(cards, "create"), orders)
    assert len(more) == 4
    again = ordered(client, order_request(chart, more))
    assert not [one for one in suggestions(again) if "create" in kinds(one)]
    assert "table" not in str(again)


def test_what_is_created_is_a_draft_for_this_patient_by_a_standard_code(client: TestClient, charts: Charts) -> None:
    chart = without(charts["syn-01-eligible"], SEROLOGY)
    cards = ordered(client, order_request(chart, [drug("atezolizumab")]))
    created = [action["resource"] for action in suggested(cards, "create")["actions"]]
    assert [r["code"]["coding"][0]["code"] for r in created] == ["5196-1", "13952-7", "13955-0"]
    for resource in created:
        assert (resource["resourceType"], resource["status"], resource["intent"]) == (
            "ServiceRequest",
            "draft",
            "order",
        )
        assert resource["subject"]["reference"] == f"Patient/{patient_id(chart)}"
        assert resource["code"]["coding"][0]["system"] == "http://loinc.org"


def test_a_step_of_the_pathway_is_a_proposal_with_its_dates(client: TestClient, charts: Charts) -> None:
    found: list[Any] = []
    for chart in charts.values():
        cards = client.post(PATIENT_VIEW, json=hook_request(chart)).json()["cards"]
        found += [a["resource"] for s in suggestions(cards) for a in s["actions"] if a["type"] == "create"]
    proposals = [r for r in found if r["intent"] == "proposal" and r["resourceType"] == "ServiceRequest"]
    assert {r["code"]["coding"][0]["code"] for r in proposals} >= {"79103-8", "85232-7"}
    dated = [r["occurrencePeriod"] for r in proposals if "occurrencePeriod" in r]
    assert dated and all(period["start"] >= AS_OF <= period.get("end", "9") for period in dated)


def test_everything_created_or_updated_is_valid_by_the_reference_validator(
    client: TestClient, charts: Charts, hapi_validator: Validator
) -> None:
    """cds-28"""
    cards = [card for request in every_request(charts) for card in ordered(client, request)]
    for chart in charts.values():
        cards += client.post(PATIENT_VIEW, json=hook_request(chart)).json()["cards"]
    actions = [action for one in suggestions(cards) for action in one["actions"] if "resource" in action]
    assert {action["type"] for action in actions} == {"create", "update"}
    assert hapi_validator([{"id": "x", **action["resource"]} for action in actions]) == []
