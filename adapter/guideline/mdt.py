"""Whether the multidisciplinary team has seen the latest open decision point (guideline.md 3.12; C24-18, C21-13)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.ctcae import grades
from adapter.guideline.hepatic import STEROID_BANDS, banded_days, hepatic_now
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.pathology import pathology
from adapter.guideline.phase import AWAITING, BASELINE, CONVERSION, TRANSPLANTED, phase
from adapter.guideline.response import PD, SD, responses
from adapter.guideline.surgery import READY, readiness
from adapter.guideline.treatment import course, planned_operations
from adapter.values import day_text, truth

STATEMENTS = ("C24-18", "C21-13")


class Point(msgspec.Struct, frozen=True):
    """A decision point on a day (ordinal)."""

    day: int
    name: str
    sources: tuple[str, ...]


def findings(case: Case) -> Iterator[Finding]:
    """`mdt.review`: due when no conference is on record since the latest open decision point."""
    points = case.once(open_points)
    if not points:
        return
    latest = max(points, key=lambda p: (p.day, p.name))
    held = [p for p in case.view.done("mdt_conference") if p.when.last >= latest.day]
    tested = Criterion(
        code="mdt-since-decision-point",
        status=truth(bool(held)),
        value=held[-1].when.iso if held else None,
        threshold=f">= {day_text(latest.day)}",
        at=day_text(latest.day),
        evidence=(*latest.sources, *(p.source for p in held)),
        notes=(f"decision-point: {latest.name}",),
    )
    yield case.finding(
        "mdt.review",
        "on-record" if held else "due",
        STATEMENTS,
        [tested],
        point=latest.name,
        since=day_text(latest.day),
    )


def open_points(case: Case) -> list[Point]:
    """Decision points that no later phase has closed."""
    began = _phase_began(case)
    known = [p for p in _points(case) if began is None or p.day >= began]
    since = max([p.day for p in known] + ([] if began is None else [began]), default=0)
    return [*known, *_first_ready(case, since)]


def _phase_began(case: Case) -> int | None:
    """The day on which the present phase began; None in the first."""
    known, now = case.once(course), case.once(phase)
    if now in (BASELINE, TRANSPLANTED):
        return None
    if now == CONVERSION:
        return known.start
    if now == AWAITING:
        authored = [p.authored.first for p in case.once(planned_operations) if p.authored is not None]
        return min(authored, default=known.start)
    return known.end


def _points(case: Case) -> Iterator[Point]:
    known, now = case.once(course), case.once(phase)
    if now == BASELINE and known.diagnosis is not None:
        yield Point(known.diagnosis, "diagnosis", tuple(p.source for p in known.hcc))
    if now == TRANSPLANTED:
        return
    for evaluation in case.once(responses).all:
        if evaluation.mrecist.outcome in (SD, PD):
            yield Point(evaluation.day, "evaluation", evaluation.imaging.sources)
    yield from _toxicity_points(case)
    found = case.once(pathology) if known.resected else None
    if found is not None:
        yield from (Point(f.when.first, "pathology", (f.source,)) for f in found.facts)


def _first_ready(case: Case, since: int) -> Iterator[Point]:
    """The first evaluation at which readiness is `ready`, when it lies on or after a day.

    Earlier evaluations are looked at only when a later one was ready: each costs an evaluation of its own.
    """
    done = case.once(responses).all
    later = [e for e in done if e.day >= since and _ready(case, e.day)]
    if later and not any(_ready(case, e.day) for e in done if e.day < since):
        yield Point(later[0].day, "ready", later[0].imaging.sources)


def _ready(case: Case, day: int) -> bool:
    then = case if day >= case.day else case.at(day)
    return then.once(readiness) == READY


def _toxicity_points(case: Case) -> Iterator[Point]:
    grave = case.limit("mdt", "ctcae-grade").days
    for day in case.once(banded_days):
        yield Point(day, "hepatic-toxicity", _hepatic_sources(case))
    for one in case.once(grades):
        if one.grade is not None and one.grade >= grave and one.found.newest is not None:
            yield Point(one.found.newest.when.first, "ctcae", one.found.sources)


def _hepatic_sources(case: Case) -> tuple[str, ...]:
    found = case.once(hepatic_now)
    if found.band not in STEROID_BANDS:
        return ()
    return tuple(source for test in (*found.tests, found.bilirubin) for source in test.found.sources)
