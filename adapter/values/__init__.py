"""Uncertain values: three-valued truth, number intervals, partial dates."""

from adapter.values.interval import Interval
from adapter.values.truth import Truth, all_of, any_of, negate, truth
from adapter.values.when import (
    AsOf,
    When,
    add_months,
    day_text,
    parse_as_of,
    parse_when,
    whole_day,
    whole_years,
)

__all__ = [
    "AsOf",
    "Interval",
    "Truth",
    "When",
    "add_months",
    "all_of",
    "any_of",
    "day_text",
    "negate",
    "parse_as_of",
    "parse_when",
    "truth",
    "whole_day",
    "whole_years",
]
