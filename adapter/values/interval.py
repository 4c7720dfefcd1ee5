"""Number intervals: a value with a comparator or a bounded score decides only where the whole interval agrees."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import msgspec

from adapter.values.truth import MET, NOT_MET, UNKNOWN, Truth, negate

Number = Decimal | int


class Interval(msgspec.Struct, frozen=True, gc=False):
    """All numbers from `low` to `high`; None is unbounded; `low_open`/`high_open` leave the bound itself out."""

    low: Decimal | None
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False

    @classmethod
    def exact(cls, value: Number) -> Interval:
        """The interval of one number."""
        number = value if isinstance(value, Decimal) else Decimal(value)
        return cls(number, number)

    @classmethod
    def between(cls, low: Number, high: Number) -> Interval:
        """Closed interval; `low` must not be above `high`."""
        if low > high:
            raise ValueError("an interval's low bound is above its high bound")
        return cls(Decimal(low), Decimal(high))

    @classmethod
    def compared(cls, comparator: str, value: Decimal, least: Decimal | None = None) -> Interval:
        """A FHIR Quantity with comparator `<`, `<=`, `>`, `>=`; `least` is the quantity's natural lower bound."""
        if comparator in ("<", "<="):
            return cls(least, value, False, comparator == "<")
        return cls(value, None, comparator == ">", False)

    @property
    def number(self) -> Decimal | None:
        """The one number that this interval is, else None."""
        low, high = self.low, self.high
        return low if low is high or low == high else None

    def above(self, bound: Number) -> Truth:
        """Whether the value is > bound."""
        low, high = self.low, self.high
        if low is not None and (low > bound or (self.low_open and low == bound)):
            return MET
        if high is not None and high <= bound:
            return NOT_MET
        return UNKNOWN

    def at_least(self, bound: Number) -> Truth:
        """Whether the value is >= bound."""
        low, high = self.low, self.high
        if low is not None and low >= bound:
            return MET
        if high is not None and (high < bound or (self.high_open and high == bound)):
            return NOT_MET
        return UNKNOWN

    def below(self, bound: Number) -> Truth:
        """Whether the value is < bound."""
        return negate(self.at_least(bound))

    def at_most(self, bound: Number) -> Truth:
        """Whether the value is <= bound."""
        return negate(self.above(bound))

    def scaled(self, factor: Decimal) -> Interval:
        """Every number times a positive factor."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Interval(low, high, self.low_open, self.high_open)

    def divided(self, divisor: Decimal) -> Interval:
        """Every number divided by a positive number; exact where the quotient is (a factor 1/21 would not be)."""
        low = None if self.low is None else self.low / divisor
        high = None if self.high is None else self.high / divisor
        return Interval(low, high, self.low_open, self.high_open)

    def plus(self, other: Interval) -> Interval:
        """The sums of a number of each."""
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        return Interval(low, high, self.low_open or other.low_open, self.high_open or other.high_open)

    def minus(self, other: Interval) -> Interval:
        """The differences of a number of each."""
        low = None if self.low is None or other.high is None else self.low - other.high
        high = None if self.high is None or other.low is None else self.high - other.low
        return Interval(low, high, self.low_open or other.high_open, self.high_open or other.low_open)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low, low_open = _lower(self, other)
        high, high_open = _upper(self, other)
        return Interval(low, high, low_open, high_open)

    def exceeds(self, other: Interval) -> Truth:
        """Whether this value is > the other, both uncertain."""
        return self.minus(other).above(0)

    def shown(self) -> str:
        """The interval as a reader would write it: `5`, `<20`, `>=3`, `5-9`."""
        if self.number is not None:
            return plain(self.number)
        if self.low is None or (self.high is not None and self.low == 0 and self.high_open):
            return "?" if self.high is None else ("<" if self.high_open else "<=") + plain(self.high)
        if self.high is None:
            return (">" if self.low_open else ">=") + plain(self.low)
        return f"{plain(self.low)}-{plain(self.high)}"


_ZERO = Interval.exact(0)


def total(intervals: Iterable[Interval]) -> Interval:
    """The sum of uncertain numbers; zero when there are none."""
    result = _ZERO
    for interval in intervals:
        result = result.plus(interval)
    return result


def rounded(number: Decimal, step: Decimal) -> Decimal:
    """The number to the digits of `step` (0.1) for display; one that is too long for that as it is."""
    try:
        return number.quantize(step)
    except InvalidOperation:
        return number


def plain(number: Decimal) -> str:
    """A Decimal without exponent and without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lower(one: Interval, two: Interval) -> tuple[Decimal | None, bool]:
    if one.low is None or two.low is None:
        return None, False
    if one.low == two.low:
        return one.low, one.low_open and two.low_open
    return (one.low, one.low_open) if one.low < two.low else (two.low, two.low_open)


def _upper(one: Interval, two: Interval) -> tuple[Decimal | None, bool]:
    if one.high is None or two.high is None:
        return None, False
    if one.high == two.high:
        return one.high, one.high_open and two.high_open
    return (one.high, one.high_open) if one.high > two.high else (two.high, two.high_open)
