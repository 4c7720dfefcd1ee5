"""One patient's timeline as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from adapter.normalize.records import Record
from adapter.output.assessment import number
from adapter.service.gathering import Gaps, time_of
from adapter.timeline.events import Event, Unusable
from adapter.values import AsOf, Interval, When

SCHEMA = "hcc-conversion/timeline/1"


def chronicle(record: Record, as_of: AsOf, gaps: Gaps) -> dict[str, Any]:
    """The facts that exist at as-of, oldest first, what could not be used, and what was not read in full."""
    known = [event for event in record.timeline.events if _exists(time_of(event), as_of)]
    known.sort(key=lambda event: (_start(time_of(event)), event.source))
    return {
        "schema": SCHEMA,
        "patient": record.reference,
        "asOf": as_of.text,
        "events": [_shown(event) for event in known],
        "unusable": [_shown(one) for one in record.timeline.unusable if _exists(one.when, as_of)],
        "conditionsRead": record.timeline.conditions_read,
        "incomplete": [{"type": kind, "reason": reason} for kind, reason in gaps],
    }


def _exists(when: When | None, as_of: AsOf) -> bool:
    return when is None or when.start <= as_of.instant


def _start(when: When | None) -> int:
    return when.start if when is not None else -(1 << 62)


def _shown(event: Event | Unusable) -> dict[str, Any]:
    """The fields of a fact that say something, times as recorded, sets sorted."""
    shown: dict[str, Any] = {"kind": type(event).__name__.lower()}
    for name in event.__struct_fields__:
        value = _plain(getattr(event, name))
        if value not in (None, [], ""):
            shown[_camel(name)] = value
    return shown


def _plain(value: object) -> object:
    if isinstance(value, When):
        return value.text
    if isinstance(value, Interval):
        return number(value.number) if value.number is not None else value.shown()
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return msgspec.to_builtins(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
