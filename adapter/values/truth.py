"""Three-valued logic, so that a missing fact is never yes and never no."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """Status of a criterion (guideline.md 1.2)."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"

    @property
    def met(self) -> bool:
        """Surely true."""
        return self is Truth.MET

    @property
    def not_met(self) -> bool:
        """Surely false."""
        return self is Truth.NOT_MET

    @property
    def unknown(self) -> bool:
        """Not decided by what is on record."""
        return self is Truth.UNKNOWN


def truth(value: bool | None) -> Truth:
    """A Python boolean, or None for unknown, as a Truth."""
    if value is None:
        return Truth.UNKNOWN
    return Truth.MET if value else Truth.NOT_MET


def negate(value: Truth) -> Truth:
    """Not: unknown stays unknown."""
    if value is Truth.UNKNOWN:
        return value
    return Truth.NOT_MET if value is Truth.MET else Truth.MET


def all_of(values: Iterable[Truth]) -> Truth:
    """And: any not-met wins, else any unknown, else met."""
    result = Truth.MET
    for value in values:
        if value is Truth.NOT_MET:
            return value
        if value is Truth.UNKNOWN:
            result = value
    return result


def any_of(values: Iterable[Truth]) -> Truth:
    """Or: any met wins, else any unknown, else not-met."""
    result = Truth.NOT_MET
    for value in values:
        if value is Truth.MET:
            return value
        if value is Truth.UNKNOWN:
            result = value
    return result
