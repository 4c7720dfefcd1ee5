"""A check that fails costs itself alone, and the cards say that it failed: never an empty answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from adapter.guideline import evaluation, local
from adapter.guideline.case import Case
from adapter.guideline.catalogue import EVALUATORS
from adapter.guideline.evaluation import check_name
from adapter.guideline.model import Finding
from adapter.output.card_words import CardWords
from adapter.output.wordbook import LANGUAGES, Texts
from tests.service.conftest import PATIENT_VIEW, Json, hook_request
from tests.service.ordering import SELECT, SIGN, by_topic, order_request, ordered, procedure, told

Charts = dict[str, list[Json]]
TACE = "syn-16-tace-with-thrombus"


def broken(case: Case) -> Iterator[Finding]:
    """An evaluator with a defect."""
    raise ZeroDivisionError(f"about {case.timeline.person.reference}")


broken.__module__ = local.__name__


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluator of local treatment has a defect."""
    listed = tuple(broken if evaluator is local.findings else evaluator for evaluator in EVALUATORS)
    monkeypatch.setattr(evaluation, "EVALUATORS", listed)


def without_failure(cards: list[Json]) -> list[Json]:
    return [card for card in cards if card["source"]["topic"]["code"] not in ("missing-data", "summary", "orders")]


def test_a_failed_check_is_a_warning_and_the_other_cards_stay(
    client: TestClient, charts: Charts, request: pytest.FixtureRequest
) -> None:
    """cds-26"""
    call = hook_request(charts[TACE])
    whole = client.post(PATIENT_VIEW, json=call).json()["cards"]
    request.getfixturevalue("failing")
    answer = client.post(PATIENT_VIEW, json=call)
    assert answer.status_code == 200
    cards = answer.json()["cards"]
    card = by_topic(cards)["missing-data"]
    assert card["indicator"] == "warning"
    assert "Checks that failed" in card["detail"] and "- local treatment" in card["detail"]
    lost = {"local.tace-portal-vein"}
    assert {c["uuid"] for c in without_failure(cards)} == {
        c["uuid"] for c in without_failure(whole) if c["source"]["topic"]["code"] not in lost
    }


@pytest.mark.parametrize("hook", [SELECT, SIGN])
@pytest.mark.usefixtures("failing")
def test_an_order_whose_check_failed_is_not_answered_with_nothing(
    client: TestClient, charts: Charts, hook: str
) -> None:
    cards = ordered(client, order_request(charts[TACE], [procedure("haic")], hook))
    card = by_topic(cards)["missing-data"]
    assert card["indicator"] == "warning" and "- local treatment" in card["detail"]
    assert "local.tace-portal-vein" not in told(cards)


@pytest.mark.usefixtures("failing")
def test_the_log_names_the_place_of_the_failure_and_no_patient(
    client: TestClient, charts: Charts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "hcc.service"):
        client.post(PATIENT_VIEW, json=hook_request(charts[TACE]))
    (line,) = [record.getMessage() for record in caplog.records if "failed" in record.getMessage()]
    assert "local" in line and "ZeroDivisionError" in line and "syn-16" not in line


@pytest.mark.parametrize("part", ["_staging", "_course", "agenda"])
def test_a_failed_part_of_the_assessment_is_said_too(
    client: TestClient, charts: Charts, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, part, broken)
    answer = client.post(PATIENT_VIEW, json=hook_request(charts[TACE]))
    assert answer.status_code == 200, answer.text
    assert by_topic(answer.json()["cards"])["missing-data"]["indicator"] == "warning"
    assert "local.tace-portal-vein" in told(answer.json()["cards"])


@pytest.mark.usefixtures("failing")
def test_an_assessment_that_cannot_say_what_failed_is_refused(client: TestClient, charts: Charts) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in charts[TACE]]}
    answer = client.post("/evaluate", json=bundle)
    assert answer.status_code == 500 and "findings" not in answer.text


@pytest.mark.usefixtures("failing")
def test_a_failed_check_is_said_at_every_call_although_it_was_overridden(client: TestClient, charts: Charts) -> None:
    for _ in range(2):
        cards = client.post(PATIENT_VIEW, json=hook_request(charts[TACE])).json()["cards"]
        card = by_topic(cards)["missing-data"]
        assert "FAILED" in card["summary"] and card["extension"]["org.hcc-conversion.failed-checks"]
        report = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2024-05-01T10:00:00Z"}
        assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": [report]}).status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_has_a_name_in_both_languages(language: str) -> None:
    words = CardWords(Texts(language))
    names = [*map(check_name, EVALUATORS), "staging", "course", "agenda"]
    assert len(set(names)) == len(EVALUATORS) + 3
    said = [words.check(name) for name in names]
    assert len(set(said)) == len(names)
    if language == "zh":
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in one) for one in said)
