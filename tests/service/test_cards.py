"""The cards: valid by CDS Hooks, stable, short, harmless in a page, and honest about their age."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.errors import TableError
from adapter.output.markdown import escaped, one_line, shortened
from adapter.output.override_reasons import override_reasons
from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in
from tests.service.ordering import drug, order_request, ordered, procedure, told
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
    """cds-2, cds-25, section 7 (card)"""
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
    """section 7 (card)"""
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
    """section 7 (uuid)"""
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
    """cds-47"""
    for card in cards(client, charts["syn-03-partial-response"]):
        assert f"as of {AS_OF}T23:59:59+00:00" in card["detail"]
        assert "frozen" in card["detail"]
        assert re.search(r"Newest fact on record: 2024-0[1-5]-\d\d", card["detail"])
        assert "multidisciplinary team" in card["detail"]


def test_a_running_clock_is_not_called_frozen(tmp_path: Path, charts: dict[str, list[Json]]) -> None:
    with TestClient(create_app(Site(settings_in(tmp_path), PUBLIC, open=True))) as caller:
        assert all("frozen" not in card["detail"] for card in cards(caller, charts["syn-01-eligible"]))


def test_a_patient_without_hcc_gets_no_card(client: TestClient) -> None:
    """cds-25"""
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
    """section 7 (detail)"""
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
        ("http://x www.y", "http ://x www .y"),
        ("HTTPS://x a@b.co", "HTTPS ://x a @b.co"),
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


def feedback(client: TestClient, service: str, card: Json) -> None:
    """The user overrides a card."""
    report = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2024-05-01T10:00:00Z"}
    reason = {"reason": {"code": "patient-refuses"}}
    body = {"feedback": [{**report, "overrideReason": reason}]}
    assert client.post(f"/cds-services/{service}/feedback", json=body).status_code == 200


def test_an_overridden_card_is_silent_until_its_evidence_changes(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    chart = charts["syn-13-small-remnant"]
    (card,) = (c for c in cards(client, chart) if c["source"]["topic"]["code"] == "flr.adequacy")
    others = [c["uuid"] for c in cards(client, chart) if c != card]
    feedback(client, "hcc-conversion-patient-view", card)
    assert [c["uuid"] for c in cards(client, chart)] == others
    changed = [_later_value(r) for r in chart]
    assert changed != chart
    (again,) = (c for c in cards(client, changed) if c["source"]["topic"]["code"] == "flr.adequacy")
    assert again["uuid"] != card["uuid"] and again["summary"] != card["summary"]


def _later_value(resource: Json) -> Json:
    """The remnant measured again under the same id: another number, the same verdict."""
    codes = {coding.get("code") for coding in resource.get("code", {}).get("coding", [])}
    if "future_liver_remnant_ratio" not in codes:
        return resource
    value = resource["valueQuantity"]
    return {**resource, "valueQuantity": {**value, "value": value["value"] - 1}}


def test_an_override_at_the_chart_does_not_silence_the_card_at_the_order(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    chart = charts["syn-16-tace-with-thrombus"]
    for card in cards(client, chart):
        feedback(client, "hcc-conversion-patient-view", card)
    assert cards(client, chart) == []
    at_order = ordered(client, order_request(chart, [procedure("tace")]))
    assert "local.tace-portal-vein" in told(at_order)
    for card in at_order:
        feedback(client, "hcc-conversion-order-sign", card)
    assert ordered(client, order_request(chart, [procedure("tace")])) == []
    assert ordered(client, order_request(chart, [procedure("tace", "another")]))


def test_cards_are_few_and_tell_every_grave_finding_once(client: TestClient, charts: dict[str, list[Json]]) -> None:
    for key, chart in charts.items():
        found = cards(client, chart)
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in chart]}
        findings = client.post("/evaluate", json=bundle).json()["findings"]
        grave = sorted((f["code"], f["outcome"]) for f in findings if f["severity"] != "info")
        listed = [one for c in found for one in c.get("extension", {}).get("org.hcc-conversion.findings", [])]
        assert sorted((one["code"], one["outcome"]) for one in listed) == grave, key
        assert len([c for c in found if c["indicator"] != "info"]) <= 4
        assert len([c for c in found if c["indicator"] == "info"]) <= 1
        for finding in findings:
            if finding["severity"] != "info":
                assert any(escaped(finding["summary"])[:60] in c["detail"] or finding["summary"] == c["summary"]
                           for c in found), (key, finding["code"])  # fmt: skip


def test_findings_of_one_family_are_one_card_that_counts_them(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    found = cards(client, charts["syn-04-progression"])
    (card,) = (c for c in found if c["source"]["topic"]["code"] == "response.mrecist")
    told_here = card["extension"]["org.hcc-conversion.findings"]
    assert len(told_here) > 3 and card["summary"].endswith(f"(+{len(told_here) - 1} more)")


def test_a_criterion_names_its_value_its_day_and_its_source(client: TestClient, charts: dict[str, list[Json]]) -> None:
    """cds-47"""
    found = {c["source"]["topic"]["code"]: c for c in cards(client, charts["syn-05-bevacizumab-too-late"])}
    detail = found["interval.bevacizumab"]["detail"]
    assert "22 days; limit &gt;= 28 days; 2024-04-14" in detail
    assert "source: MedicationAdministration/syn-05-bevacizumab-m17" in detail


@pytest.mark.parametrize(("lang", "words"), [("en", "The patient declines"), ("zh", "患者拒绝")])
def test_override_reasons_are_codings_with_display_in_the_language(
    tmp_path: Path, charts: dict[str, list[Json]], lang: str, words: str
) -> None:
    """section 7 (overrideReasons)"""
    with TestClient(create_app(Site(settings_in(tmp_path, HCC_LANG=lang), PUBLIC, open=True, frozen=AS_OF))) as caller:
        found = cards(caller, charts["syn-05-bevacizumab-too-late"])
    for card in found:
        reasons = card["overrideReasons"]
        assert {r["code"]: r["display"] for r in reasons}["patient-refuses"] == words
        assert all(set(r) == {"code", "system", "display"} for r in reasons)
        assert {r["system"] for r in reasons} == {"http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}
        assert len({r["code"] for r in reasons}) == len(reasons)


def test_a_site_adds_its_own_override_reason(tmp_path: Path, charts: dict[str, list[Json]]) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    row = "http://hospital.example.org/reasons,board,The board decided,委员会已决定,our board"
    (tables / "override_reasons.csv").write_text(f"system,code,en,zh,source\n{row}\n", "utf-8")
    site = Site(settings_in(tmp_path, HCC_MAPPINGS=str(tables)), PUBLIC, open=True, frozen=AS_OF)
    with TestClient(create_app(site)) as caller:
        card = cards(caller, charts["syn-05-bevacizumab-too-late"])[0]
    assert {"code": "board", "display": "The board decided"}.items() <= card["overrideReasons"][-1].items()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_card_about_orders_is_valid_in_both_languages(
    tmp_path: Path, charts: dict[str, list[Json]], lang: str
) -> None:
    """cds-25"""
    orders = [drug("atezolizumab"), drug("lenvatinib", "d2"), procedure("tace"), procedure("hepatectomy", "p2")]
    orders += [procedure("haic", "p3"), {"resourceType": "MedicationRequest", "id": "odd"}]
    with TestClient(create_app(Site(settings_in(tmp_path, HCC_LANG=lang), PUBLIC, open=True, frozen=AS_OF))) as caller:
        for key, chart in charts.items():
            found = ordered(caller, order_request(chart, orders))
            assert found, key
            for card in found:
                assert faults(card) == [], f"{key}: {card['summary']}"
                assert ("suggestions" in card) is (card.get("selectionBehavior") in ("any", "at-most-one"))
            grave = [c for c in found if c["indicator"] != "info"]
            assert len(grave) <= 4 and len(found) <= 5
            order = [("critical", "warning", "info").index(c["indicator"]) for c in found]
            assert order == sorted(order)


def test_an_answer_has_no_system_actions_no_links_and_extensions_are_objects(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    """cds-4, cds-30, cds-31"""
    for chart in charts.values():
        body = client.post(PATIENT_VIEW, json=hook_request(chart)).json()
        assert set(body) == {"cards"}
        assert not [card for card in body["cards"] if "links" in card]
        extensions = [card["extension"] for card in body["cards"] if "extension" in card]
        assert all(isinstance(one, dict) and all("." in name for name in one) for one in extensions)


def test_a_reason_without_a_code_is_an_error_that_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "override_reasons.csv").write_text("system,code,en,zh,source\nhttp://x.example.org,,Words,,\n", "utf-8")
    with pytest.raises(TableError, match=r"override_reasons\.csv:2: a reason needs"):
        override_reasons("en", tmp_path)
