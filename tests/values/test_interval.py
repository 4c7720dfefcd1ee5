"""An interval decides only where every number in it agrees."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapter.values import Interval, Truth

NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=2, allow_nan=False)


@st.composite
def members(draw: st.DrawFn) -> tuple[Interval, Decimal]:
    """An interval with one of its members."""
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    inside = draw(st.decimals(min_value=low, max_value=high, places=2, allow_nan=False))
    low_open, high_open = draw(st.booleans()), draw(st.booleans())
    assume(not (low_open and inside == low) and not (high_open and inside == high))
    start = None if draw(st.booleans()) and draw(st.booleans()) else low
    end = None if draw(st.booleans()) and draw(st.booleans()) else high
    return Interval(start, end, low_open and start is not None, high_open and end is not None), inside


@given(members(), NUMBERS)
def test_a_verdict_holds_for_every_member(pair: tuple[Interval, Decimal], bound: Decimal) -> None:
    interval, number = pair
    tests = {
        interval.above: number > bound,
        interval.at_least: number >= bound,
        interval.below: number < bound,
        interval.at_most: number <= bound,
    }
    for test, really in tests.items():
        assert test(bound) in (Truth.UNKNOWN, Truth.MET if really else Truth.NOT_MET)


@given(NUMBERS, NUMBERS)
def test_an_exact_number_always_decides(number: Decimal, bound: Decimal) -> None:
    interval = Interval.exact(number)
    assert interval.above(bound) is (Truth.MET if number > bound else Truth.NOT_MET)
    assert interval.at_least(bound) is (Truth.MET if number >= bound else Truth.NOT_MET)


@given(members(), members())
def test_sums_and_differences_hold_those_of_the_members(
    one: tuple[Interval, Decimal], two: tuple[Interval, Decimal]
) -> None:
    for combined, number in ((one[0].plus(two[0]), one[1] + two[1]), (one[0].minus(two[0]), one[1] - two[1])):
        assert combined.at_least(number) is not Truth.NOT_MET
        assert combined.at_most(number) is not Truth.NOT_MET


@given(members(), members())
def test_a_hull_holds_both(one: tuple[Interval, Decimal], two: tuple[Interval, Decimal]) -> None:
    hull = one[0].hull(two[0])
    for number in (one[1], two[1]):
        assert hull.at_least(number) is not Truth.NOT_MET
        assert hull.at_most(number) is not Truth.NOT_MET


@pytest.mark.parametrize(
    ("comparator", "bound", "above", "at_least"),
    [
        ("<", 20, Truth.NOT_MET, Truth.NOT_MET),
        ("<=", 20, Truth.NOT_MET, Truth.UNKNOWN),
        (">", 20, Truth.MET, Truth.MET),
        (">=", 20, Truth.UNKNOWN, Truth.MET),
        ("<", 21, Truth.NOT_MET, Truth.NOT_MET),
        ("<", 19, Truth.UNKNOWN, Truth.UNKNOWN),
        (">", 19, Truth.MET, Truth.MET),
        (">", 21, Truth.UNKNOWN, Truth.UNKNOWN),
    ],
)
def test_a_comparator_is_an_interval(comparator: str, bound: int, above: Truth, at_least: Truth) -> None:
    value = Interval.compared(comparator, Decimal(20), Decimal(0))
    assert value.above(bound) is above
    assert value.at_least(bound) is at_least


def test_a_quotient_that_is_whole_is_exactly_whole() -> None:
    assert Interval.exact(63).divided(Decimal(21)).number == 3
    assert Interval.exact(42).divided(Decimal(21)).number == 2


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (Interval.exact(Decimal("5.50")), "5.5"),
        (Interval.compared("<", Decimal(20), Decimal(0)), "<20"),
        (Interval.compared(">=", Decimal(3)), ">=3"),
        (Interval.between(5, 9), "5-9"),
        (Interval(None, None), "?"),
    ],
)
def test_an_interval_is_shown_as_a_reader_would_write_it(interval: Interval, shown: str) -> None:
    assert interval.shown() == shown


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="above its high bound"):
        Interval.between(2, 1)
