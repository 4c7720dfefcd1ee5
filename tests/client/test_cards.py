"""Every member of every card of the scenarios, in both languages."""

from __future__ import annotations

import re
import uuid

from tests.client import reading
from tests.client.gallery import Gallery, by_name, cards_of

REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
HAN = re.compile(r"[\u4e00-\u9fff]")


def test_a_response_has_cards(shown: Gallery) -> None:
    """cds-1, cds-25."""
    for one in shown:
        assert isinstance(one.cards, list), one.name
        assert "json" in one.response.headers["content-type"]
        reading.strictly(one.response.content)


def test_there_is_no_empty_member_anywhere(shown: Gallery) -> None:
    """cds-2."""
    for one in shown:
        assert reading.empties(one.response.json()) == [], one.name


def test_extensions_are_objects(shown: Gallery) -> None:
    """cds-4."""
    nodes = [node for _, card in cards_of(shown) for node in (card, card["source"], *card.get("suggestions", []))]
    extensions = [node["extension"] for node in nodes if "extension" in node]
    assert extensions, "no card has an extension"
    for extension in extensions:
        assert isinstance(extension, dict) and all("." in key for key in extension), extension


def test_a_summary_is_one_line_below_140_characters(shown: Gallery) -> None:
    """cds-25."""
    for name, card in cards_of(shown):
        summary = card["summary"]
        assert isinstance(summary, str) and summary.strip() and len(summary) <= 139, (name, len(summary), summary)
        assert "\n" not in summary, name


def test_the_language_is_that_of_the_site(english: Gallery, chinese: Gallery) -> None:
    assert all(HAN.search(card["summary"]) for _, card in cards_of(chinese))
    assert not any(HAN.search(card["summary"]) for _, card in cards_of(english))


def test_an_indicator_is_one_of_three(shown: Gallery) -> None:
    """cds-25."""
    assert {card["indicator"] for _, card in cards_of(shown)} == set(reading.RANK), "of each kind there is one"


def test_a_source_has_label_address_and_topic(shown: Gallery) -> None:
    """cds-25."""
    for name, card in cards_of(shown):
        source = card["source"]
        assert isinstance(source["label"], str) and source["label"].strip(), name
        assert reading.absolute(source["url"]) and reading.absolute(source.get("icon", source["url"])), (name, source)
        assert source["topic"]["code"] and source["topic"]["system"], (name, source)


def test_uuids_are_given_and_different(shown: Gallery) -> None:
    """cds-27: feedback names them."""
    for one in shown:
        ids = [node["uuid"] for node in [*one.cards, *one.suggestions]]
        assert len(set(map(uuid.UUID, ids))) == len(ids), one.name


def test_cards_with_suggestions_say_how_many_may_be_taken(shown: Gallery) -> None:
    """cds-27."""
    suggesting = [(name, card) for name, card in cards_of(shown) if "suggestions" in card]
    assert suggesting, "no card has suggestions"
    for name, card in suggesting:
        assert card["selectionBehavior"] in ("at-most-one", "any"), name
        recommended = sum(bool(one.get("isRecommended")) for one in card["suggestions"])
        assert recommended <= 1 or card["selectionBehavior"] == "any", name


def test_override_reasons_come_from_the_published_code_system(shown: Gallery) -> None:
    """cds-33: each has a display."""
    reasons = [reason for _, card in cards_of(shown) for reason in card.get("overrideReasons", [])]
    assert reasons, "no card has override reasons"
    for reason in reasons:
        assert reason["system"] == REASONS and re.fullmatch(r"[a-z][a-z-]+", reason["code"]), reason
        assert reason["display"].strip(), reason


def test_serious_cards_can_be_overridden_with_a_reason(shown: Gallery) -> None:
    """cds-33."""
    serious = [(name, card) for name, card in cards_of(shown) if card["indicator"] == "critical"]
    assert serious, "no card is critical"
    for name, card in serious:
        assert card.get("overrideReasons"), (name, card["summary"])


def test_there_are_no_system_actions(shown: Gallery) -> None:
    """cds-30."""
    assert [one.name for one in shown if "systemActions" in one.response.json()] == []


def test_no_card_has_a_link_since_there_is_no_page_that_it_could_lead_to(shown: Gallery) -> None:
    """cds-31."""
    assert [name for name, card in cards_of(shown) if card.get("links")] == []


def test_cards_are_ordered_and_info_is_one(shown: Gallery) -> None:
    assert any(len(one.cards) > 1 for one in shown), "nothing to put in order"
    for one in shown:
        ranks = [reading.RANK[card["indicator"]] for card in one.cards]
        assert ranks == sorted(ranks, reverse=True) and ranks.count(0) <= 1, (one.name, ranks)


def test_the_indicator_is_that_of_the_severity(english: Gallery) -> None:
    assert reading.critical(by_name(english, "beva-sign").cards)
    assert reading.mentions(by_name(english, "tace").cards, "TACE", "warning")
    stopped = by_name(english, "ici-stop").cards
    assert reading.mentions(stopped, "camrelizumab|ICI|checkpoint|immun", "critical")
