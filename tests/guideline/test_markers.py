"""Tumour markers and blood-count ratios where guideline.md 3.5 is easily misread."""

from __future__ import annotations

import pytest

from adapter.guideline.markers import findings
from tests.guideline.sketch import Sketch, found, outcome, treated

AS_OF = "2024-04-20"


def afp(*values: tuple[str, str | float]) -> Sketch:
    sketch = treated()
    for day, value in values:
        sketch.lab("afp", day, value, "ng/mL")
    return sketch


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([("2024-01-03", 400), ("2024-03-01", 100), ("2024-04-01", 120), ("2024-04-18", 144)], "rising"),
        ([("2024-01-03", 400), ("2024-03-01", 100), ("2024-04-01", 119), ("2024-04-18", 144)], "decreased"),
        ([("2024-01-03", 400), ("2024-03-01", 5), ("2024-04-01", 10), ("2024-04-18", 20)], "normalised-sustained"),
        ([("2024-01-03", 400), ("2024-03-22", 5), ("2024-04-18", 6)], "normalised"),
        ([("2024-01-03", 400), ("2024-03-01", 5), ("2024-03-20", 30), ("2024-04-18", 6)], "normalised"),
        ([("2024-01-03", 400), ("2024-04-18", "<25")], "unknown"),
        ([("2024-01-03", 400), ("2024-04-18", "<20")], "normalised"),
        ([("2024-01-03", "<30"), ("2024-04-18", 100)], "unknown"),
        ([("2024-04-18", 400)], "unknown"),
        ([("2024-01-03", 400)], "unknown"),
        ([("2023-11-26", 400), ("2024-04-18", 100)], "unknown"),
    ],
)
def test_the_first_outcome_that_holds_is_reported(values: list[tuple[str, str | float]], expected: str) -> None:
    assert outcome(findings(afp(*values).case(AS_OF)), "markers.afp") == expected


def test_of_two_values_at_one_instant_the_worse_raises_the_alert_and_neither_is_favourable() -> None:
    rising = afp(("2024-01-03", 400), ("2024-04-18", 100), ("2024-04-18", 500))
    falling = afp(("2024-01-03", 400), ("2024-04-18", 10), ("2024-04-18", 100))
    assert outcome(findings(rising.case(AS_OF)), "markers.afp") == "rising"
    assert outcome(findings(falling.case(AS_OF)), "markers.afp") == "unknown"


def test_a_newer_value_that_cannot_be_used_leaves_an_alert_and_takes_a_fall_away() -> None:
    rising = afp(("2024-01-03", 400), ("2024-04-15", 500)).spoiled("afp", "2024-04-18")
    falling = afp(("2024-01-03", 400), ("2024-04-15", 100)).spoiled("afp", "2024-04-18")
    assert outcome(findings(rising.case(AS_OF)), "markers.afp") == "rising"
    assert outcome(findings(falling.case(AS_OF)), "markers.afp") == "unknown"


def test_a_newer_value_in_another_unit_leaves_the_trend_unknown() -> None:
    sketch = afp(("2024-01-03", 400), ("2024-04-01", 100)).lab("afp_units", "2024-04-18", 50, "k[IU]/L")
    assert outcome(findings(sketch.case(AS_OF)), "markers.afp") == "unknown"
    assert outcome(findings(sketch.case("2024-04-17")), "markers.afp") == "decreased"


def test_pivka_is_judged_by_its_own_range_and_afp_never() -> None:
    sketch = treated()
    sketch.lab("pivka_ii_units", "2024-01-03", 500, high=30).lab("pivka_ii_units", "2024-04-18", 35, high=30)
    sketch.lab("afp", "2024-01-03", 400, high=7).lab("afp", "2024-04-18", 15, high=7)
    reported = list(findings(sketch.case(AS_OF)))
    assert outcome(reported, "markers.pivka") == "decreased"
    assert outcome(reported, "markers.afp") == "normalised"


@pytest.mark.parametrize(
    ("as_of", "values", "expected"),
    [
        ("2024-02-05", [("2024-02-05", 319)], "yes"),
        ("2024-02-05", [("2024-02-05", 320)], "unknown"),
        ("2024-02-06", [("2024-02-05", 320)], "no"),
        ("2024-03-01", [("2024-02-06", 100)], "unknown"),
        ("2024-03-01", [("2024-01-20", 100), ("2024-02-20", 500)], "yes"),
        ("2024-03-01", [("2024-02", 100)], "unknown"),
    ],
)
def test_the_early_response_closes_when_day_28_has_passed(
    as_of: str, values: list[tuple[str, float]], expected: str
) -> None:
    sketch = afp(("2024-01-08", 400), *values)
    assert outcome(findings(sketch.case(as_of)), "markers.afp-early-response") == expected


def test_the_early_response_is_not_sought_where_afp_was_normal_or_never_measured() -> None:
    assert outcome(findings(afp(("2024-01-03", 20)).case(AS_OF)), "markers.afp-early-response") is None
    assert outcome(findings(afp(("2024-02-01", 500)).case(AS_OF)), "markers.afp-early-response") is None


def test_a_ratio_needs_counts_of_one_day_and_names_a_stale_one_unknown() -> None:
    sketch = treated()
    for day, cells in (("2024-01-03", 4), ("2024-04-10", 2)):
        sketch.lab("neutrophils_abs", day, cells).lab("lymphocytes_abs", day, 1)
    sketch.lab("platelets", "2024-01-03", 200).lab("platelets", "2024-04-11", 100)
    assert outcome(findings(sketch.case(AS_OF)), "markers.nlr") == "fell"
    assert outcome(findings(sketch.case(AS_OF)), "markers.plr") is None
    assert outcome(findings(sketch.case("2024-05-09")), "markers.nlr") == "unknown"


def test_every_marker_finding_cites_its_statement_and_its_facts() -> None:
    trend = found(findings(afp(("2024-01-03", 400), ("2024-04-18", 100)).case(AS_OF)), "markers.afp")
    assert trend is not None
    assert trend.statements[0] == "C24-12"
    assert len(trend.evidence) == 2
