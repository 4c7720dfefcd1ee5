"""Codes and units of real records that the tables do not settle: as one resource shows them, and counted."""

from __future__ import annotations

import msgspec

UNKNOWN_ANSWER = "unknown-answer"
UNIT_REASONS = ("unit", "no-unit")


class Stranger(msgspec.Struct, frozen=True):
    """One coding of one resource that is unknown, ambiguous or in conflict, or whose unit cannot be used.

    `reason`: `unknown`, `ambiguous`, `code-conflict`, `unknown-answer`, `unit`, `no-unit`. `unit`: as written beside
    the value (see `unit_shown`), None where there is none. `concepts`: what the coding may be, or the concept whose
    unit or answer it is.
    """

    reference: str
    system: str | None
    code: str | None
    display: str | None
    reason: str
    unit: str | None = None
    concepts: tuple[str, ...] = ()


class Count(msgspec.Struct, frozen=True):
    """One coding with its reason over many records: `count` resources of `patients` patients, `units` as written.

    `example` is the reference of one resource. `first_seen`, `last_seen`: times of runs, None where none is kept.
    """

    system: str | None
    code: str | None
    display: str | None
    reason: str
    count: int
    patients: int
    units: tuple[str, ...]
    example: str
    concepts: tuple[str, ...] = ()
    first_seen: str | None = None
    last_seen: str | None = None


def unit_shown(text: str | None, code: str | None) -> str | None:
    """A unit on one line: its text, with the code in brackets where the two differ (`µg/L (ug/L)`)."""
    return f"{text} ({code})" if text and code and text != code else text or code


def units_in(shown: str) -> tuple[str, ...]:
    """The units that such a line may stand for: the whole of it, and the text and the code of a combined one."""
    text, _, code = shown.removesuffix(")").rpartition(" (")
    return (shown, text, code) if text and shown.endswith(")") else (shown,)
