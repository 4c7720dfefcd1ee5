"""When the next response evaluation is due, and whether the modality stayed the same (guideline.md 3.4)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case
from adapter.guideline.hepatitis_status import medication_incomplete
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.response import PD, responses
from adapter.guideline.response_findings import evaluations_incomplete
from adapter.guideline.treatment import course, cycles
from adapter.values import day_text, truth
from adapter.values.truth import MET, NOT_MET

TOPIC = "schedule"


def findings(case: Case) -> Iterator[Finding]:
    """The due window of the next evaluation; a change of modality."""
    start = case.once(course).start
    if not under_conversion(case) or start is None:
        return
    yield _evaluation(case, start)
    changed = _modality(case)
    if changed is not None:
        yield changed


def _evaluation(case: Case, start: int) -> Finding:
    """Imaging precedes an infusion on the same day, so that a dose on the day counted from is cycle 1."""
    last = case.once(responses).latest
    since = last.day if last else start
    progressed = last is not None and last.mrecist.outcome == PD
    suffix = "-after-progression" if progressed else ""
    due_day, latest = (since + case.limit(TOPIC, name + suffix).days for name in ("due", "overdue"))
    given = [day for day in case.once(cycles) if day >= since]
    needed = case.limit(TOPIC, "cycles").days
    by_cycles = given[needed - 1] if len(given) >= needed and not progressed else None
    earliest = due_day if by_cycles is None else min(due_day, by_cycles)
    outcome = "overdue" if case.day > latest else ("due" if case.day >= earliest else "not-due")
    if _unclear(case, outcome, progressed):
        outcome = "unknown"
    sources = last.imaging.sources if last else case.once(course).start_sources
    tested = Criterion(
        code="days-since-evaluation",
        status=truth(case.day <= latest),
        value=case.day - since,
        unit=case.limit(TOPIC, "due").unit,
        threshold=f"<= {latest - since} d",
        at=day_text(since),
        evidence=sources,
    )
    counted = Criterion(
        code="cycles-since-evaluation",
        status=MET if by_cycles is not None else NOT_MET,
        value=len(given),
        threshold=f">= {needed}",
        at=day_text(since),
        evidence=tuple(e.source for e in case.view.of_group("ici") if e.start.first in given),
    )
    return case.finding(
        "response.evaluation",
        outcome,
        ("C21-15",) if progressed else ("C24-6", "C24-fig1b"),
        [tested] if progressed or not case.once(cycles) else [tested, counted],
        due=Due(earliest=day_text(earliest), preferred=day_text(earliest), latest=day_text(latest)),
        since=day_text(since),
    )


def _unclear(case: Case, outcome: str, progressed: bool) -> bool:
    """A later evaluation, or a cycle that makes it due, may be missing where a source did not give everything."""
    if outcome == "not-due":
        return not progressed and medication_incomplete(case)
    return evaluations_incomplete(case)


def _modality(case: Case) -> Finding | None:
    found = case.once(responses)
    if found.baseline is None or found.latest is None:
        return None
    then, now = found.baseline.modalities, found.latest.imaging.modalities
    if not then or not now or then & now:
        return None
    same = Criterion(
        code="same-modality",
        status=NOT_MET,
        value=", ".join(sorted(now)),
        threshold=", ".join(sorted(then)),
        at=day_text(found.latest.day),
        evidence=tuple(s.source for s in (*found.baseline.lesions, *found.latest.imaging.lesions)),
    )
    return case.finding(
        "response.modality",
        "changed",
        ("C21-11", "C24-11"),
        [same],
        before=tuple(sorted(then)),
        after=tuple(sorted(now)),
    )
