"""The days that ask for a steroid, also where a site sets its bound at or below the upper limit of normal."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.guideline.case import Case
from adapter.guideline.hepatic import banded_days
from adapter.guideline.policy import Policy
from adapter.guideline.thresholds import load_thresholds
from adapter.values import parse_as_of, parse_when
from tests.guideline.sketch import ZONE, Sketch, treated
from tests.guideline.test_site_values import site

RAISED, LATER = "2024-02-01", "2024-02-06"


def case_of(sketch: Sketch, folder: Path, bound: str) -> Case:
    """The case at a site whose first steroid band begins at `bound` times the upper limit."""
    thresholds = load_thresholds("2024", site(folder, bound, "transaminase-steroid-low", "toxicity"))
    return Case(sketch.case("2024-02-20").timeline, parse_as_of("2024-02-20", ZONE), Policy("2024", thresholds))


def days(*texts: str) -> list[int]:
    return [when.first for text in texts if (when := parse_when(text, ZONE)) is not None]


@pytest.mark.parametrize(
    ("bound", "alt", "asks"),
    [("0.9", 38, True), ("1", 38, False), ("1", 40, True), ("1.1", 40, False), ("1.1", 43, False), ("1.1", 44, True)],
)
def test_a_value_counts_from_the_bound_on_also_when_it_is_normal(
    tmp_path: Path, bound: str, alt: int, asks: bool
) -> None:
    sketch = treated().lab("ast", RAISED, 60, "U/L", 40).lab("alt", LATER, alt, "U/L", 40)
    assert list(banded_days(case_of(sketch, tmp_path, bound))) == days(RAISED, *([LATER] if asks else []))


@pytest.mark.parametrize(("alt", "asks"), [(119.9, False), (120, True), (121, True)])
def test_normal_values_around_a_raised_one_hide_and_add_nothing(tmp_path: Path, alt: float, asks: bool) -> None:
    sketch = treated().lab("alt", "2024-01-20", 40, "U/L", 40).lab("alt", RAISED, 240, "U/L", 40)
    sketch.lab("alt", "2024-02-03", 30, "U/L", 40).lab("alt", LATER, alt, "U/L", 40)
    sketch.lab("alt", "2024-02-09", 39, "U/L", 40)
    assert list(banded_days(case_of(sketch, tmp_path, "3"))) == days(RAISED, *([LATER] if asks else []))
