"""Dates are as precise as they were recorded, in the site's own time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.values import add_months, day_text, parse_as_of, parse_when

ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Auckland"])
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@given(DAYS, ZONES)
def test_a_day_a_month_and_a_year_hold_each_other(day: date, zone: str) -> None:
    texts = (day.isoformat(), f"{day:%Y-%m}" if day.year > 999 else "", str(day.year))
    exact, month, year = (parse_when(text, zone) for text in texts)
    assert exact is not None
    assert month is not None
    assert year is not None
    assert exact.one_day
    assert exact.first == day.toordinal()
    assert year.start <= month.start <= exact.start <= exact.end <= month.end <= year.end


@given(st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2150, 1, 1), timezones=st.just(UTC)), ZONES)  # noqa: DTZ001
def test_an_instant_falls_on_its_local_day(moment: datetime, zone: str) -> None:
    when = parse_when(moment.isoformat(), zone)
    assert when is not None
    assert when.start == when.end == micros(moment)
    assert when.first == when.last == moment.astimezone(ZoneInfo(zone)).toordinal()


def test_the_evening_in_london_is_the_next_day_in_shanghai() -> None:
    when = parse_when("2024-05-01T20:00:00Z", "Asia/Shanghai")
    assert when is not None
    assert when.iso == "2024-05-02"


def test_a_time_without_an_offset_is_the_sites_and_says_so() -> None:
    when = parse_when("2024-05-01T08:00:00", "Asia/Shanghai")
    assert when is not None
    assert when.naive
    assert when.start == micros(datetime(2024, 5, 1, 0, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-05-01T24:00:00Z", "2024-05-02T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123456Z"),
    ],
)
def test_what_real_feeds_send_is_read(text: str, same: str) -> None:
    one, two = parse_when(text, "UTC"), parse_when(same, "UTC")
    assert one is not None
    assert two is not None
    assert one.start == two.start


@pytest.mark.parametrize("text", ["", "yesterday", "2024-02-30", "2024-13", "2024-05-01T25:00:00Z", "20240501", "9999"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_when(text, "UTC") is None


def test_an_age_in_whole_days_is_a_range_for_a_partial_date() -> None:
    month = parse_when("2024-04", "UTC")
    assert month is not None
    assert month.ages(date(2024, 5, 1).toordinal()) == (1, 30)
    assert month.ages(date(2024, 4, 10).toordinal()) == (0, 9)


def test_as_of_a_day_is_its_end_in_the_configured_zone() -> None:
    as_of = parse_as_of("2024-05-01", "Asia/Shanghai")
    assert as_of.text == "2024-05-01T23:59:59+08:00"
    assert as_of.instant == micros(datetime(2024, 5, 1, 16, 0, tzinfo=UTC)) - 1


@pytest.mark.parametrize("text", ["2024-05", "2024", "soon"])
def test_as_of_must_be_a_day_or_an_instant(text: str) -> None:
    with pytest.raises(ValueError, match="as-of must be"):
        parse_as_of(text, "UTC")


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-08-31", -6, "2024-02-29"),
        ("2024-05-15", 12, "2025-05-15"),
        ("2024-12-31", 2, "2025-02-28"),
    ],
)
def test_a_day_that_the_month_lacks_becomes_its_last_day(day: str, months: int, later: str) -> None:
    assert day_text(add_months(date.fromisoformat(day).toordinal(), months)) == later


@given(DAYS, st.integers(min_value=-24, max_value=24))
def test_months_later_is_that_many_months_later(day: date, months: int) -> None:
    found = date.fromordinal(add_months(day.toordinal(), months))
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day <= day.day
