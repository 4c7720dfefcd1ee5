"""Several planned operations: an order is judged against the operation that is signed, and against each of them."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import Json
from tests.service.ordering import apply, drug, order_request, ordered, procedure, told
from tests.service.test_suggestions import suggested

Charts = dict[str, list[Json]]
LATE = "syn-05-bevacizumab-too-late"  # an operation is booked for 2024-05-06, bevacizumab was given on 2024-04-14
READY = "syn-06-ready-for-surgery"  # an operation is booked for 2024-05-05, every interval is kept


def dose(day: str, identity: str = "dose") -> Json:
    return drug("bevacizumab", identity, dosageInstruction=[{"timing": {"event": [day]}}])


def intervals(cards: list[Json]) -> set[tuple[str, str]]:
    """The interval findings of all cards, with the cards that tell them."""
    found = [(one["code"], one["outcome"]) for card in cards for one in card.get("extension", {}).get(FINDINGS, [])]
    return {one for one in found if one[0].startswith("interval.")}


FINDINGS = "org.hcc-conversion.findings"


def test_a_later_operation_is_judged_beside_the_one_on_record(client: TestClient, charts: Charts) -> None:
    operation = procedure("hepatectomy", "later", occurrenceDateTime="2024-05-20")
    cards = ordered(client, order_request(charts[READY], [operation, dose("2024-05-11")]))
    assert ("interval.bevacizumab", "violation") in intervals(cards)
    assert any("9 days" in card["summary"] and card["indicator"] == "critical" for card in cards)


def test_each_of_two_drafted_operations_is_judged(client: TestClient, charts: Charts) -> None:
    orders = [
        procedure("hepatectomy", "one", occurrenceDateTime="2024-07-01"),
        procedure("hepatectomy", "two", occurrenceDateTime="2024-08-01"),
        dose("2024-07-23"),
    ]
    cards = ordered(client, order_request(charts["syn-01-eligible"], orders))
    assert ("interval.bevacizumab", "violation") in intervals(cards)


def test_a_safe_order_is_not_blamed_for_the_operation_on_record(client: TestClient, charts: Charts) -> None:
    operation = procedure("hepatectomy", "later", occurrenceDateTime="2024-06-07")
    cards = ordered(client, order_request(charts[LATE], [operation]))
    assert ("interval.bevacizumab", "violation") not in intervals(cards)


def test_an_undated_operation_that_is_moved_as_suggested_has_kept_its_intervals(
    client: TestClient, charts: Charts
) -> None:
    orders = [procedure("hepatectomy", "undated")]
    cards = ordered(client, order_request(charts[LATE], orders))
    assert told(cards)["interval.bevacizumab"] == "violation"
    moved = apply(suggested(cards, "update"), orders)
    assert "interval.bevacizumab" not in told(ordered(client, order_request(charts[LATE], moved)))


@pytest.mark.parametrize("status", ["completed", "stopped", "cancelled", "entered-in-error"])
def test_an_order_that_is_over_is_not_judged(client: TestClient, charts: Charts, status: str) -> None:
    cards = ordered(client, order_request(charts[READY], [{**dose("2024-05-02"), "status": status}]))
    assert intervals(cards) == set()
    assert any("does not make it an order" in card["detail"] for card in cards)


def test_more_operations_than_are_judged_are_said(client: TestClient, charts: Charts) -> None:
    orders = [procedure("hepatectomy", f"h{n}", occurrenceDateTime=f"2024-06-{n + 1:02}") for n in range(25)]
    cards = ordered(client, order_request(charts["syn-01-eligible"], orders))
    assert any("org.hcc-conversion.failed-checks" in card.get("extension", {}) for card in cards)
