"""Partial dates as intervals of instants and of local calendar days."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

_FHIR_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s?(Z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.ASCII,  # other scripts' digits are no FHIR date
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_DAY = timedelta(days=1)


class When(msgspec.Struct, frozen=True, gc=False):
    """The time of a fact, as precise as it was recorded.

    `start`/`end`: first and last possible instant, microseconds since 1970 UTC, both included. `first`/`last`: the
    local
    calendar days of these, as ordinals (`date.fromordinal`). `text` is what the record said. `naive`: the record gave a
    time of day without an offset, and the site's time zone was assumed.
    """

    text: str
    start: int
    end: int
    first: int
    last: int
    naive: bool = False

    @property
    def one_day(self) -> bool:
        """The calendar day is known."""
        return self.first == self.last

    @property
    def iso(self) -> str:
        """The local day (`2024-05-01`), or the partial date as recorded."""
        return day_text(self.first) if self.first == self.last else self.text

    def ages(self, day: int) -> tuple[int, int]:
        """Fewest and most whole calendar days from this time to `day`; parts after `day` do not count."""
        return max(day - self.last, 0), day - self.first


class AsOf(msgspec.Struct, frozen=True, gc=False):
    """The instant of evaluation: `instant` in microseconds since 1970 UTC, `day` the local day's ordinal, `text`
    ISO."""

    instant: int
    day: int
    text: str
    zone: str


@lru_cache(maxsize=4096)
def parse_as_of(text: str, zone: str) -> AsOf:
    """An ISO date (the end of that day in `zone`) or an instant.

    Raises ValueError when the text is neither or less precise than a day.
    """
    when = parse_when(text, zone)
    if when is None or not when.one_day:
        raise ValueError("as-of must be a date (2024-05-01) or an instant (2024-05-01T10:00:00+08:00)")
    instant = when.end if len(text) <= len("2024-05-01") else when.start
    local = (_EPOCH + instant * _MICRO).astimezone(ZoneInfo(zone))
    return AsOf(instant, local.toordinal(), local.isoformat(timespec="seconds"), zone)


@lru_cache(maxsize=65536)
def parse_when(text: str, zone: str) -> When | None:
    """A FHIR date, dateTime or instant of any precision, read tolerantly; None when it is no date.

    A time without offset is taken in `zone` and marked `naive`; `24:00` and a leap second are read.
    """
    match = _FHIR_TIME.fullmatch(text.strip())
    if match is None:
        return None
    try:
        return _time_of_day(text, match, zone) if match[4] else _whole_days(text, match, zone)
    except (ValueError, OverflowError):
        return None


def whole_day(ordinal: int, zone: str) -> When:
    """The calendar day of an ordinal as a time of a fact."""
    when = parse_when(day_text(ordinal), zone)
    if when is None:
        raise ValueError("a day outside the calendar")
    return when


def _whole_days(text: str, match: re.Match[str], zone: str) -> When:
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    first = date(year, month, day)
    if match[3]:
        last = first
    elif match[2]:
        last = first.replace(day=calendar.monthrange(year, month)[1])
    else:
        last = date(year + 1, 1, 1) - _DAY
    start = _micros(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)))
    after = last + _DAY
    end = _micros(datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone))) - 1
    return When(text, start, end, first.toordinal(), last.toordinal())


def _time_of_day(text: str, match: re.Match[str], zone: str) -> When:
    moment = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=_offset(match[8], zone))
    seconds = int(match[6] or 0)
    if int(match[4]) * 60 + int(match[5]) > 24 * 60 or int(match[5]) >= 60 or seconds > 60:
        raise ValueError("no time of day")
    fraction = int((match[7] or "0")[:6].ljust(6, "0"))
    moment += timedelta(hours=int(match[4]), minutes=int(match[5]), seconds=seconds, microseconds=fraction)
    start = _micros(moment)
    width = 0 if match[6] else 59_999_999
    day = moment.astimezone(ZoneInfo(zone)).toordinal()
    return When(text, start, start + width, day, day, match[8] is None)


def _offset(text: str | None, zone: str) -> tzinfo:
    if text is None:
        return ZoneInfo(zone)
    return datetime.strptime(text, "%z").tzinfo or UTC


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICRO


@lru_cache(maxsize=65536)
def day_text(ordinal: int) -> str:
    """A day's ordinal as an ISO date."""
    return date.fromordinal(ordinal).isoformat()


def whole_years(since: int, day: int) -> int:
    """Completed calendar years between two days (ordinals); a 29 February is the 28th in a year without one."""
    years = date.fromordinal(day).year - date.fromordinal(since).year
    return years - (day < add_months(since, years * 12))


def add_months(ordinal: int, months: int) -> int:
    """The day so many calendar months later (earlier when negative); a day that the month lacks becomes its last
    day."""
    day = date.fromordinal(ordinal)
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1])).toordinal()
