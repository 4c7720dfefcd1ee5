"""What cards say, and how what comes from a record is kept harmless."""

from __future__ import annotations

import re

import pytest

from tests.client import facts, reading
from tests.client.cds import SIGN, VIEW, Ehr
from tests.client.facts import Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.gallery import Gallery, by_name, cards_of
from tests.client.records import violating
from tests.client.search import Json

EVIL = "<img src=x onerror=alert(1)>[click](http://evil.example)<script>alert(2)</script>"
MARKUP = re.compile(r"(?<!\\)<(img|script)", re.IGNORECASE)


def test_the_detail_says_what_why_and_from_where(english: Gallery) -> None:
    """The last dose, the interval, its threshold and the statement."""
    detail = reading.critical(by_name(english, "view-violation").cards)[0]["detail"]
    for said in ("2024-04-28", r"\b22\b", r"\b28\b", r"C24-16|statement 16"):
        assert re.search(said, detail), said


def test_freshness_is_said(shown: Gallery) -> None:
    """cds-47."""
    for name, card in cards_of(shown):
        assert "2024-05-01" in reading.text([card]), (name, card["summary"])


def test_decisions_name_the_multidisciplinary_team(english: Gallery) -> None:
    assert reading.mentions(by_name(english, "hepatectomy-pd").cards, "MDT|multidisciplinary")


def hostile() -> Facts:
    """Every text of the record is an attack."""
    record = violating()
    parts: list[Json] = [
        {"code": facts.concept(facts.LOCAL, "ctcae_grade"), "valueInteger": 3},
        {"code": facts.concept(facts.LOCAL, "treatment_related"), "valueBoolean": True},
        {"code": facts.concept(facts.LOCAL, "resolved"), "valueBoolean": False},
    ]
    record.obs(facts.LOCAL, "adverse_event", "2024-04-20", valueString=EVIL, component=parts)
    record.resources[0]["name"] = [{"text": EVIL, "family": EVIL}]
    for dose in record.of("MedicationAdministration"):
        drug = dose["medicationCodeableConcept"]
        dose["medicationCodeableConcept"] = {"text": EVIL, "coding": [{**drug["coding"][0], "display": EVIL}]}
    return record


@pytest.mark.parametrize("service", [VIEW, SIGN])
def test_text_of_the_record_is_escaped(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    """A detail is rendered, by some clients as raw HTML; the cards of an order show none of these texts."""
    record = hostile()
    draft = record.draft_drug("bevacizumab")
    draft["medicationCodeableConcept"]["text"] = EVIL
    cards = ehr.ask(service, record, fake, [draft] if service == SIGN else [])
    assert cards
    said = details(cards)
    assert ("alert(1)" in said) == (service == VIEW), "whether the attack is shown at all"
    assert not MARKUP.search(said) and "](http://evil" not in said, said[:500]


def test_hostile_ids_are_escaped(ehr: Ehr, fake: FakeFHIR) -> None:
    record = violating()
    for dose in record.of("MedicationAdministration"):
        dose["id"] = "<script>alert(1)</script>"
    said = details(ehr.ask(VIEW, record, fake))
    assert "alert(1)" in said, "the attack is not shown at all"
    assert not MARKUP.search(said), said[:500]


def details(cards: list[Json]) -> str:
    return "\n".join(card.get("detail", "") for card in cards)
