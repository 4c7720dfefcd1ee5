"""Cautions of local therapy (guideline.md 3.6; C21-4, C21-5, C24-s2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.gaps import plan_possible
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.treatment import course, local_in_course, planned_operations, valid_plans
from adapter.guideline.vessels import VP_GRADES, invasion
from adapter.timeline.events import Performed, Plan
from adapter.values import Truth, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

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
    found, vp = case.latest_word("pvtt_vp_class", "imaging"), case.once(invasion).vp
    newest = bool(found.facts) and (vp.day is None or found.facts[-1].when.last >= vp.day)
    if newest and found.alert(lambda f: truth(f.value in VP_GRADES[lowest:])) is MET:
        return MET
    high = {grade in VP_GRADES[lowest:] for grade in vp.possible}
    return truth(high.pop() if len(high) == 1 else None)


def _portal_vein(case: Case) -> Finding | None:
    plans = valid_plans(case, "tace")
    status = high_portal_grade(case)
    if status is NOT_MET or not (plans or plan_possible(case, "tace")):
        return None
    vp = case.once(invasion).vp
    tested = Criterion(
        code="vp3-4",
        status=status,
        value="/".join(vp.possible) if status is MET else None,
        at=vp.at,
        evidence=vp.evidence,
        notes=vp.notes,
    )
    outcome = "caution" if status is MET and plans else "unknown"
    criteria = [_planned("tace-planned", plans), tested]
    return case.finding("local.tace-portal-vein", outcome, ("C24-s2.3",), criteria)


def _planned(code: str, plans: list[Plan]) -> Criterion:
    """Whether something is ordered or planned; without a plan the record may not show it."""
    status = MET if plans else UNKNOWN
    notes = () if plans else ("incomplete",)
    return Criterion(code=code, status=status, evidence=tuple(p.source for p in plans), notes=notes)


def _repeated(case: Case) -> Finding | None:
    plans = [*valid_plans(case, "tace"), *case.once(planned_operations)]
    done = case.once(local_in_course).get("tace", [])
    fewest, most = _distinct_days(done)
    needed = case.limit(TOPIC, "tace-repeated").days
    if not plans or most < needed:
        return None
    sure = fewest >= needed
    tested = Criterion(
        code="tace-days",
        status=MET if sure else UNKNOWN,
        value=fewest if fewest == most else None,
        threshold=f">= {needed}",
        at=done[-1].when.iso,
        evidence=tuple(p.source for p in done),
        notes=() if fewest == most else ("date-imprecise",),
    )
    outcome = "caution" if sure else "unknown"
    return case.finding("local.tace-repeated", outcome, ("C21-4",), [tested], evidence=[p.source for p in plans])


def _distinct_days(done: list[Performed]) -> tuple[int, int]:
    """Fewest and most calendar days of some treatments; one known by its month can share a day with another."""
    exact = {p.when.first for p in done if p.when.one_day}
    vague = sorted((p.when for p in done if not p.when.one_day), key=lambda w: w.last)
    fewest, last = len(exact), 0
    for when in vague:
        apart = not any(when.first <= day <= when.last for day in exact)
        if apart and when.first > last:
            fewest, last = fewest + 1, when.last
    return fewest, len(exact) + len(vague)


def haic_courses(done: list[Performed]) -> tuple[int, int]:
    """Fewest and most courses: one is one HAIC procedure or consecutive days of it; a month leaves both open."""
    vague = sum(1 for p in done if not p.when.one_day)
    return _runs(done), _runs([p for p in done if p.when.one_day]) + vague


def _runs(done: list[Performed]) -> int:
    """Runs of consecutive days."""
    runs, last = 0, None
    for procedure in sorted(done, key=lambda p: p.when.first):
        end = (procedure.end or procedure.when).last
        if last is None or procedure.when.first > last + 1:
            runs += 1
        last = end if last is None else max(last, end)
    return runs


def _courses(case: Case) -> Finding | None:
    floor = case.once(course).floor
    done = [p for p in case.view.done("haic") if p.when.first >= floor]
    if not done:
        return None
    needed, gap = case.limit(TOPIC, "haic-courses").days, case.limit(TOPIC, "haic-gap").days
    ends = [p.end or p.when for p in done]
    newest = max(ends, key=lambda w: w.last)
    fewest, most = haic_courses(done)
    if fewest >= needed or case.day - max(w.first for w in ends) <= gap:
        return None
    sure = most < needed and case.day - newest.last > gap
    tested = Criterion(
        code="haic-courses",
        status=NOT_MET if sure else UNKNOWN,
        value=fewest if fewest == most else None,
        threshold=f">= {needed}",
        at=newest.iso,
        evidence=tuple(p.source for p in done),
        notes=() if sure else ("date-imprecise",),
    )
    outcome = "below-4" if sure else "unknown"
    given = str(fewest) if fewest == most else f"{fewest}-{most}"
    return case.finding("local.haic-courses", outcome, ("C21-5",), [tested], given=given, last=newest.iso)


def _liver(case: Case) -> Finding | None:
    plans = valid_plans(case, "haic")
    found = case.once(child_pugh)
    if "C" not in found.possible or not (plans or plan_possible(case, "haic")):
        return None
    sure = found.possible == ("C",)
    tested = Criterion(
        code="child-pugh-a-b",
        status=NOT_MET if sure else UNKNOWN,
        value="/".join(found.possible),
        at=found.at,
        evidence=found.evidence,
        notes=found.notes,
    )
    outcome = "unsuitable" if sure and plans else "unknown"
    return case.finding("local.haic-liver", outcome, ("C21-5",), [_planned("haic-planned", plans), tested])
