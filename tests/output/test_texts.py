"""Both languages say everything, and neither leaks into the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from string import Formatter
from typing import Any

import pytest

from adapter.guideline.statements import topics
from adapter.guideline.table import catalogue_rows
from adapter.output.wordbook import LANGUAGES, SECTIONS, texts_of
from adapter.pipeline import evaluator
from tests.coverage.evaluated import findings_of_all_cases

ROWS = sorted(catalogue_rows())
CODES = sorted({code for code, _ in ROWS})
FILES = sorted(
    file.name for file in (files("adapter.output") / "texts" / "en").iterdir() if file.name.endswith(".yaml")
)
CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
# Two Latin words in sequence of which one is no name: names of drugs, stages and criteria have a capital or a digit.
LATIN = re.compile(
    r"(?<![A-Za-z{])[A-Za-z]{2,}[,;:]? [a-z]{3,}(?![A-Za-z}])|(?<![A-Za-z{])[a-z]{3,}[,;:]? [A-Za-z]{2,}"
)
KEY = re.compile(r"(?<![A-Za-z0-9/])[a-z]{3,}[a-z0-9]*(?:[-_][a-z0-9]+)+")
GAP = re.compile(r"\s\s|\s[.,;:]|[:,;]\s?[.;]|\(\s*\)|：[。；]|（）|、。|[,;]。|:\s?。|^[:,;]")
NAMED_IN_CHINESE = {"anti-hbc", "anti-hcv"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    else:
        yield path, str(value)


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_an_outcome_has_a_summary_and_a_detail(code: str, outcome: str, language: str) -> None:
    entry = texts_of(language)["findings"].get(code, {}).get(outcome, {})
    assert {part for part in ("summary", "detail") if str(entry.get(part) or "").strip()} == {"summary", "detail"}


@pytest.mark.parametrize("section", [section for section in SECTIONS if section != "thresholds"])
def test_both_languages_have_the_same_keys(section: str) -> None:
    english, chinese = ({path for path, _ in leaves(texts_of(language)[section])} for language in ("en", "zh"))
    assert english ^ chinese == set()


def test_every_threshold_has_its_meaning_in_chinese_and_none_is_left_over() -> None:
    known = {f"{topic}/{name}" for topic, content in topics().items() for name in content["values"]}
    assert set(texts_of("zh")["thresholds"]) ^ known == set()


def test_a_text_has_the_same_placeholders_in_both_languages() -> None:
    chinese = dict(leaves(texts_of("zh")))
    differing = {
        "/".join(path): placeholders(text) ^ placeholders(chinese[path])
        for path, text in leaves(texts_of("en"))
        if path in chinese and placeholders(text) != placeholders(chinese[path])
    }
    assert differing == {}


def test_no_outcome_is_worded_that_the_catalogue_does_not_have() -> None:
    known = {*ROWS, *((code, "unknown") for code in CODES)}
    worded = {(code, outcome) for code, entry in texts_of("en")["findings"].items() for outcome in entry}
    assert {row for row in worded - known if row[0] != "general"} == set()


def test_both_languages_have_the_same_files_but_for_the_thresholds_whose_english_stands_with_the_numbers() -> None:
    chinese = (files("adapter.output") / "texts" / "zh").iterdir()
    assert sorted(file.name for file in chinese if file.name.endswith(".yaml")) == sorted([*FILES, "thresholds.yaml"])


@pytest.mark.parametrize("name", FILES)
def test_an_english_file_has_no_chinese_character(name: str) -> None:
    text = (files("adapter.output") / "texts" / "en" / name).read_text(encoding="utf-8")
    assert CJK.findall(text) == []


def test_a_chinese_text_has_no_latin_sentence() -> None:
    found = {"/".join(path): match.group() for path, text in leaves(texts_of("zh")) if (match := LATIN.search(text))}
    assert found == {}


def test_the_search_for_latin_sentences_finds_one_and_leaves_names_alone() -> None:
    assert LATIN.search("考虑 stop the drug")
    assert LATIN.search("Consider imaging")
    assert not LATIN.search("Child-Pugh A 级，FOLFOX 方案，泼尼松每日 1 mg/kg，{days} 天，AFP 20 ug/L，CNLC IIIa")


@pytest.mark.parametrize("code", CODES)
def test_what_a_case_makes_a_clinician_read_in_chinese_is_chinese(code: str) -> None:
    told = {
        text
        for finding in findings_of_all_cases("zh")
        if finding["code"] == code
        for text in (finding["summary"], finding["detail"])
    }
    assert told
    unnamed = {text.replace(code, "") for text in told}
    assert {text for text in unnamed if not CJK.search(text) or LATIN.search(text) or _keys(text)} == set()


@pytest.mark.parametrize("code", CODES)
def test_what_a_case_makes_a_clinician_read_in_english_is_english_words(code: str) -> None:
    told = {
        text
        for finding in findings_of_all_cases("en")
        if finding["code"] == code
        for text in (finding["summary"], finding["detail"])
    }
    assert told
    assert {text for text in told if CJK.search(text) or "_" in text} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_no_text_has_a_hole_where_a_value_is_missing(code: str, language: str) -> None:
    told = {
        text
        for finding in findings_of_all_cases(language)
        if finding["code"] == code
        for text in (finding["summary"], finding["detail"])
    }
    assert {text for text in told if GAP.search(text)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_criterion_and_note_that_a_case_shows_has_words(language: str) -> None:
    texts, configured = texts_of(language), evaluator()
    words = {*texts["words"], *configured.terminology.concepts}
    findings = findings_of_all_cases("en")
    parts = [part for finding in findings for part in (finding, *finding["criteria"])]
    noted = {note.partition(":")[0] for part in parts for note in part.get("notes") or ()}
    named = {criterion["code"] for finding in findings for criterion in finding["criteria"]}
    counted = {code: re.sub(r"(?<=-)[0-9]+(?=-)", "#", code, count=1) for code in named}
    assert {code for code, key in counted.items() if not {code, key} & {*texts["criteria"], *words}} == set()
    assert noted - {*texts["notes"], *words} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_value_rests_on_by_a_sites_choice_has_words(language: str) -> None:
    told = {note: texts_of(language)["notes"].get(note, "") for note in ("site-factor", "use-issued", "assume-absent")}
    assert all(told.values()) and len(set(told.values())) == len(told)
    assert {bool(CJK.search(text)) for text in told.values()} == {language == "zh"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_word_after_a_colon_in_a_text_exists(language: str) -> None:
    said = {
        spec for _, text in leaves(texts_of(language)["findings"]) for _, _, spec, _ in Formatter().parse(text) if spec
    }
    assert said
    assert said - set(texts_of(language)["words"]) == set()


def _keys(text: str) -> set[str]:
    return {key for key in KEY.findall(text) if key not in NAMED_IN_CHINESE}
