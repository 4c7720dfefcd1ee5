"""Whether a Condition is there now, three-valued, and when it was."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.timeline.events import Problem
from adapter.values import Truth, When

ENDED = frozenset({"inactive", "resolved", "remission"})


def began(problem: Problem) -> When | None:
    """Onset, else the day it was recorded."""
    return problem.onset if problem.onset is not None else problem.recorded


def active(case: Case, problem: Problem) -> Truth:
    """Whether a Condition lasts at as-of: an abatement by then, or a status that says so, ends it."""
    if problem.abatement is not None:
        if problem.abatement.end <= case.as_of.instant:
            return Truth.NOT_MET
        if problem.abatement.start <= case.as_of.instant:
            return Truth.UNKNOWN
        return Truth.MET
    return Truth.NOT_MET if problem.clinical in ENDED else Truth.MET


def active_confirmed(case: Case, group: str) -> list[Problem]:
    """Confirmed Conditions of a group that last at as-of."""
    return [p for p in case.confirmed(group) if active(case, p) is not Truth.NOT_MET]
