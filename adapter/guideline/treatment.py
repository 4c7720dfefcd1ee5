"""The course of treatment: diagnosis, conversion start, cycles, regimen at a date, operations and their plans."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.problems import began
from adapter.timeline.events import Exposure, Performed, Plan, Problem
from adapter.values import Truth, When
from adapter.values.truth import MET, NOT_MET, UNKNOWN

LOCAL_START = ("tace", "haic", "sirt", "radiotherapy")
LOCAL = (*LOCAL_START, "ablation")
DRUG_START = ("ici", "aatd")


class Course(msgspec.Struct, frozen=True, gc=False):
    """Days are ordinals. `start`: conversion start; `end`: the first hepatectomy for this HCC, None before it."""

    diagnosis: int | None
    hcc: tuple[Problem, ...]
    start: int | None
    start_sources: tuple[str, ...]
    operations: tuple[Performed, ...]
    end: int | None
    floor: int

    @property
    def resected(self) -> bool:
        """A hepatectomy for this HCC was done."""
        return self.end is not None


def course(case: Case) -> Course:
    """Diagnosis, conversion start and operations (guideline.md 2, Course)."""
    dated = [(when.first, p) for p in case.confirmed("hcc") if (when := began(p)) is not None]
    hcc = tuple([p for _, p in dated])
    if not hcc:
        return Course(None, hcc, None, (), (), None, case.day)
    diagnosis = min([day for day, _ in dated])
    floor = diagnosis - case.limit("course", "before-diagnosis").days
    operations = tuple([o for o in hepatectomies(case) if o.when.first >= floor])
    end = min([o.when.first for o in operations], default=None)
    starts = [(day, source) for day, source in _starts(case) if day >= floor and (end is None or day < end)]
    start = min(starts)[0] if starts else None
    sources = tuple(sorted({source for day, source in starts if day == start}))
    return Course(diagnosis, hcc, start, sources, operations, end, floor)


def _starts(case: Case) -> Iterable[tuple[int, str]]:
    for group in DRUG_START:
        yield from [(e.start.first, e.source) for e in case.view.of_group(group)]
    for group in LOCAL_START:
        yield from [(p.when.first, p.source) for p in case.view.done(group)]


def hepatectomies(case: Case) -> list[Performed]:
    """Hepatectomies done by as-of; of two ALPPS the later is the second stage and counts, one alone does not."""
    found = [*case.view.done("hepatectomy"), *alpps_stages(case)[1:]]
    return sorted(found, key=lambda p: (p.when.start, p.source)) if len(found) > 1 else found


def alpps_stages(case: Case) -> list[Performed]:
    """ALPPS procedures on different days, first stage first."""
    stages: list[Performed] = []
    for done in case.view.done("alpps"):
        if not stages or done.when.first != stages[-1].when.first:
            stages.append(done)
    return stages


def valid_plans(case: Case, group: str) -> list[Plan]:
    """Plans of a group that are still plans: dated on or after as-of's day, or undated and not done since authored."""
    plans = case.view.planned(group)
    return [p for p in plans if still_planned(case, p, group)] if plans else []


def still_planned(case: Case, plan: Plan, group: str) -> bool:
    """Whether a plan is one at as-of (dictionary-local.md, Procedures and plans)."""
    if plan.on is not None:
        return plan.on.last >= case.day
    done = [] if plan.drug else case.view.done(group)
    if plan.authored is None:
        return not done
    since = plan.authored.first
    if plan.drug:
        return not any(e.start.first >= since for e in case.view.exposures if e.drug == plan.what)
    return not any(d.when.last >= since for d in done)


def overdue_plans(case: Case, group: str) -> list[Plan]:
    """Dated plans whose day has passed without the thing having been done on or after it."""
    passed = [p for p in case.view.planned(group) if p.on is not None and p.on.last < case.day]
    return [p for p in passed if p.on and not any(d.when.last >= p.on.first for d in case.view.done(group))]


def planned_operations(case: Case) -> list[Plan]:
    """Planned hepatectomies; a planned ALPPS is one only when the first stage was done."""
    if not case.view.plans:
        return []
    second = valid_plans(case, "alpps") if alpps_stages(case) else []
    plans = [*valid_plans(case, "hepatectomy"), *second]
    return sorted(plans, key=lambda p: (p.on.start if p.on else 1 << 62, p.source))


def operation_day(case: Case) -> When | None:
    """D: the earliest dated plan of a hepatectomy."""
    dated = [p.on for p in case.once(planned_operations) if p.on is not None]
    return dated[0] if dated else None


def ordered(case: Case, group: str) -> list[Plan]:
    """Drugs or procedures of a group ordered or planned and not yet given."""
    return valid_plans(case, group)


def last_exposed(case: Case, exposure: Exposure) -> int:
    """The last day on which a drug is taken to have been there, for intervals (ordinal, at most as-of's day)."""
    if exposure.ending in ("open", "unknown", "on-hold"):
        return case.day
    last = (exposure.end if exposure.end is not None else exposure.start).last
    return last if last < case.day else case.day


def last_given(case: Case, exposure: Exposure) -> tuple[int, int]:
    """First and last possible day (ordinals) of the last dose, for what asks whether a drug is given.

    Without a recorded end it goes on until as-of; on hold it ended when it was held.
    """
    if exposure.ending in ("open", "unknown"):
        return case.day, case.day
    end = exposure.end if exposure.end is not None else exposure.start
    return min(end.first, case.day), min(end.last, case.day)


def last_sure(case: Case, exposure: Exposure) -> int:
    """The last day on which a drug was surely given or taken, for anything favourable."""
    if exposure.ending == "open":
        return case.day
    first = (exposure.end if exposure.end is not None else exposure.start).first
    return first if first < case.day else case.day


def in_course(case: Case, exposures: Iterable[Exposure]) -> list[Exposure]:
    """Exposures of the conversion course: begun from the course's floor on and before the hepatectomy."""
    known = case.once(course)
    end = known.end
    return [e for e in exposures if e.start.first >= known.floor and (end is None or e.start.first < end)]


def local_in_course(case: Case) -> dict[str, list[Performed]]:
    """Locoregional treatments of the conversion course by modality (`tace`, `haic`, `sirt`, `radiotherapy`,
    `ablation`)."""
    known = case.once(course)
    if known.start is None:
        return {}
    found = {}
    for group in LOCAL:
        done = [p for p in case.view.done(group) if p.when.first >= known.floor]
        done = [p for p in done if known.end is None or p.when.first < known.end]
        if done:
            found[group] = done
    return found


def without_local(case: Case) -> Truth:
    """Whether no locoregional treatment belongs to the course; what cannot be read leaves it open."""
    if case.once(local_in_course):
        return NOT_MET
    doubtful = "Procedure" in case.view.incomplete or case.unusable("locoregional")
    return UNKNOWN if doubtful else MET


def cycles(case: Case) -> list[int]:
    """Days (ordinals) of the course on which an ICI infusion was given, each once."""
    given = in_course(case, case.view.of_group("ici"))
    return sorted({e.start.first for e in given if e.administered or _one_dose(e)})


def _one_dose(exposure: Exposure) -> bool:
    """A statement of one day is one dose of that day."""
    return exposure.ending == "known" and exposure.end is not None and exposure.end.text == exposure.start.text


def after_operation(case: Case, group: str) -> list[Exposure]:
    """Exposures that begin on or after the day of the first hepatectomy."""
    known = case.once(course)
    if known.end is None:
        return []
    return [e for e in case.view.of_group(group) if e.start.first >= known.end]
