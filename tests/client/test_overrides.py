"""Overrides silence a card until its evidence changes, and nothing else."""

from __future__ import annotations

from tests.client import reading
from tests.client.cds import SIGN, VIEW, Ehr
from tests.client.facts import Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.reading import critical
from tests.client.records import before_surgery, violating
from tests.client.said import REASON, accepted, overridden, unknown
from tests.client.search import Json


def told(ehr: Ehr, card: Json, service: str = VIEW) -> None:
    """The card was overridden with a reason."""
    assert ehr.feedback(service, [overridden(card["uuid"], overrideReason=REASON)]).status_code == 200


def test_an_override_silences_until_the_evidence_changes(ehr: Ehr, fake: FakeFHIR) -> None:
    record = violating()
    told(ehr, critical(ehr.ask(VIEW, record, fake))[0])
    assert not critical(ehr.ask(VIEW, record, fake)), "still shown after the override"
    record.dose("bevacizumab", "2024-04-30")
    assert critical(ehr.ask(VIEW, record, fake)), "new evidence must speak again"


def test_an_override_without_a_reason_silences_too(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-33."""
    record = violating()
    card = critical(ehr.ask(VIEW, record, fake))[0]
    assert ehr.feedback(VIEW, [overridden(card["uuid"])]).status_code == 200
    assert not critical(ehr.ask(VIEW, record, fake))


def test_an_override_touches_that_card_and_that_patient_only(ehr: Ehr, fake: FakeFHIR) -> None:
    record, other = violating(), violating()
    before = ehr.ask(VIEW, record, fake)
    card = critical(before)[0]
    told(ehr, card)

    def others(cards: list[Json]) -> list[tuple[str, ...]]:
        serious = [one for one in cards if one["indicator"] != "info"]
        return reading.same(one for one in serious if one["uuid"] != card["uuid"])

    assert others(before), "no other card that could be touched"
    assert others(ehr.ask(VIEW, record, fake)) == others(before)
    assert critical(ehr.ask(VIEW, other, fake))


def test_an_override_of_an_order_card_does_not_follow_another_order(ehr: Ehr, fake: FakeFHIR) -> None:
    record = before_surgery()

    def cards_with(record: Facts, name: str) -> list[Json]:
        return critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab", id=name)]))

    told(ehr, cards_with(record, "one")[0], SIGN)
    assert not cards_with(record, "one")
    record.dose("bevacizumab", "2024-04-29")
    assert cards_with(record, "two")


def test_an_accepted_card_is_not_silenced(ehr: Ehr, fake: FakeFHIR) -> None:
    """While the facts stand it is shown."""
    record = violating()
    card = critical(ehr.ask(VIEW, record, fake))[0]
    suggestions = [one["uuid"] for one in card.get("suggestions", [])] or [unknown()]
    assert ehr.feedback(VIEW, [accepted(card["uuid"], suggestions[0])]).status_code == 200
    assert card["uuid"] in {one["uuid"] for one in ehr.ask(VIEW, record, fake)}
