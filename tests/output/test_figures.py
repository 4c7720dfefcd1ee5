"""Every number of a source in a text comes from the guideline's YAML, so that a page and a text cannot disagree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from adapter.cli.app import run
from adapter.errors import TableError
from adapter.guideline.model import Finding
from adapter.guideline.regimen import OPTIONS
from adapter.guideline.thresholds import EDITIONS, Limit, Thresholds, load_thresholds
from adapter.output.wordbook import LANGUAGES, Texts, texts_of
from tests.coverage.evaluated import findings_of_all_cases
from tests.output.test_texts import leaves

PLACE = re.compile(r"\{([a-z_]+)/([A-Za-z0-9_+-]+)(?:\.number)?\}")
# Names with a digit: citation keys, trials, the grade that table 1 of C21 counts from.
NAMED = re.compile(r"\{[^}]*\}|\bC2[14]-[a-z0-9.]+|IMbrave150|ORIENT-32|grade >=3|≥3级")
FIRST_LINE = Finding("regimen.first-line", "consider", "recommendation", "info", (), params={"options": OPTIONS})
FIGURES = {
    "en": (
        "response 30 %, PFS 6.9 months, OS 19.2 months, grade >=3 43 %",
        "OS not reached",
        "21-30 %",
        "19.2-22.1 months",
    ),
    "zh": ("缓解率30%,PFS 6.9个月,OS 19.2个月,≥3级毒性43%", "OS 未达到", "21-30%", "19.2-22.1个月"),
}


def changed(name: str, **values: object) -> Thresholds:
    """The guideline's numbers with one figure of `regimen` other than printed."""
    topics: Mapping[str, Mapping[str, Limit]] = load_thresholds("2024").topics()
    other = msgspec.structs.replace(topics["regimen"][name], **values)
    return Thresholds("2024", {**topics, "regimen": {**topics["regimen"], name: other}})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_texts_of_the_first_line_hold_no_digit_but_in_names(language: str) -> None:
    texts = texts_of(language)
    own = dict(leaves(texts["findings"]["regimen.first-line"]))
    told = [*own.values(), *(texts["fragments"][option] for option in OPTIONS)]
    assert len(told) == 2 + len(OPTIONS)
    assert [text for text in told if re.search(r"[0-9]", NAMED.sub("", text))] == []


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_edition_tells_the_figures_in_both_languages(language: str, edition: str) -> None:
    told = Texts(language, None, load_thresholds(edition)).detail(FIRST_LINE)
    assert [figure for figure in FIGURES[language] if figure not in told] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_patient_at_the_start_is_shown_the_figures(language: str) -> None:
    told = [f["detail"] for f in findings_of_all_cases(language) if f["code"] == "regimen.first-line"]
    assert told
    assert [text for text in told if not all(figure in text for figure in FIGURES[language])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_figure_in_the_yaml_is_another_text(language: str) -> None:
    before = Texts(language).detail(FIRST_LINE)
    after = Texts(language, None, changed("camrelizumab-apatinib-os", value=Decimal("33.3"))).detail(FIRST_LINE)
    assert before.replace("20.3", "33.3") == after != before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_that_a_text_asks_for_exists_in_every_edition(language: str) -> None:
    asked = {found.groups() for _, text in leaves(texts_of(language)) for found in PLACE.finditer(text)}
    assert len(asked) > len(OPTIONS)
    assert [(e, a) for e in EDITIONS for a in asked if not load_thresholds(e).has(*a)] == []


def test_each_first_line_option_has_its_four_figures_with_their_place_in_the_table() -> None:
    figures = load_thresholds("2024").topics()["regimen"]
    for option in OPTIONS:
        pair = option.removeprefix("first-line-")
        for kind, unit in (("response", "%"), ("pfs", "mo"), ("os", "mo"), ("grade-3", "%")):
            limit = figures[f"{pair}-{kind}"]
            assert (limit.unit, limit.cite, limit.figure, limit.place[:8]) == (unit, "C21-t1", True, "table 1,")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_figures_side_by_side(capsys: pytest.CaptureFixture[str], language: str) -> None:
    assert run(["guideline", "show", "regimen.first-line", "--lang", language]) == 0
    text = capsys.readouterr().out
    shown = {"en": "not reached", "zh": "未达到"}[language]
    row = rf"regimen/sintilimab-bevacizumab-os( +{shown} \[figure\]){{{len(EDITIONS)}}}"
    assert re.search(row, text)
    assert "[C21-t1" in text and "[C24-s1" in text


def test_a_site_cannot_change_what_a_source_reports(tmp_path: Path) -> None:
    (tmp_path / "regimen.yaml").write_text(
        'topic: regimen\nsource: us\nreviewed: "2024-05-01"\nvalues: {os-longest: 30}\n', encoding="utf-8"
    )
    with pytest.raises(TableError, match=r"regimen\.yaml: os-longest is a figure of C24-s1"):
        load_thresholds("2024", tmp_path)


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "sNaN"])
def test_a_threshold_that_is_no_number_is_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "local.yaml").write_text(
        f'topic: local\nsource: us\nreviewed: "2024-05-01"\nvalues: {{haic-courses: {number}}}\n', encoding="utf-8"
    )
    with pytest.raises(TableError, match=r"haic-courses is .*; give a number"):
        load_thresholds("2024", tmp_path)


@pytest.mark.parametrize(("language", "words"), [("en", "HBV DNA above 500 IU/mL"), ("zh", "HBV DNA高于500 IU/mL")])
def test_the_number_of_a_site_stands_in_the_texts(tmp_path: Path, language: str, words: str) -> None:
    (tmp_path / "viral.yaml").write_text(
        'topic: viral\nsource: us\nreviewed: "2024-05-01"\nvalues: {dna-high: 500}\n', encoding="utf-8"
    )
    assert Texts(language, None, load_thresholds("2024", tmp_path)).criterion_name("hbv-dna-above-2000") == words


@pytest.mark.parametrize(("language", "words"), [("en", "kinase inhibitor: 5 days"), ("zh", "肝切除前5天")])
def test_a_criterion_named_by_a_site_s_interval_has_words(language: str, words: str) -> None:
    assert words in Texts(language).criterion_name("tki-5-days")
