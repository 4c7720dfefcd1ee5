"""Exposures and planned doses before an operation: when a treatment was last there, and when it comes again."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.treatment import LOCAL, course, last_exposed, valid_plans
from adapter.timeline.events import Exposure, Performed
from adapter.values import When

_UNTIL_NOW = frozenset({"open", "unknown", "on-hold"})


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A dose that is ordered or recorded ahead: its last day lies between `first` and `last` (ordinals).

    `vague`: the date has no day, so that it may also lie after the operation.
    """

    first: int
    last: int
    source: str
    vague: bool = False


class Span(msgspec.Struct, frozen=True, gc=False):
    """The last exposure lies between `first` and `last` (ordinals); `ongoing` while the drug is still taken."""

    first: int
    last: int
    ongoing: bool
    sources: tuple[str, ...]


def drug_span(case: Case, group: str) -> Span | None:
    """The last exposure to a group of drugs since the course's floor; None without any."""
    floor = case.once(course).floor
    given = [(e, last_exposed(case, e)) for e in case.view.of_group(group) if e.start.first >= floor]
    if not given:
        return None
    last = max([until for _, until in given])
    first = max([_first(case, e) for e, _ in given])
    ongoing = any(_ongoing(case, e) for e, _ in given)
    deciding = {e.source for e, until in given if until >= first}
    return Span(min(first, last), last, ongoing, tuple(sorted(deciding)))


def _first(case: Case, exposure: Exposure) -> int:
    """The earliest day that the last exposure can be."""
    if exposure.ending in _UNTIL_NOW:
        return case.day
    end = exposure.end if exposure.end is not None else exposure.start
    return min(end.first, case.day)


def _ongoing(case: Case, exposure: Exposure) -> bool:
    return exposure.ending in _UNTIL_NOW or (exposure.end is not None and exposure.end.first > case.day)


def local_span(case: Case, group: str) -> Span | None:
    """The last treatment of a local modality since the course's floor; None without any."""
    done = [p for p in case.view.done(group) if p.when.first >= case.once(course).floor]
    if not done:
        return None
    last = max(min(_end(p)[1], case.day) for p in done)
    first = min(max(_end(p)[0] for p in done), last)
    ongoing = any(p.ongoing for p in done)
    return Span(first, last, ongoing, tuple(sorted({p.source for p in done if _end(p)[1] >= first})))


def _end(done: Performed) -> tuple[int, int]:
    when = done.end if done.end is not None else done.when
    return when.first, when.last


def span_of(case: Case, group: str) -> Span | None:
    """The last exposure to a class of treatment."""
    return local_span(case, group) if group in LOCAL else drug_span(case, group)


def planned_doses(case: Case, group: str, operation: When | None) -> list[Planned]:
    """Doses that are ordered, booked or recorded ahead; those that begin after the operation are adjuvant."""
    plans = [(p.on, p.until if p.oral else None, p.source) for p in valid_plans(case, group)]
    plans += [(e.start, e.end, e.source) for e in case.view.of_group(group) if _order_ahead(case, e)]
    return [d for on, until, source in plans if (d := _planned(case, on, until, source, operation)) is not None]


def _planned(case: Case, on: When | None, until: When | None, source: str, operation: When | None) -> Planned | None:
    """Dated by its timing, else as-of; an oral order lasts to its recorded end, at most to the operation."""
    begin = max(on.first, case.day) if on is not None else case.day
    if operation is not None and begin > operation.last:
        return None
    end = until if until is not None else on
    first, last = (case.day, case.day) if end is None else (max(end.first, begin), max(end.last, begin))
    vague = any(when is not None and not when.one_day for when in (on, until))
    if operation is not None:
        first, last = min(first, operation.last), min(last, operation.last)
    return Planned(first, last, source, vague)


def _order_ahead(case: Case, exposure: Exposure) -> bool:
    """An active oral order counts as exposure, and its recorded end after as-of as a planned dose."""
    ahead = exposure.oral and exposure.end is not None and exposure.end.last > case.day
    return ahead and exposure.source.startswith("MedicationRequest")
