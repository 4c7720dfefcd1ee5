"""The cards: valid by CDS Hooks, stable, short, harmless in a page, and honest about their age."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.output.markdown import escaped, one_line, shortened
from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in
from tests.service.test_discovery import empties

INDICATORS = {"info", "warning", "critical"}
MEMBERS = {"uuid", "summary", "detail", "indicator", "source", "overrideReasons"}
MAY_HAVE = {"suggestions", "selectionBehavior", "extension"}


def cards(client: TestClient, chart: list[Json]) -> list[Json]:
    answer = client.post(PATIENT_VIEW, json=hook_request(chart))
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["cards"]
    return found


def faults(card: Json) -> list[str]:
    """What a card has against the CDS Hooks specification and this project's own promises."""
    found = [f"empty {place}" for place in empties(card)]
    source = card.get("source", {})
    checks = {
        "members": MEMBERS <= set(card) <= MEMBERS | MAY_HAVE,
        "summary": 1 <= len(card["summary"]) <= 139 and "\n" not in card["summary"],
        "indicator": card["indicator"] in INDICATORS,
        "uuid": str(uuid.UUID(card["uuid"])) == card["uuid"],
        "source.label": bool(source.get("label")),
        "source.url": str(source.get("url")).startswith("https://"),
        "topic": {"system", "code"} <= set(source.get("topic", {})),
        "no raw html": not re.search(r"<[a-zA-Z/!]", card["detail"]),
    }
    return found + [name for name, holds in checks.items() if not holds]


def test_every_card_of_every_synthetic_patient_is_valid(client: TestClient, charts: dict[str, list[Json]]) -> None:
    assert len(charts) >= 10
    for key, chart in charts.items():
        found = cards(client, chart)
        assert found, key
        for card in found:
            assert faults(card) == [], f"{key}: {card['summary']}"
        assert len({card["uuid"] for card in found}) == len(found)


def test_the_gravest_cards_come_first_and_one_card_tells_phase_and_stages(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    found = cards(client, charts["syn-05-bevacizumab-too-late"])
    order = [("critical", "warning", "info").index(card["indicator"]) for card in found]
    assert order == sorted(order) and order[0] < 2
    (told,) = (card for card in found if card["source"]["topic"]["code"] == "summary")
    assert all(word in told["summary"] for word in ("CNLC", "BCLC", "Child-Pugh"))


def test_a_grave_finding_is_a_card_of_its_own_with_its_code_and_statements(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    found = {c["source"]["topic"]["code"]: c for c in cards(client, charts["syn-05-bevacizumab-too-late"])}
    card = found["interval.bevacizumab"]
    assert card["indicator"] in ("critical", "warning")
    assert "C24-16" in card["detail"]


def test_the_same_facts_give_the_same_uuids_and_another_patient_gives_others(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    first, again = (cards(client, charts["syn-01-eligible"]) for _ in range(2))
    other = cards(client, charts["syn-03-partial-response"])
    uuids = [{card["uuid"] for card in found} for found in (first, again, other)]
    assert uuids[0] == uuids[1] and not uuids[0] & uuids[2]


def test_the_language_changes_the_words_and_not_the_uuids(tmp_path: Path, charts: dict[str, list[Json]]) -> None:
    told: dict[str, list[Any]] = {}
    for lang in ("en", "zh"):
        site = Site(settings_in(tmp_path, HCC_LANG=lang), PUBLIC, open=True, frozen=AS_OF)
        with TestClient(create_app(site)) as caller:
            told[lang] = cards(caller, charts["syn-05-bevacizumab-too-late"])
    assert [c["uuid"] for c in told["en"]] == [c["uuid"] for c in told["zh"]]
    assert all(faults(card) == [] for card in told["zh"])
    assert all(re.search(r"[\u4e00-\u9fff]", card["source"]["label"]) for card in told["zh"])


def test_each_card_states_its_as_of_the_frozen_clock_and_the_newest_fact(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    for card in cards(client, charts["syn-03-partial-response"]):
        assert f"as of {AS_OF}T23:59:59+00:00" in card["detail"]
        assert "frozen" in card["detail"]
        assert re.search(r"Newest fact on record: 2024-0[1-5]-\d\d", card["detail"])
        assert "multidisciplinary team" in card["detail"]


def test_a_running_clock_is_not_called_frozen(tmp_path: Path, charts: dict[str, list[Json]]) -> None:
    with TestClient(create_app(Site(settings_in(tmp_path), PUBLIC, open=True))) as caller:
        assert all("frozen" not in card["detail"] for card in cards(caller, charts["syn-01-eligible"]))


def test_a_patient_without_hcc_gets_no_card(client: TestClient) -> None:
    chart: list[Json] = [{"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1980-01-01"}]
    assert cards(client, chart) == []


def test_names_never_stand_in_a_card(client: TestClient, charts: dict[str, list[Json]]) -> None:
    for chart in charts.values():
        patient = next(r for r in chart if r["resourceType"] == "Patient")
        names = [text for name in patient["name"] for text in (name.get("family"), name.get("text")) if text]
        assert names
        told = str(cards(client, chart))
        assert not [name for name in names if name in told]


def test_what_a_record_says_cannot_act_in_the_page(client: TestClient, charts: dict[str, list[Json]]) -> None:
    evil = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **b** https://evil.example `c` | d\n# e"
    chart = [dict(r) for r in charts["syn-07-immune-hepatitis"]]
    patient = next(r for r in chart if r["resourceType"] == "Patient")
    event = {
        "resourceType": "Observation",
        "id": "evil",
        "status": "final",
        "code": {"coding": [{"system": "https://hcc-conversion.org/fhir/CodeSystem/concept", "code": "adverse_event"}]},
        "subject": {"reference": f"Patient/{patient['id']}"},
        "effectiveDateTime": "2024-04-28",
        "valueString": evil,
        "component": [
            {
                "code": {
                    "coding": [{"system": "https://hcc-conversion.org/fhir/CodeSystem/concept", "code": "ctcae_grade"}]
                },
                "valueInteger": 4,
            }
        ],
    }
    for card in cards(client, [*chart, event]):
        assert faults(card) == []
        assert not re.search(r"(?<!\\)\]\(javascript", card["detail"]) and "**b**" not in card["detail"]
        assert "https://evil" not in card["detail"]


@pytest.mark.parametrize(("length", "kept"), [(1, True), (138, True), (139, True), (140, False), (500, False)])
@pytest.mark.parametrize("letter", ["a", "肝", "é", "🩺"])
def test_a_summary_is_cut_only_beyond_139_characters(length: int, kept: bool, letter: str) -> None:
    text = letter * length
    short = shortened(text, 139)
    assert len(short) <= 139
    assert (short == text) is kept
    assert kept or short.endswith("…")


def test_a_summary_is_cut_between_words() -> None:
    assert shortened("word " * 60, 139).endswith("word…")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("*a* _b_ `c`", r"\*a\* \_b\_ \`c\`"),
        ("[a](b)", r"\[a\](b)"),
        ("http://x www.y", r"http\://x www\.y"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("a\nb\r\n\tc", "a b c"),
        ("a\u202eb\u200bc", "a b c"),
        ("5 mg/kg, 30%", "5 mg/kg, 30%"),
    ],
)
def test_markdown_and_html_are_escaped(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_one_line_has_no_control_characters() -> None:
    assert one_line("a\x00b\x1bc\u2028d") == "a b c d"
