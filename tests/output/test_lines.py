"""A criterion on one line says everything in the reader's language: names, amounts, bounds and what is wrong."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from adapter.cli.app import run
from adapter.guideline.model import Criterion
from adapter.output.lines import criterion_line
from adapter.output.wordbook import LANGUAGES
from adapter.pipeline import evaluator
from adapter.values import Truth
from tests.coverage.evaluated import findings_of_all_cases

# Units of measure, the thrombus classes and a name that stay as they are.
KEPT = re.compile(r"\bm?[gm]/[a-zA-Z/]+|\b[un]g/m?L|umol/L|\bmm\b|\bm?L\b|\bvp[0-4]|up-to-seven")
LATIN = re.compile(r"(?<![A-Za-z])[a-z]{2,}")
LONG_NAME = re.compile(r"\[[A-Za-z ]+/[a-z]+\]|\[Presence\]|in Serum|in Blood|in Urine|in Platelet")


def lines(language: str) -> set[str]:
    """The line of every criterion that a case shows."""
    texts = evaluator().texts(language)
    shown = (criterion for finding in findings_of_all_cases("en") for criterion in finding["criteria"])
    return {criterion_line(_criterion(one), texts) for one in shown}


def _criterion(shown: dict[str, object]) -> Criterion:
    value = shown["value"]
    exact = Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
    notes = tuple(str(note) for note in shown["notes"])  # type: ignore[attr-defined]
    return Criterion(
        code=str(shown["code"]),
        status=Truth(shown["status"]),
        value=exact,  # type: ignore[arg-type]
        unit=shown["unit"],  # type: ignore[arg-type]
        threshold=shown["threshold"],  # type: ignore[arg-type]
        notes=notes,
    )


def test_no_line_in_chinese_has_an_english_word() -> None:
    assert {line for line in lines("zh") if LATIN.search(KEPT.sub("", line))} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_names_a_test_as_a_code_system_does(language: str) -> None:
    found = lines(language)
    assert len(found) > len(LANGUAGES)
    assert {line for line in found if LONG_NAME.search(line)} == set()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "tyrosine kinase inhibitor: 3 days before hepatectomy: not met (2 days; limit >= 3 days)"),
        ("zh", "酪氨酸激酶抑制剂：肝切除前3天：不符合（2天；界值 >= 3天）"),
    ],
)
def test_days_are_said_in_words(language: str, expected: str) -> None:
    one = Criterion("tki-3-days", Truth.NOT_MET, Decimal(2), "d", ">= 3 d")
    assert criterion_line(one, evaluator().texts(language)) == expected


@pytest.mark.parametrize(
    ("note", "english", "chinese"),
    [
        ("stale: 71 d", "too old to decide (71 days)", "过期，不能据以判定 (71天)"),
        ("unusable: no-value", "a newer value cannot be used (no value)", "更新的值不能使用 (无数值)"),
        (
            "unusable: code-conflict (alt, bilirubin_total)",
            "a newer value cannot be used (codes that contradict each other (ALT, total bilirubin))",
            "更新的值不能使用 (代码相互矛盾 (ALT、总胆红素))",
        ),
        (
            "unusable: unit (not a unit of alt)",
            "a newer value cannot be used (unit that does not fit (not a unit of alt))",
            "更新的值不能使用 (单位不符)",
        ),
        ("missing: wbc/platelets", "not on record (white blood cells/platelets)", "无记录 (白细胞计数/血小板计数)"),
    ],
)
def test_what_a_note_adds_is_said_in_words(note: str, english: str, chinese: str) -> None:
    assert [evaluator().texts(language).note(note) for language in LANGUAGES] == [english, chinese]


def test_a_chinese_source_is_named_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    for statement, title in (
        ("C21-12", "肝癌转化治疗中国专家共识（2021版）"),
        ("C24-16", "转化治疗后序贯手术中国专家共识"),
    ):
        assert run(["guideline", "show", statement, "--lang", "zh"]) == 0
        assert title in capsys.readouterr().out
        assert run(["guideline", "show", statement]) == 0
        assert title not in capsys.readouterr().out
