"""`guideline list` and `guideline show` tell all that a reader needs to check a rule against its source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapter.cli.app import run
from adapter.guideline.statements import registry
from tests.output.test_texts import CJK

NAMES = [*registry().statements, *registry().rules]


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints when it ends well."""
    assert run(["guideline", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_names_every_statement_and_every_finding(capsys: pytest.CaptureFixture[str], language: str) -> None:
    text = page(capsys, "list", "--lang", language)
    assert [name for name in NAMES if not re.search(rf"^  {re.escape(name)}(?:  |: )", text, re.MULTILINE)] == []
    assert bool(CJK.search(text)) == (language == "zh")


@pytest.mark.parametrize("name", NAMES)
def test_everything_has_a_page_in_both_languages(capsys: pytest.CaptureFixture[str], name: str) -> None:
    english, chinese = page(capsys, "show", name), page(capsys, "show", name, "--lang", "zh")
    assert english.startswith(name) and chinese.startswith(name)
    assert not CJK.search(english)
    assert CJK.search(chinese)


def test_a_statement_shows_its_place_grade_and_thresholds_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, "show", "C24-16")
    assert re.search(r"^Place +section 3\.5, consensus 16$", text, re.MULTILINE)
    assert re.search(r"^Grade +evidence level 3, recommendation C \(weak\);", text, re.MULTILINE)
    assert "PREPARE-2024CN846" in text
    assert re.search(r"intervals/tki-minimum +3 days +7 days\* +7 days\*", text)
    assert re.search(r"intervals/bevacizumab-minimum +28 days +42 days\* +42 days\*", text)
    assert re.search(r"interval\.tki \(intervals\.py, intervals\.yaml\): \d+ cases", text)


def test_a_finding_shows_its_outcomes_criteria_and_statements(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, "show", "eligibility.conversion")
    for part in (
        "not-standard: issue when an ICI or AATD is ordered",
        "child-pugh-a: ",
        "C24-5: section 2.2",
        "75 years",
    ):
        assert part in text


def test_a_number_that_one_edition_alone_has_is_a_dash_in_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"intervals/ici-minimum +- +14 days\* +14 days\*", page(capsys, "show", "C21-12"))


def test_a_statement_that_is_not_computable_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Not computable\n  It names an aim" in page(capsys, "show", "C21-2")
    assert "不可计算\n  该条提出目标" in page(capsys, "show", "C21-2", "--lang", "zh")


def test_a_site_that_changes_a_number_sees_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "local.yaml").write_text(
        'topic: local\nsource: our board\nreviewed: "2024-05-01"\nvalues: {tace-repeated: 3}\n', encoding="utf-8"
    )
    monkeypatch.setenv("HCC_THRESHOLDS", str(tmp_path))
    text = page(capsys, "show", "local.tace-repeated")
    assert "on 3 days [project]" in text
    assert "site: our board" in text


def test_an_unknown_code_is_refused_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["guideline", "show", "interval.tkis"]) == 2
    assert "nearest is interval.tki;" in capsys.readouterr().err


def test_a_name_is_found_in_any_letter_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert page(capsys, "show", "c24-16") == page(capsys, "show", "C24-16")


def test_an_interval_shows_its_own_thresholds_only(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, "show", "interval.tki")
    assert "intervals/tki-minimum" in text
    assert "bevacizumab-minimum" not in text
