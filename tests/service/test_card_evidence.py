"""What a card rests on: a fact that could not be used brings an overridden card back, a failure counts once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from adapter.guideline import evaluation, intervals
from adapter.guideline.case import Case
from adapter.guideline.catalogue import EVALUATORS
from adapter.guideline.model import Finding
from tests.service.conftest import PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ordering import LOCAL, SELECT, SIGN, by_topic, drug, order_request, ordered, procedure

Charts = dict[str, list[Json]]
LATE = "syn-05-bevacizumab-too-late"
FAILED = "org.hcc-conversion.failed-checks"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
PROVISIONAL: Json = {"verificationStatus": {"coding": [{"system": VERIFICATION, "code": "provisional"}]}}
OVERRIDE = {"outcome": "overridden", "outcomeTimestamp": "2024-05-01T10:00:00Z"}


def cards(client: TestClient, chart: list[Json]) -> list[Json]:
    answer = client.post(PATIENT_VIEW, json=hook_request(chart))
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["cards"]
    return found


UNMAPPED: Json = {
    "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": LOCAL, "code": "x"}]}
}  # fmt: skip
REJECTED: Json = {"resourceType": "Appointment", "participant": [{"actor": {"reference": "urn:uuid:1"}}]}


@pytest.mark.parametrize(("odd", "counted"), [(UNMAPPED, "0 rejected, 1 with"), (REJECTED, "1 rejected, 0 with")])
def test_a_fact_that_cannot_be_used_brings_the_overridden_summary_back(
    client: TestClient, charts: Charts, odd: Json, counted: str
) -> None:
    chart = charts[LATE]
    reports = [{"card": card["uuid"], **OVERRIDE} for card in cards(client, chart)]
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": reports}).status_code == 200
    assert cards(client, chart) == []
    mine = {"id": "odd", "subject": {"reference": f"Patient/{patient_id(chart)}"}}
    (again,) = cards(client, [*chart, {**odd, **mine}])
    assert again["source"]["topic"]["code"] == "summary" and counted in again["detail"]


@pytest.mark.parametrize("condition", [PROVISIONAL, {"code": {}}], ids=["provisional", "nameless"])
@pytest.mark.parametrize("hook", [SELECT, SIGN])
def test_without_an_order_there_is_no_card_also_where_the_cancer_is_unclear(
    client: TestClient, charts: Charts, hook: str, condition: Json
) -> None:
    chart = [r for r in charts["syn-01-eligible"] if r["resourceType"] in ("Patient", "Observation")]
    (hcc,) = (r for r in charts["syn-01-eligible"] if r["resourceType"] == "Condition" and "hcc" in r["id"])
    unclear = [*chart, {**hcc, **condition}]
    assert "not-confirmed" in by_topic(cards(client, unclear))
    assert "not-confirmed" in by_topic(ordered(client, order_request(unclear, [drug("nivolumab")], hook)))
    drafts = [drug("nivolumab")] if hook == SELECT else []
    assert ordered(client, order_request(unclear, drafts, hook, [])) == []


def broken(case: Case) -> Iterator[Finding]:
    """An evaluator with a defect."""
    raise ZeroDivisionError


broken.__module__ = intervals.__name__


def test_a_check_that_fails_for_each_of_several_operations_counts_once(
    client: TestClient, charts: Charts, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tuple(broken if evaluator is intervals.findings else evaluator for evaluator in EVALUATORS)
    assert broken in listed
    monkeypatch.setattr(evaluation, "EVALUATORS", listed)
    orders = [procedure("hepatectomy", f"h{n}", occurrenceDateTime=f"2024-06-{n:02}") for n in (10, 20)]
    card = by_topic(ordered(client, order_request(charts[LATE], orders)))["missing-data"]
    assert len(card["extension"][FAILED]) == 1 and "1 checks FAILED" in card["summary"]
    assert card["detail"].count("- intervals before hepatectomy") == 1


def unread(identity: str) -> Json:
    return {"resourceType": "Appointment", "id": identity, "participant": [{"actor": {"reference": "urn:uuid:1"}}]}


def test_a_fact_that_cannot_be_used_is_told_also_where_nothing_else_is_missing(
    client: TestClient, charts: Charts
) -> None:
    """Else the uuid of the card would change and its words would not say why."""
    chart = charts["syn-13-small-remnant"]
    assert not any("rejected" in card["detail"] for card in cards(client, chart))
    (summary,) = (card for card in cards(client, [*chart, unread("odd")]) if "1 rejected" in card["detail"])
    assert summary["source"]["topic"]["code"] == "summary"


def test_the_card_about_orders_changes_with_what_could_not_be_used(client: TestClient, charts: Charts) -> None:
    chart = [r for r in charts["syn-08-untreated-hepatitis-b"] if "42595-9" not in str(r.get("code"))]
    made = []
    for given in (chart, [*chart, unread("odd")]):
        found = ordered(client, order_request(given, [drug("sintilimab"), procedure("x", "u")]))
        made.append({card["uuid"]: card["detail"] for card in found})
    before, after = made
    assert any("1 rejected" in detail for detail in after.values())
    assert all(before[uuid] == after[uuid] for uuid in before.keys() & after.keys())
