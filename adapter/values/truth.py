"""Three-valued logic, so that a missing fact is never yes and never no."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """Status of a criterion (guideline.md 1.2)."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"

    # Members are single objects; the hash of an Enum would be computed in Python, again and again.
    __hash__ = object.__hash__

    @property
    def met(self) -> bool:
        """Surely true."""
        return self is MET

    @property
    def not_met(self) -> bool:
        """Surely false."""
        return self is NOT_MET

    @property
    def unknown(self) -> bool:
        """Not decided by what is on record."""
        return self is UNKNOWN


# To look a member up in its class costs more than the comparisons below.
MET, NOT_MET, UNKNOWN = Truth


def truth(value: bool | None) -> Truth:
    """A Python boolean, or None for unknown, as a Truth."""
    if value is None:
        return UNKNOWN
    return MET if value else NOT_MET


def negate(value: Truth) -> Truth:
    """Not: unknown stays unknown."""
    if value is UNKNOWN:
        return value
    return NOT_MET if value is MET else MET


def all_of(values: Iterable[Truth]) -> Truth:
    """And: any not-met wins, else any unknown, else met."""
    result = MET
    for value in values:
        if value is NOT_MET:
            return value
        if value is UNKNOWN:
            result = value
    return result


def any_of(values: Iterable[Truth]) -> Truth:
    """Or: any met wins, else any unknown, else not-met."""
    result = NOT_MET
    for value in values:
        if value is MET:
            return value
        if value is UNKNOWN:
            result = value
    return result
