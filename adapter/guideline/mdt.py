"""Whether the multidisciplinary team has seen the latest open decision point (guideline.md 3.12; C24-18, C21-13)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.grave_values import grave
from adapter.guideline.hepatic import banded_days
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.pathology import pathology
from adapter.guideline.phase import AWAITING, BASELINE, CONVERSION, TRANSPLANTED, phase
from adapter.guideline.response import PD, SD, responses
from adapter.guideline.scans import last_operation
from adapter.guideline.surgery import ever_ready, surely_ready
from adapter.guideline.treatment import course, planned_operations
from adapter.timeline.events import Performed
from adapter.values import Truth, day_text, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-18", "C21-13")
CONFERENCE_TYPES = frozenset({"Procedure", "DocumentReference", "DiagnosticReport"})
_OUTCOMES = {MET: "on-record", NOT_MET: "due", UNKNOWN: "unknown"}


class Point(msgspec.Struct, frozen=True, gc=False):
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
    status = _held(case, held, latest.day)
    tested = Criterion(
        code="mdt-since-decision-point",
        status=status,
        value=held[-1].when.iso if held else None,
        threshold=f">= {day_text(latest.day)}",
        at=day_text(latest.day),
        evidence=(*latest.sources, *(p.source for p in held)),
        notes=(f"decision-point: {latest.name}",),
    )
    yield case.finding(
        "mdt.review",
        _OUTCOMES[status],
        STATEMENTS,
        [tested],
        point=latest.name,
        since=day_text(latest.day),
    )


def _held(case: Case, held: list[Performed], day: int) -> Truth:
    """Whether a conference surely lies on or after a day; open when one is imprecise, unusable or may be missing."""
    if any(p.when.first >= day for p in held):
        return MET
    unusable = [u for u in case.unusable("mdt_conference") if u.when is None or u.when.last >= day]
    return truth(None if held or unusable or CONFERENCE_TYPES & case.view.incomplete else False)


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
    return case.once(last_operation)


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
        yield from (Point(w.when.first, "pathology", (w.source,)) for w in found.words)


def _first_ready(case: Case, since: int) -> Iterator[Point]:
    """The first evaluation at which readiness is `ready`, when it lies on or after a day.

    Earlier evaluations are looked at only when a later one was ready: each costs an evaluation of its own.
    """
    if not ever_ready(case):
        return
    done = case.once(responses).all
    later = [e for e in done if e.day >= since and _ready(case, e.day)]
    if later and not any(_ready(case, e.day) for e in done if e.day < since):
        yield Point(later[0].day, "ready", later[0].imaging.sources)


def _ready(case: Case, day: int) -> bool:
    return surely_ready(case.at(day))


def _toxicity_points(case: Case) -> Iterator[Point]:
    for day, one in case.once(banded_days).items():
        yield Point(day, "hepatic-toxicity", one.sources)
    for day, source in grave(case, case.limit("mdt", "ctcae-grade").days):
        yield Point(day, "ctcae", (source,))
