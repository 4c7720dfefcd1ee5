"""Times of facts: dates, periods, timings, ages and texts with a date in them."""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Raw

from adapter.resources.datatypes import Bound, Period, Quantity, Timing
from adapter.resources.repair import read
from adapter.values import When, add_months, parse_when
from adapter.values.when import whole_day

_UNSEEN: Any = object()
_KEPT = 1 << 16
_OFFSET = len("+08:00")
_USUAL_LENGTHS = (len("2024-05-01T10:00:00Z"), len("2024-05-01T10:00:00+08:00"))
_MICRO = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICRO
_EPOCH = datetime.fromtimestamp(0, UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_DATE_IN_TEXT = re.compile(r"([0-9]{4})(?:\s*[-/.年]\s*([0-9]{1,2})(?:\s*[-/.月]\s*([0-9]{1,2})\s*日?)?)?")


class Moments:
    """Times of one zone, remembered. A dateTime of the usual length is put together from its remembered parts.

    The result is that of `parse_when`, which reads everything else.
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.known: dict[str, When | None] = {}
        self._days: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._offsets: dict[str, int] = {"Z": 0}
        self._shifts: dict[int, int] = {}
        self._zone = ZoneInfo(zone)

    def of(self, text: str | None) -> When | None:
        """A date, dateTime or instant; None when there is none or it is no date."""
        if not text:
            return None
        found: Any = self.known.get(text, _UNSEEN)
        if found is _UNSEEN:
            found = self._usual(text) if len(text) in _USUAL_LENGTHS else parse_when(text, self.zone)
            if len(self.known) >= _KEPT:
                self.known.clear()
            self.known[text] = found
        when: When | None = found
        return when

    def _usual(self, text: str) -> When | None:
        """`YYYY-MM-DDThh:mm:ss` with an offset or Z."""
        try:
            start = self._days[text[:10]] + self._times[text[10:19]] - self._offsets[text[19:]]
            shift = self._shifts[start // _DAY]
        except KeyError:
            return self._learn(text)
        day = (start + shift) // _DAY + _EPOCH_DAY
        return When(text, start, start, day, day)

    def _learn(self, text: str) -> When | None:
        """The whole by `parse_when`, and its parts for the next time."""
        when = parse_when(text, self.zone)
        if when is None or when.naive or when.end != when.start:
            return when
        day, clock, offset = text[:10], text[10:19], text[19:]
        midnight, morning = parse_when(f"{day}T00:00:00Z", "UTC"), parse_when(f"1970-01-01{clock}Z", "UTC")
        if midnight is None or morning is None or (len(offset) != _OFFSET and offset != "Z"):
            return when
        self._days[day] = midnight.start
        self._times[clock] = morning.start
        self._offsets[offset] = midnight.start + morning.start - when.start
        block = when.start // _DAY
        first, last = self._shift(block * _DAY), self._shift((block + 1) * _DAY - 1)
        if first == last:
            self._shifts[block] = first
        return when

    def _shift(self, instant: int) -> int:
        """The zone's distance from UTC at an instant, in microseconds."""
        away = (_EPOCH + timedelta(microseconds=instant)).astimezone(self._zone).utcoffset()
        return 0 if away is None else away // _MICRO


@functools.lru_cache(maxsize=64)
def moments_of(zone: str) -> Moments:
    """The moments of a zone, one memory for all records of a run."""
    return Moments(zone)


def moment(text: str | None, zone: str) -> When | None:
    """A date, dateTime or instant; None when there is none or it is no date."""
    return moments_of(zone).of(text) if text else None


REVERSED = "implausible: a period that ends before it begins"


def span(start: When | None, end: When | None) -> When | None:
    """One uncertain time from the beginning of `start` to the end of `end`; either alone stands for itself."""
    if start is None or end is None:
        return start or end
    if end.end < start.start:
        start, end = end, start
    return When(
        f"{start.text}/{end.text}", start.start, end.end, start.first, end.last, start.naive or end.naive
    )  # fmt: skip


def period(raw: Raw, zone: str) -> tuple[When | None, When | None]:
    """Start and end of a Period."""
    found = read(raw, Period)
    return (None, None) if found is None else (moment(found.start, zone), moment(found.end, zone))


def within(raw: Raw, zone: str) -> When | None:
    """A Period as the uncertain time of a fact."""
    return span(*period(raw, zone))


def timing(raw: Raw, zone: str, calendar: dict[str, tuple[int, int]]) -> tuple[When | None, When | None]:
    """First and last time of a Timing: its events, else its bounds."""
    found = read(raw, Timing)
    return (None, None) if found is None else timing_bounds(found, zone, calendar)


def timing_bounds(found: Timing, zone: str, calendar: dict[str, tuple[int, int]]) -> tuple[When | None, When | None]:
    """First and last time of a Timing that was read."""
    events = sorted((w for w in (moment(t, zone) for t in found.event or ()) if w), key=lambda w: w.start)
    if events:
        return events[0], events[-1]
    if found.repeat is None or found.repeat.boundsPeriod is None:
        return None, None
    bounds = found.repeat.boundsPeriod
    return moment(bounds.start, zone), moment(bounds.end, zone)


def lasting(start: When, days: int, zone: str) -> When:
    """The last of so many days that begin with `start`."""
    return whole_day(start.first + max(days, 1) - 1, zone)


def length_in_days(quantity: Quantity | None, start: When, calendar: dict[str, tuple[int, int]]) -> int | None:
    """A Duration from `start` in whole days; without unit it counts days."""
    if quantity is None or quantity.value is None or quantity.value < 0:
        return None
    unit = quantity.code or quantity.unit
    months, days = calendar.get(unit.strip(), (0, 0)) if unit else (0, 1)
    if not months and not days:
        return None
    return later(start.first, int(quantity.value * months), int(quantity.value * days)) - start.first


def at_age(raw: Raw, birth: When | None, zone: str, calendar: dict[str, tuple[int, int]]) -> When | None:
    """The time at which somebody had an Age: a whole unit of uncertainty."""
    age = read(raw, Quantity)
    return None if age is None else _aged(age, age, birth, zone, calendar)


def at_ages(raw: Raw, birth: When | None, zone: str, calendar: dict[str, tuple[int, int]]) -> When | None:
    """The time between two Ages."""
    found = read(raw, Bound)
    if found is None or (found.low is None and found.high is None):
        return None
    return _aged(found.low or found.high, found.high or found.low, birth, zone, calendar)


def _aged(
    low: Quantity | None, high: Quantity | None, birth: When | None, zone: str, calendar: dict[str, tuple[int, int]]
) -> When | None:
    if birth is None or low is None or high is None or low.value is None or high.value is None:
        return None
    unit = low.code or low.unit or ""
    months, days = calendar.get(unit.strip(), (0, 0))
    if (not months and not days) or low.value < 0 or high.value < low.value:
        return None
    try:
        first = later(birth.first, months * int(low.value), days * int(low.value))
        last = later(birth.last, months * (int(high.value) + 1), days * (int(high.value) + 1)) - 1
        return span(whole_day(first, zone), whole_day(last, zone))
    except (ValueError, OverflowError):
        return None


def later(day: int, months: int, days: int) -> int:
    """The day (ordinal) so many calendar months, or so many days, after another."""
    return add_months(day, months) + days if months else (date.fromordinal(day) + timedelta(days)).toordinal()


def in_text(text: str | None, zone: str) -> When | None:
    """The date in a text (`2023-05`, `2023年5月12日`, `around 2023/5/12`); None when there is none."""
    if not text:
        return None
    whole = parse_when(text, zone)
    if whole is not None:
        return whole
    found = _DATE_IN_TEXT.search(text)
    if found is None:
        return None
    year, month, day = found.groups()
    return parse_when("-".join([year, *(f"{int(p):02d}" for p in (month, day) if p)]), zone)
