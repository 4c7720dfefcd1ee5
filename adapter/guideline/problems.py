"""Whether a Condition is there now, three-valued, and when it was."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.timeline.events import Problem
from adapter.values import Truth, When
from adapter.values.truth import MET, NOT_MET, UNKNOWN

ENDED = frozenset({"inactive", "resolved", "remission"})


def began(problem: Problem) -> When | None:
    """Onset, else the day it was recorded."""
    return problem.onset if problem.onset is not None else problem.recorded


def active(case: Case, problem: Problem) -> Truth:
    """Whether a Condition lasts at as-of: an abatement by then, or a status that says so, ends it."""
    if problem.abatement is not None:
        if problem.abatement.end <= case.as_of.instant:
            return NOT_MET
        if problem.abatement.start <= case.as_of.instant:
            return UNKNOWN
        return MET
    return NOT_MET if problem.clinical in ENDED else MET


def active_confirmed(case: Case, group: str) -> list[Problem]:
    """Confirmed Conditions of a group that last at as-of."""
    found = case.confirmed(group)
    return [p for p in found if active(case, p) is not NOT_MET] if found else []
