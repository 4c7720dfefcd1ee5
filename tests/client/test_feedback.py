"""Feedback in every legal form, and in forms that are none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import reading
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import violating
from tests.client.said import CODED, REASON, accepted, overridden, unknown
from tests.client.search import Json

ONE, OTHER = unknown(), unknown()
LEGAL: dict[str, list[Json]] = {
    "accepted": [accepted()],
    "accepted two": [accepted("", unknown(), unknown())],
    "overridden": [overridden()],
    "cds-33 reason and comment": [overridden(overrideReason=REASON)],
    "cds-33 reason only": [overridden(overrideReason={"reason": CODED})],
    "cds-33 comment only": [overridden(overrideReason={"userComment": "no"})],
    "cds-33 no display": [overridden(overrideReason={"reason": {k: CODED[k] for k in ("code", "system")}})],
    "cds-33 no system": [overridden(overrideReason={"reason": {"code": CODED["code"]}})],
    "a batch of both": [accepted(), overridden(), overridden(overrideReason=REASON)],
    "cds-32 one card many times": [
        overridden(ONE), accepted(ONE), overridden(ONE, outcomeTimestamp="2024-05-01T11:00:00Z"),
    ],
    "fractions of seconds": [overridden(outcomeTimestamp="2024-05-01T10:15:00.123456Z")],
    "UTC as an offset": [overridden(outcomeTimestamp="2024-05-01T10:15:00+00:00")],
    "lower case z": [overridden(outcomeTimestamp="2024-05-01t10:15:00z")],
    "cds-32 out of order": [
        overridden(OTHER, outcomeTimestamp="2024-05-01T12:00:00Z"),
        overridden(OTHER, outcomeTimestamp="2024-05-01T09:00:00Z"),
    ],
    "cds-3 extension and unknown": [overridden(extension={"org.example": {"a": 1}}, brandNew=5)],
    "comment in Chinese": [overridden(overrideReason={"userComment": "患者拒绝 <script>"})],
}  # fmt: skip


@pytest.mark.parametrize("service", [VIEW, SELECT, SIGN])
def test_every_service_takes_feedback(ehr: Ehr, service: str) -> None:
    """cds-34: about a card that it never showed too."""
    assert ehr.feedback(service, [overridden()]).status_code == 200


@pytest.mark.parametrize("form", LEGAL)
def test_every_legal_form_is_taken(ehr: Ehr, form: str) -> None:
    """cds-32, cds-33."""
    response = ehr.feedback(VIEW, LEGAL[form])
    assert response.status_code == 200, f"{response.status_code} {response.text[:300]}"


def test_the_same_feedback_may_come_again(ehr: Ehr) -> None:
    """cds-32."""
    items = [overridden(overrideReason=REASON)]
    assert [ehr.feedback(VIEW, items).status_code for _ in range(3)] == [200, 200, 200]


def test_unknown_cards_do_not_spoil_a_batch(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-34."""
    record = violating()
    card = reading.critical(ehr.ask(VIEW, record, fake))[0]["uuid"]
    batch = [overridden("no-uuid-at-all"), overridden(card, overrideReason=REASON), overridden()]
    assert ehr.feedback(VIEW, batch).status_code == 200
    assert card not in {one["uuid"] for one in ehr.ask(VIEW, record, fake)}


SHAPELESS: list[Any] = [
    {}, {"feedback": None}, {"feedback": {}}, {"feedback": "x"}, [], {"feedback": [5]}, {"feedback": [None]},
    {"feedback": [{}]},
]  # fmt: skip


@pytest.mark.parametrize("body", SHAPELESS, ids=repr)
def test_feedback_without_its_required_shape_is_refused(ehr: Ehr, body: Any) -> None:
    """cds-26."""
    response = ehr.post(f"{VIEW}/feedback", body)
    assert 400 <= response.status_code < 500
    reading.outcome(response)


@pytest.mark.parametrize("field", ["card", "outcome", "outcomeTimestamp", "acceptedSuggestions"])
def test_an_element_without_a_required_field_is_refused(ehr: Ehr, field: str) -> None:
    """cds-32."""
    item = accepted()
    del item[field]
    assert 400 <= ehr.feedback(VIEW, [item]).status_code < 500


@pytest.mark.parametrize("outcome", ["ignored", "ACCEPTED", "", 5])
def test_other_outcomes_are_refused(ehr: Ehr, outcome: Any) -> None:
    """cds-32."""
    assert 400 <= ehr.feedback(VIEW, [overridden(outcome=outcome)]).status_code < 500


@pytest.mark.parametrize("stamp", ["yesterday", "2024-05-01", 5, "2024-13-45T99:00:00Z", ""])
def test_a_timestamp_that_is_none_is_refused(ehr: Ehr, stamp: Any) -> None:
    """cds-32."""
    assert 400 <= ehr.feedback(VIEW, [overridden(outcomeTimestamp=stamp)]).status_code < 500


def test_a_batch_with_one_bad_element_is_no_crash(ehr: Ehr) -> None:
    """cds-26."""
    assert ehr.feedback(VIEW, [overridden(), {"card": 5}, overridden()]).status_code < 500


ODD_REASONS: list[Any] = [
    {}, {"reason": {}}, {"reason": "x"}, "x", [], {"userComment": 5}, {"userComment": "x" * 200_000},
]  # fmt: skip


@pytest.mark.parametrize("reason", ODD_REASONS, ids=lambda value: repr(value)[:20])
def test_an_odd_reason_is_no_crash(ehr: Ehr, reason: Any) -> None:
    """cds-33."""
    assert ehr.feedback(VIEW, [overridden(overrideReason=reason)]).status_code < 500


def test_feedback_for_an_unknown_service_is_404(ehr: Ehr) -> None:
    """cds-26."""
    assert ehr.feedback("no-such-service", [overridden()]).status_code == 404


def test_feedback_that_is_no_json_is_400(ehr: Ehr) -> None:
    """cds-1."""
    reading.refused(ehr.post(f"{VIEW}/feedback", "{"))


def test_feedback_on_system_actions_does_not_exist(ehr: Ehr) -> None:
    """cds-34: it is an unknown member."""
    assert ehr.feedback(VIEW, [overridden(systemActions=[{"type": "create"}])]).status_code == 200
