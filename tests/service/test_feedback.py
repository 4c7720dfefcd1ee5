"""Feedback on cards: what is kept, once, in order, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.service.site import Site
from adapter.state import open_state
from adapter.state.feedback import Feedback
from tests.service.conftest import PATIENT_VIEW, Json

FEEDBACK = f"{PATIENT_VIEW}/feedback"
ACCEPTED: Json = {
    "card": "c-1",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s-1"}],
    "outcomeTimestamp": "2024-05-01T10:00:00Z",
}
OVERRIDDEN: Json = {
    "card": "c-2",
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "patient-refuses", "system": "http://terminology.example/reasons", "display": "Refuses"},
        "userComment": "prefers to wait",
    },
    "outcomeTimestamp": "2024-05-01T10:05:00.25Z",
}


def reports_on(site: Site, card: str) -> list[Feedback]:
    """What is kept on a card, in order."""
    with open_state(site.settings.state) as state:
        return [one for one in state.feedback.all("hcc-conversion-patient-view") if one.card == card]


def give(client: TestClient, *reports: Any) -> Any:
    return client.post(FEEDBACK, json={"feedback": list(reports)})


def test_reports_are_kept_with_everything_that_they_say(client: TestClient, site: Site) -> None:
    assert give(client, ACCEPTED, OVERRIDDEN).status_code == 200
    (accepted,) = reports_on(site, "c-1")
    assert (accepted.outcome, accepted.reasons) == ("accepted", '{"suggestions":["s-1"]}')
    (overridden,) = reports_on(site, "c-2")
    assert overridden.reasons is not None
    assert '"code":"patient-refuses"' in overridden.reasons and '"comment":"prefers to wait"' in overridden.reasons
    assert overridden.outcome_at == "2024-05-01T10:05:00.250000+00:00"


def test_a_replayed_report_is_kept_once(client: TestClient, site: Site) -> None:
    assert [give(client, ACCEPTED).json()["stored"] for _ in range(3)] == [1, 0, 0]
    assert len(reports_on(site, "c-1")) == 1


def test_several_reports_on_one_card_keep_the_sequence_in_which_they_came(client: TestClient, site: Site) -> None:
    moments = ["2024-05-01T12:00:00Z", "2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z"]
    for moment in moments:
        give(client, {**ACCEPTED, "outcomeTimestamp": moment})
    kept = [report.outcome_at.replace("+00:00", "Z") for report in reports_on(site, "c-1")]
    assert kept == moments


def test_an_unknown_card_is_kept(client: TestClient) -> None:
    assert give(client, {**ACCEPTED, "card": "never-given"}).json() == {"stored": 1}


def test_an_empty_batch_is_accepted(client: TestClient) -> None:
    assert give(client).json() == {"stored": 0}


@pytest.mark.parametrize(
    "reason",
    [
        None,
        {"reason": {"code": "x"}},
        {"reason": {"code": "x", "system": "http://s"}},
        {"userComment": "only words"},
        {"reason": {"code": "x"}, "extension": {}},
    ],
)
def test_an_override_is_accepted_as_clients_really_send_it(client: TestClient, reason: Any) -> None:
    report = {k: v for k, v in OVERRIDDEN.items() if k != "overrideReason"}
    assert give(client, report if reason is None else {**report, "overrideReason": reason}).status_code == 200


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"card": None}, "card"),
        ({"card": ""}, "card"),
        ({"card": 5}, "card"),
        ({"outcome": None}, "outcome"),
        ({"outcome": "ignored"}, "outcome"),
        ({"acceptedSuggestions": None}, "acceptedSuggestions"),
        ({"acceptedSuggestions": []}, "acceptedSuggestions"),
        ({"acceptedSuggestions": ["s-1"]}, "acceptedSuggestions"),
        ({"outcomeTimestamp": None}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "yesterday"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-05-01"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-05-01T10:00:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-13-01T10:00:00Z"}, "outcomeTimestamp"),
        ({"outcome": "overridden", "overrideReason": {}}, "overrideReason"),
    ],
)
def test_a_report_with_a_fault_is_named_by_its_place_and_the_others_are_kept(
    client: TestClient, site: Site, change: Json, named: str
) -> None:
    answer = give(client, OVERRIDDEN, {**ACCEPTED, **change}, {**ACCEPTED, "card": "c-3"})
    assert answer.status_code == 400
    (issue,) = answer.json()["issue"]
    assert issue["details"]["text"].startswith(f"feedback[1].{named}")
    assert len(reports_on(site, "c-2")) == len(reports_on(site, "c-3")) == 1
    assert reports_on(site, "c-1") == []


@pytest.mark.parametrize("body", [{}, {"feedback": None}, {"feedback": {}}, {"feedback": "x"}])
def test_a_body_without_an_array_of_reports_is_refused(client: TestClient, body: Json) -> None:
    answer = client.post(FEEDBACK, json=body)
    assert answer.status_code == 400 and answer.json()["resourceType"] == "OperationOutcome"
