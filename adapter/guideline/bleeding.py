"""Gastrointestinal bleeding in the months before as-of (guideline.md 3.1)."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.guideline.model import Criterion
from adapter.guideline.problems import ENDED, began
from adapter.timeline.events import Problem
from adapter.values import Truth, add_months, any_of, negate
from adapter.values.truth import MET, NOT_MET, UNKNOWN


def no_recent_bleeding(case: Case) -> Criterion:
    """`no-gi-bleeding-6-months`: met without a record only where the patient's Conditions were actually read."""
    limit = case.limit("eligibility", "bleeding-months")
    since = add_months(case.day, -limit.days)
    problems = [p for p in case.view.diagnosed("gi_bleeding") if not p.refuted]
    verdicts = {p.source: _touches(case, p, since) for p in problems}
    status = negate(any_of(verdicts.values()))
    notes = [] if problems else ["none-recorded"]
    unusable = case.unusable("gi_bleeding")
    if status is MET and (unusable or not case.view.conditions_read):
        status = UNKNOWN
        notes.append("unusable: " + unusable[0].reason if unusable else "conditions-not-read")
    deciding = [source for source, verdict in verdicts.items() if verdict is not NOT_MET] or list(verdicts)
    return Criterion(
        code="no-gi-bleeding-6-months",
        status=status,
        value=None if status is UNKNOWN else status is NOT_MET,
        threshold=f"none within {limit.days} mo",
        evidence=(*deciding, *(u.source for u in unusable)),
        notes=tuple(notes),
    )


def _touches(case: Case, problem: Problem, since: int) -> Truth:
    """Whether a bleeding lies, even in part, between `since` and as-of."""
    end = _end_before(case, problem, since)
    if end is MET:
        return NOT_MET
    start = began(problem)
    if start is None or not problem.confirmed:
        return UNKNOWN
    inside = start.first >= since
    if end is NOT_MET or inside:
        return MET
    return UNKNOWN


def _end_before(case: Case, problem: Problem, since: int) -> Truth:
    """Whether a bleeding was over before `since`; while it is active it lasts to as-of."""
    if problem.abatement is None:
        return UNKNOWN if problem.clinical in ENDED else NOT_MET
    if problem.abatement.last < since:
        return MET
    return NOT_MET if problem.abatement.first >= since else UNKNOWN
