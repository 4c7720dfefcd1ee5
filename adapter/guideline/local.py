"""Cautions of local therapy (guideline.md 3.6; C21-4, C21-5, C24-s2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import BEFORE_SURGERY, phase
from adapter.guideline.treatment import course, local_in_course, planned_operations, valid_plans
from adapter.guideline.vessels import VP_GRADES, invasion
from adapter.timeline.events import Performed
from adapter.values import Truth, day_text, truth

TOPIC = "local"


def findings(case: Case) -> Iterator[Finding]:
    """Cautions for what is ordered or planned, and unfinished HAIC."""
    for step in (_portal_vein, _repeated, _courses, _liver):
        found = step(case)
        if found is not None:
            yield found


def high_portal_grade(case: Case) -> Truth:
    """Whether the portal vein thrombus reaches a grade that calls for caution, enhancing or not."""
    lowest = case.limit(TOPIC, "tace-caution-grade").days
    found = case.latest_word("pvtt_vp_class", "imaging")
    if found.alert(lambda f: truth(f.value in VP_GRADES[lowest:])) is Truth.MET:
        return Truth.MET
    possible = case.once(invasion).vp.possible
    high = {grade in VP_GRADES[lowest:] for grade in possible}
    return truth(high.pop() if len(high) == 1 else None)


def _portal_vein(case: Case) -> Finding | None:
    plans = valid_plans(case, "tace")
    if not plans:
        return None
    status = high_portal_grade(case)
    if status is Truth.NOT_MET:
        return None
    vp = case.once(invasion).vp
    tested = Criterion(
        code="vp3-4",
        status=status,
        value="/".join(vp.possible) if status is Truth.MET else None,
        at=vp.at,
        evidence=vp.evidence,
        notes=vp.notes,
    )
    outcome = "caution" if status is Truth.MET else "unknown"
    return case.finding("local.tace-portal-vein", outcome, ("C24-s2.3",), [tested], evidence=[p.source for p in plans])


def _repeated(case: Case) -> Finding | None:
    plans = [*valid_plans(case, "tace"), *case.once(planned_operations)]
    done = local_in_course(case).get("tace", [])
    days = {p.when.first for p in done}
    needed = case.limit(TOPIC, "tace-repeated").days
    if not plans or len(days) < needed:
        return None
    tested = Criterion(
        code="tace-days",
        status=Truth.MET,
        value=len(days),
        threshold=f">= {needed}",
        at=day_text(max(days)),
        evidence=tuple(p.source for p in done),
    )
    return case.finding("local.tace-repeated", "caution", ("C21-4",), [tested], evidence=[p.source for p in plans])


def haic_courses(done: list[Performed]) -> int:
    """One course is one HAIC procedure or consecutive days of it."""
    courses, last = 0, None
    for procedure in sorted(done, key=lambda p: p.when.first):
        end = (procedure.end or procedure.when).last
        if last is None or procedure.when.first > last + 1:
            courses += 1
        last = end if last is None else max(last, end)
    return courses


def _courses(case: Case) -> Finding | None:
    floor = case.once(course).floor
    done = [p for p in case.view.done("haic") if p.when.first >= floor]
    if not done or case.once(phase) not in BEFORE_SURGERY:
        return None
    last = max((p.end or p.when).last for p in done)
    given, needed = haic_courses(done), case.limit(TOPIC, "haic-courses").days
    if given >= needed or case.day - last <= case.limit(TOPIC, "haic-gap").days:
        return None
    tested = Criterion(
        code="haic-courses",
        status=Truth.NOT_MET,
        value=given,
        threshold=f">= {needed}",
        at=day_text(last),
        evidence=tuple(p.source for p in done),
    )
    return case.finding("local.haic-courses", "below-4", ("C21-5",), [tested], given=given, last=day_text(last))


def _liver(case: Case) -> Finding | None:
    plans = valid_plans(case, "haic")
    found = case.once(child_pugh)
    if not plans or "C" not in found.possible:
        return None
    sure = found.possible == ("C",)
    tested = Criterion(
        code="child-pugh-a-b",
        status=Truth.NOT_MET if sure else Truth.UNKNOWN,
        value="/".join(found.possible),
        at=found.at,
        evidence=found.evidence,
        notes=found.notes,
    )
    outcome = "unsuitable" if sure else "unknown"
    return case.finding("local.haic-liver", outcome, ("C21-5",), [tested], evidence=[p.source for p in plans])
