"""What the record already holds for the steps of the pathway: ordered, booked, under way or done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.guideline.adjuvant import adjuvant_doses
from adapter.guideline.case import Case
from adapter.guideline.model import OnRecord
from adapter.guideline.response import responses
from adapter.guideline.treatment import course, hepatectomies, last_sure, planned_operations, valid_plans
from adapter.timeline.events import Exposure, Plan
from adapter.values import add_months, day_text

SCHEDULED, UNDER_WAY, ON_HOLD, COMPLETED, UNKNOWN = "scheduled", "in-progress", "on-hold", "completed", "unknown"
OPERATION, NEXT_OPERATION = "surgery.operation", "surgery.operation:again"
EVALUATED, ADJUVANT_PLAN = "response.evaluation:done", "adjuvant.plan"
ORDERED = {
    "regimen.first-line": ("ici", "aatd"),
    "viral.hbv-antiviral": ("nuc",),
    "viral.hcv": ("daa",),
    "response.evaluation": ("contrast_scan",),
    "response.add-local-therapy": ("locoregional",),
    "flr.augmentation": ("pve", "alpps"),
    "mdt.review": ("mdt_conference",),
    "adjuvant.start": ("ici", "aatd"),
    ADJUVANT_PLAN: ("ici", "aatd"),
    "surveillance.imaging": ("contrast_scan",),
}
PAUSED = {"viral.hbv-antiviral": "nuc", "viral.hcv": "daa"}


def agenda(case: Case) -> dict[str, OnRecord]:
    """By finding code, and for what no finding stands for: operations, and the last response evaluation."""
    found = {code: on_hold for code, group in PAUSED.items() if (on_hold := _paused(case.view.of_group(group)))}
    for code, groups in ORDERED.items() if case.view.plans else ():
        plans = [plan for group in groups for plan in valid_plans(case, group)]
        if plans:
            found[code] = _planned(plans)
    found.update(_operations(case))
    evaluated, adjuvant = _evaluated(case), _adjuvant(case)
    if evaluated is not None:
        found[EVALUATED] = evaluated
    if adjuvant is not None:
        found[ADJUVANT_PLAN] = adjuvant
    return found


def _planned(plans: Iterable[Plan]) -> OnRecord:
    """The first dated plan, else all that have no date."""
    listed = sorted(plans, key=lambda p: (p.on is None, p.on.start if p.on else 0, p.source))
    first = listed[0]
    if first.on is None:
        return OnRecord(SCHEDULED, sources=tuple(sorted({p.source for p in listed})))
    return OnRecord(SCHEDULED, first.on.iso, sources=(first.source,))


def _paused(given: Sequence[Exposure]) -> OnRecord | None:
    """The drug that began last is on hold."""
    if not given or given[-1].ending != ON_HOLD:
        return None
    return OnRecord(ON_HOLD, sources=(given[-1].source,))


def _operations(case: Case) -> dict[str, OnRecord]:
    """The hepatectomy of the course, planned or done; one planned after it stands by itself."""
    known, plans = case.once(course), case.once(planned_operations)
    found = {}
    if known.resected:
        done = [o for o in hepatectomies(case) if o.when.first == known.end]
        sources = tuple(dict.fromkeys(o.source for o in done))
        found[OPERATION] = OnRecord(COMPLETED, done[0].when.iso, sources=sources)
    if plans:
        found[NEXT_OPERATION if known.resected else OPERATION] = _planned(plans)
    return found


def _evaluated(case: Case) -> OnRecord | None:
    """The last response evaluation before surgery; `since` is the day from which it was counted."""
    known = case.once(course)
    done = [e for e in case.once(responses).all if known.end is None or e.day < known.end]
    if not done or known.start is None:
        return None
    since = done[-2].day if len(done) > 1 else known.start
    return OnRecord(COMPLETED, day_text(done[-1].day), day_text(since), tuple(done[-1].imaging.sources))


def _adjuvant(case: Case) -> OnRecord | None:
    """Adjuvant treatment: under way within the window after a dose; over, it is complete when it was long enough.

    Over too early it is unknown, because doses that cease say nothing of why.
    """
    doses = case.once(adjuvant_doses)
    if not doses:
        return None
    begin, last = doses[0].start.first, max(last_sure(case, e) for e in doses)
    newest = [e for e in doses if last_sure(case, e) == last]
    sources = tuple(dict.fromkeys(e.source for e in (doses[0], *newest)))
    if all(e.ending == ON_HOLD for e in newest):
        return OnRecord(ON_HOLD, day_text(last), day_text(begin), sources)
    if case.day - last <= case.limit("course", "adjuvant-window").days:
        return OnRecord(UNDER_WAY, None, day_text(begin), sources)
    enough = last >= add_months(begin, case.limit("adjuvant", "least-months").days)
    return OnRecord(COMPLETED if enough else UNKNOWN, day_text(last), day_text(begin), sources)
