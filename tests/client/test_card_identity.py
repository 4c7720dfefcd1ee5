"""Uuids that are the same for the same patient, rule and evidence, and for nothing else."""

from __future__ import annotations

from tests.client import reading
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import before_surgery, violating
from tests.client.search import Json


def uuids(cards: list[Json]) -> set[str]:
    found = {str(card["uuid"]) for card in cards}
    assert found
    return found


def test_the_same_call_gives_the_same_uuids(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-46."""
    record = before_surgery()
    drafts = [record.draft_drug("bevacizumab")]
    for service in (VIEW, SELECT, SIGN):
        first, second = (ehr.ask(service, record, fake, drafts) for _ in range(2))
        assert first and reading.same(first) == reading.same(second)


def test_the_order_of_the_facts_changes_nothing(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-46."""
    record = violating()
    before = reading.same(ehr.ask(VIEW, record, fake))
    record.resources = [record.resources[0], *reversed(record.resources[1:])]
    assert reading.same(ehr.ask(VIEW, record, fake)) == before


def test_another_patient_has_other_uuids(ehr: Ehr, fake: FakeFHIR) -> None:
    one, other = (ehr.ask(VIEW, violating(), fake) for _ in range(2))
    assert reading.meaning(one) == reading.meaning(other)
    assert not uuids(one) & uuids(other)


def test_new_evidence_gives_another_uuid(ehr: Ehr, fake: FakeFHIR) -> None:
    """A later dose."""
    record = violating()
    old = uuids(reading.critical(ehr.ask(VIEW, record, fake)))
    record.dose("bevacizumab", "2024-04-29")
    assert not old & uuids(reading.critical(ehr.ask(VIEW, record, fake)))


def test_both_languages_have_the_same_uuids(ehr: Ehr, zh: Ehr, fake: FakeFHIR) -> None:
    record = violating()
    one, other = (caller.ask(VIEW, record, fake) for caller in (ehr, zh))
    assert [(card["indicator"], card["uuid"]) for card in one] == [(card["indicator"], card["uuid"]) for card in other]
    assert uuids(one)
