"""Adverse events that keep surgery waiting (guideline.md 3.8; C21-12 text, C24-s3.3)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.ctcae import graded
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import operation_ahead
from adapter.guideline.treatment import in_course, planned_operations
from adapter.timeline.events import AdverseEvent
from adapter.timeline.latest import latest
from adapter.values import Truth, all_of, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "surgery"
CODE = "surgery.adverse-events"
STATEMENTS = ("C21-12t", "C24-s3.3")
HEPATIC = "hepatic"
_TRANSAMINASES = ("alt", "ast")


class Event(msgspec.Struct, frozen=True, gc=False):
    """An adverse event by its latest record; `status` says whether it is unresolved above the permitted grade."""

    name: str
    grade: int | None
    status: Truth
    at: str
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()
    preliminary: bool = False


def events(case: Case) -> tuple[Event, ...]:
    """Every adverse event that is, or may be, unresolved, by name, with abnormal transaminases last."""
    by_name: dict[str, list[AdverseEvent]] = {}
    for event in case.view.adverse_events:
        by_name.setdefault(event.name.strip().casefold(), []).append(event)
    named = [_by_records(case, by_name[name]) for name in sorted(by_name)]
    liver = _hepatic(case)
    return tuple(e for e in (*named, liver) if e is not None and e.status is not NOT_MET)


def unresolved(case: Case) -> tuple[Event, ...]:
    """The events that are surely unresolved."""
    return tuple(e for e in case.once(events) if e.status is MET)


def _by_records(case: Case, records: list[AdverseEvent]) -> Event:
    found = latest(records, (), case.day, case.timeline.reach)
    status = found.alert(lambda e: _unresolved(case, e))
    known = [e.grade for e in found.facts if e.grade is not None]
    notes = [n for e in found.facts for n in e.notes]
    notes += ["contradiction"] if found.contradiction else []
    notes += ["grade-missing"] if len(known) < len(found.facts) else []
    return Event(
        name=records[-1].name.strip(),
        grade=max(known, default=None),
        status=status,
        at=found.facts[-1].when.iso,
        sources=found.sources,
        notes=tuple(dict.fromkeys(notes)),
        preliminary=any(e.preliminary for e in found.facts),
    )


def _unresolved(case: Case, event: AdverseEvent) -> Truth:
    """Above the permitted grade, not said to be unrelated, and not over."""
    most = case.limit(TOPIC, "adverse-event-most").days
    grave = UNKNOWN if event.grade is None else truth(event.grade > most)
    return all_of((grave, truth(event.related is not False), _lasting(case, event)))


def _lasting(case: Case, event: AdverseEvent) -> Truth:
    if event.resolved is not None:
        return truth(not event.resolved)
    if event.end is None or event.end.start > case.as_of.instant:
        return MET
    return NOT_MET if event.end.end <= case.as_of.instant else UNKNOWN


def _hepatic(case: Case) -> Event | None:
    """Fresh transaminases above the permitted grade under an ICI or AATD course."""
    if not in_course(case, [*case.view.of_group("ici"), *case.view.of_group("aatd")]):
        return None
    most = case.limit(TOPIC, "adverse-event-most").days
    tests = [g for concept in _TRANSAMINASES if (g := graded(case, concept, 0)) is not None]
    high = [g for g in tests if g.least > most]
    if not high:
        return None
    worst = max(high, key=lambda g: (g.least, g.concept))
    newest = worst.found.newest
    return Event(
        name=HEPATIC,
        grade=worst.least,
        status=MET,
        at=newest.when.iso if newest else "",
        sources=tuple(dict.fromkeys(s for g in high for s in g.found.sources)),
        notes=tuple(dict.fromkeys(n for g in high for n in g.notes)),
        preliminary=any(f.preliminary for g in high for f in g.found.facts),
    )


def findings(case: Case) -> Iterator[Finding]:
    """One finding per adverse event; its cause is the event's name."""
    if not operation_ahead(case):
        return
    planned = bool(case.once(planned_operations))
    for event in case.once(events):
        yield _finding(case, event, planned)


def _finding(case: Case, event: Event, planned: bool) -> Finding:
    most, grave = case.limit(TOPIC, "adverse-event-most").days, case.limit(TOPIC, "adverse-event-grave").days
    sure = event.status is MET
    critical = sure and planned and event.grade is not None and event.grade >= grave
    tested = Criterion(
        code="adverse-event-resolved",
        status=NOT_MET if sure else UNKNOWN,
        value=event.grade,
        unit="grade",
        threshold=f"<= grade {most}",
        at=event.at,
        evidence=event.sources,
        notes=event.notes,
    )
    return case.finding(
        CODE,
        "unresolved" if sure else "unknown",
        STATEMENTS,
        [tested],
        cause=event.name,
        notes=event.notes,
        severity=("critical" if critical else "warning") if sure else None,
        grade=event.grade,
        at=event.at,
        advice=("advice-hepatitis",) if event.name == HEPATIC else (),
        preliminary=event.preliminary,
    )
