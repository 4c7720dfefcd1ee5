"""Feedback on cards: what is kept, once, in order, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.service.site import Site
from adapter.state import open_state
from adapter.state.feedback import Feedback
from tests.service.broken import broken
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
    """cds-32: an answer of 200, and nothing lost."""
    assert give(client, ACCEPTED, OVERRIDDEN).status_code == 200
    (accepted,) = reports_on(site, "c-1")
    assert (accepted.outcome, accepted.reasons) == ("accepted", '{"suggestions":["s-1"]}')
    (overridden,) = reports_on(site, "c-2")
    assert overridden.reasons is not None
    assert '"code":"patient-refuses"' in overridden.reasons and '"comment":"prefers to wait"' in overridden.reasons
    assert overridden.outcome_at == "2024-05-01T10:05:00.250000+00:00"


def test_a_replayed_report_is_kept_once(client: TestClient, site: Site) -> None:
    """cds-32: idempotent."""
    assert [give(client, ACCEPTED).json()["stored"] for _ in range(3)] == [1, 0, 0]
    assert len(reports_on(site, "c-1")) == 1


def test_several_reports_on_one_card_keep_the_sequence_in_which_they_came(client: TestClient, site: Site) -> None:
    """cds-32: many times the same card, also out of order in their own time."""
    moments = ["2024-05-01T12:00:00Z", "2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z"]
    for moment in moments:
        give(client, {**ACCEPTED, "outcomeTimestamp": moment})
    kept = [report.outcome_at.replace("+00:00", "Z") for report in reports_on(site, "c-1")]
    assert kept == moments


def test_an_unknown_card_is_kept(client: TestClient) -> None:
    """cds-34."""
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
    """cds-33."""
    report = {k: v for k, v in OVERRIDDEN.items() if k != "overrideReason"}
    assert give(client, report if reason is None else {**report, "overrideReason": reason}).status_code == 200


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"card": None}, "card"),
        ({"card": ""}, "card"),
        ({"card": 5}, "card"),
        ({"card": "a\x00b"}, "card"),
        ({"card": "x" * 256}, "card"),
        ({"outcome": ["accepted"]}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"outcome": "ignored"}, "outcome"),
        ({"acceptedSuggestions": None}, "acceptedSuggestions"),
        ({"acceptedSuggestions": []}, "acceptedSuggestions"),
        ({"acceptedSuggestions": ["s-1"]}, "acceptedSuggestions"),
        ({"acceptedSuggestions": [{"id": "s-1"}, {"id": ""}]}, "acceptedSuggestions"),
        ({"outcomeTimestamp": None}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-05-01T10:00:61Z"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-02-30T10:00:00Z"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": 1714557600}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "yesterday"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-05-01"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-05-01T10:00:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2024-13-01T10:00:00Z"}, "outcomeTimestamp"),
        ({"outcome": "overridden", "overrideReason": {}}, "overrideReason"),
        ({"outcome": "overridden", "overrideReason": {"reason": {"display": "x"}}}, "overrideReason"),
        ({"outcome": "overridden", "overrideReason": "x"}, "overrideReason"),
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


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00+00:00"),
        ("2024-05-01t10:00:00z", "2024-05-01T10:00:00+00:00"),
        ("2024-05-01T10:00:00.123Z", "2024-05-01T10:00:00.123000+00:00"),
        ("2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123456+00:00"),
        ("2024-05-01T18:00:00+08:00", "2024-05-01T10:00:00+00:00"),
        ("2024-05-01T10:00:00-00:00", "2024-05-01T10:00:00+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
    ],
)
def test_every_form_of_an_instant_is_one_instant(client: TestClient, site: Site, sent: str, kept: str) -> None:
    """cds-32: RFC 3339, and the same instant in another form is the same report."""
    assert give(client, {**ACCEPTED, "outcomeTimestamp": sent}).json() == {"stored": 1}
    assert give(client, {**ACCEPTED, "outcomeTimestamp": kept}).json() == {"stored": 0}
    assert [one.outcome_at for one in reports_on(site, "c-1")] == [kept]


def test_two_different_reports_of_one_instant_are_both_kept(client: TestClient, site: Site) -> None:
    """cds-32: what differs in what it says is no replay."""
    other = {**ACCEPTED, "acceptedSuggestions": [{"id": "s-2"}]}
    assert give(client, ACCEPTED, other, ACCEPTED).json() == {"stored": 2}
    assert [one.reasons for one in reports_on(site, "c-1")] == ['{"suggestions":["s-1"]}', '{"suggestions":["s-2"]}']


def test_what_feedback_may_carry_besides_is_ignored(client: TestClient) -> None:
    """cds-3: unknown members and extensions, of the body and of a report."""
    report = {**ACCEPTED, "extension": {"org.example.x": {"a": 1}}, "overrideReason": None, "more": []}
    body = {"feedback": [report], "extension": {"org.example.y": 1}, "other": None}
    assert client.post(FEEDBACK, json=body).json() == {"stored": 1}


def test_a_large_batch_is_kept_whole(client: TestClient, site: Site) -> None:
    several = [{**ACCEPTED, "card": f"c-{number}"} for number in range(1200)]
    assert give(client, *several).json() == {"stored": 1200}
    assert len(reports_on(site, "c-1199")) == 1


def test_many_faults_are_named_without_end(client: TestClient) -> None:
    issues = give(client, *[{"card": "x"}] * 300).json()["issue"]
    assert len(issues) == 51 and "250 more" in issues[-1]["diagnostics"]


def test_feedback_that_cannot_be_kept_is_not_said_to_be(client: TestClient, site: Site) -> None:
    """cds-26: a state database that fails is 503 with Retry-After, so that the client sends it again."""
    broken(site)
    answer = give(client, ACCEPTED)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_feedback_into_a_file_that_is_gone_is_not_said_to_be_kept(
    client: TestClient, site: Site, tmp_path: Path
) -> None:
    """cds-26: it would be lost with the file; and the service is not ready."""
    path, away = Path(site.settings.state.removeprefix("sqlite:///")), tmp_path / "away.db"
    assert give(client, ACCEPTED).json() == {"stored": 1}
    path.rename(away)
    assert give(client, OVERRIDDEN).status_code == 503
    told = client.get("/readyz")
    assert told.status_code == 503 and "state database" in told.json()["reason"]
    away.rename(path)
    assert give(client, OVERRIDDEN).json() == {"stored": 1} and client.get("/readyz").status_code == 200


def test_a_report_from_the_future_silences_a_card_until_the_next_one(client: TestClient, site: Site) -> None:
    """cds-32: it is kept as it was sent, once, and counts from when it came."""
    ahead = {**OVERRIDDEN, "outcomeTimestamp": "9999-12-31T23:59:59Z"}
    before = {**ACCEPTED, "card": "c-2", "outcomeTimestamp": datetime.now(UTC).isoformat()}
    assert [give(client, ahead).json()["stored"] for _ in range(2)] == [1, 0]
    after = {**before, "outcomeTimestamp": datetime.now(UTC).isoformat()}
    for report, silent in ((before, {"c-2"}), (after, set())):
        assert give(client, report).json() == {"stored": 1}
        with open_state(site.settings.state) as state:
            assert state.feedback.overridden(["c-2"]) == silent
    assert reports_on(site, "c-2")[0].outcome_at == "9999-12-31T23:59:59+00:00"


@pytest.mark.parametrize(("body", "media", "status"), [
    (b"{", "application/json", 400), (b"", "application/json", 400), (b"{}", "text/plain", 415),
    (b'{"feedback": [NaN]}', "application/json", 400), (b"[" * 2000, "application/json", 400),
])  # fmt: skip
def test_a_body_that_is_none_is_refused(client: TestClient, body: bytes, media: str, status: int) -> None:
    """cds-1, cds-26."""
    answer = client.post(FEEDBACK, content=body, headers={"Content-Type": media})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"


def test_feedback_to_a_service_that_is_none_is_404(client: TestClient) -> None:
    """cds-10."""
    assert client.post("/cds-services/none/feedback", json={"feedback": [ACCEPTED]}).status_code == 404
