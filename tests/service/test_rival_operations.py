"""Several planned operations: an order is judged against the operation that is signed, and against each of them."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import Json, patient_id
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
FAILED = "org.hcc-conversion.failed-checks"


def planned(chart: list[Json], *days: str) -> list[Json]:
    """The chart with further operations on record, and with no appointment, which would name one a second time."""
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    known = {"status": "active", "subject": subject}
    plans = [procedure("hepatectomy", f"plan-{day}", occurrenceDateTime=day, **known) for day in days]
    return [*(r for r in chart if r["resourceType"] != "Appointment"), *plans]


def days_told(cards: list[Json]) -> list[int]:
    """The days that lie before an operation, by all that the cards tell of intervals."""
    lines = [line.strip("*") for card in cards for line in (card["summary"], *card["detail"].splitlines())]
    texts = {line.partition(" (+")[0] for line in lines if not line.startswith("- ")}
    return sorted(int(m[1]) for text in texts if (m := re.search(r"(\d+) days (?:before|is short)", text)))


def findings(cards: list[Json], code: str) -> list[str]:
    """The outcomes of an interval, as often as they are told."""
    every = [one for card in cards for one in card.get("extension", {}).get(FINDINGS, [])]
    return sorted(one["outcome"] for one in every if one["code"] == code)


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


def test_a_dose_between_two_operations_on_record_is_judged_against_the_later(
    client: TestClient, charts: Charts
) -> None:
    chart = planned(charts[READY], "2024-05-20")
    cards = ordered(client, order_request(chart, [dose("2024-05-11")]))
    assert findings(cards, "interval.bevacizumab") == ["violation"]
    assert cards[0]["indicator"] == "critical" and "9 days" in cards[0]["summary"]


@pytest.mark.parametrize(
    ("concept", "code", "days"),
    [("bevacizumab", "interval.bevacizumab", [3, 18, 30]), ("lenvatinib", "interval.tki", [3])],
)
def test_a_dose_before_several_operations_on_record_is_judged_against_each(
    client: TestClient, charts: Charts, concept: str, code: str, days: list[int]
) -> None:
    order = {**drug(concept), "dosageInstruction": dose("2024-05-02")["dosageInstruction"]}
    chart = planned(charts[READY], "2024-05-20", "2024-06-01")
    cards = ordered(client, order_request(chart, [order]))
    assert days_told(cards) == days and len(findings(cards, code)) == len(days)


@pytest.mark.parametrize(
    ("concept", "told_of", "days"),
    [
        ("bevacizumab", {"interval.bevacizumab": ["violation"] * 3}, [0, 5, 19]),
        (
            "lenvatinib",
            {"interval.tki": ["short", "violation"], "interval.bevacizumab": ["short", "violation"]},
            [0, 5, 17, 36],
        ),
    ],
)
def test_a_drug_beside_a_dated_and_an_undated_operation_and_one_on_record_is_told_once_for_each(
    client: TestClient, charts: Charts, concept: str, told_of: dict[str, list[str]], days: list[int]
) -> None:
    """Of the operation on record (2024-05-06) the drug, not the dose of 22 days before, which no order changes."""
    drafts = [procedure("hepatectomy", "dated", occurrenceDateTime="2024-05-20"), procedure("hepatectomy", "undated")]
    for operations in (drafts, drafts[::-1]):
        cards = ordered(client, order_request(planned(charts[LATE]), [*operations, drug(concept)]))
        assert days_told(cards) == days
        assert {code: findings(cards, code) for code in told_of} == told_of


def test_what_names_no_draft_is_neither_told_twice_nor_replaced(client: TestClient, charts: Charts) -> None:
    chart = planned(charts[LATE], "2024-05-20")
    cards = ordered(client, order_request(chart, [dose("2024-05-24")]))
    assert findings(cards, "interval.bevacizumab") == ["violation"]
    assert days_told(cards) == [22]


def test_more_operations_on_record_than_are_judged_are_said(client: TestClient, charts: Charts) -> None:
    chart = planned(charts["syn-01-eligible"], *(f"2024-06-{n + 1:02}" for n in range(25)))
    cards = ordered(client, order_request(chart, [dose("2024-05-11")]))
    assert [c["extension"][FAILED] for c in cards if FAILED in c.get("extension", {})] == [["intervals"]]


def test_more_operations_than_are_judged_are_said(client: TestClient, charts: Charts) -> None:
    orders = [procedure("hepatectomy", f"h{n}", occurrenceDateTime=f"2024-06-{n + 1:02}") for n in range(25)]
    cards = ordered(client, order_request(charts["syn-01-eligible"], orders))
    assert any(FAILED in card.get("extension", {}) for card in cards)


@pytest.mark.parametrize("concept", ["bevacizumab", "lenvatinib"])
def test_an_operation_that_is_ordered_and_booked_for_one_day_is_told_once(
    client: TestClient, charts: Charts, concept: str
) -> None:
    """One ServiceRequest and its Appointment, both on 2024-05-06."""
    cards = ordered(client, order_request(charts[LATE], [drug(concept)]))
    found = [one for card in cards for one in card.get("extension", {}).get(FINDINGS, [])]
    assert len(found) == 1 and "more)" not in cards[0]["summary"]
