"""Start and duration of adjuvant treatment (guideline.md 3.11; C24-15, C24-16, C21-14)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.gaps import treatment_possible, unusable_since
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.pathology import PCR, pathology
from adapter.guideline.phase import ADJUVANT, AFTER_SURGERY, RECURRENCE, phase
from adapter.guideline.scans import (
    AFP,
    PIVKA,
    marker_latest,
    marker_normal,
    newest_operation,
    pivka_measured,
    scans,
    scans_doubtful,
)
from adapter.guideline.treatment import after_operation, course
from adapter.timeline.events import Exposure
from adapter.values import When, add_months, all_of, day_text, truth
from adapter.values.truth import MET, UNKNOWN

TOPIC = "adjuvant"


def findings(case: Case) -> Iterator[Finding]:
    """`adjuvant.start` and `adjuvant.duration`, not in recurrence."""
    now, operation = case.once(phase), case.once(newest_operation)
    if now not in AFTER_SURGERY or now == RECURRENCE or operation is None:
        return
    if case.once(course).start is not None:
        yield from _start(case, operation.when)
    if now == ADJUVANT:
        yield _duration(case)


def adjuvant_doses(case: Case) -> list[Exposure]:
    """Exposures to an ICI or AATD that begin on or after the day of surgery."""
    given = [*after_operation(case, "ici"), *after_operation(case, "aatd")]
    return sorted(given, key=lambda e: (e.start.start, e.source))


def _open_records(case: Case, operation: int) -> list[str]:
    """Oral records still open from before surgery count as ended the day before it."""
    oral = [e for e in case.view.of_group("aatd") if e.oral and e.start.first < operation]
    return [e.source for e in oral if e.ending in ("open", "unknown") or (e.end and e.end.last >= operation)]


def _given(case: Case) -> list[Exposure]:
    return [*case.view.of_group("ici"), *case.view.of_group("aatd")]


def _start_outcome(case: Case, operation: When, doses: list[Exposure]) -> str:
    """What every day that the operation can have been agrees on; open when a dose may be missing."""
    if doses:
        return "started"
    due, overdue = case.limit(TOPIC, "start-due").days, case.limit(TOPIC, "start-overdue").days
    ages = (case.day - operation.last, case.day - operation.first)
    outcomes = {"not-due" if age < due else ("due" if age <= overdue else "overdue") for age in ages}
    doubtful = any(e.start.first < operation.last and e.start.last >= operation.first for e in _given(case))
    for group in ("ici", "aatd"):
        doubtful |= treatment_possible(case, group) or bool(unusable_since(case, group, operation.first))
    return "unknown" if doubtful or len(outcomes) > 1 else outcomes.pop()


def _start(case: Case, operation: When) -> Iterator[Finding]:
    if case.day > add_months(operation.last, case.limit(TOPIC, "start-months").days):
        return
    due, overdue = case.limit(TOPIC, "start-due").days, case.limit(TOPIC, "start-overdue").days
    doses = [e for e in case.once(adjuvant_doses) if e.start.first >= operation.last]
    outcome = _start_outcome(case, operation, doses)
    local = [p for p in case.view.done("locoregional") if p.when.first >= operation.first]
    open_records = _open_records(case, operation.first)
    notes = (["local-therapy-only"] if local and not doses else []) + (["open-record"] if open_records else [])
    since = case.day - operation.first
    tested = Criterion(
        code="days-since-surgery",
        status=truth(None if outcome == "unknown" else outcome != "overdue"),
        value=since if operation.one_day else None,
        unit="d",
        threshold=f"<= {overdue} d",
        at=operation.iso,
        evidence=tuple([e.source for e in doses[:1]] + [p.source for p in local] + open_records),
        notes=tuple(notes),
    )
    earliest, latest_day = day_text(operation.last + due), day_text(operation.first + overdue)
    yield case.finding(
        "adjuvant.start",
        outcome,
        ("C24-15", "C24-16", "Z23-t8"),
        [tested],
        due=None if doses else Due(earliest, earliest, latest_day),
        evidence=[p.source for p in case.once(course).operations],
        notes=notes,
        first=doses[0].start.iso if doses else None,
    )


def _duration_outcome(case: Case, begin: int, criteria: list[Criterion]) -> str:
    """The first outcome that holds when treatment began on a day (ordinal)."""
    least, most = case.limit(TOPIC, "least-months").days, case.limit(TOPIC, "most-months").days
    if case.day > add_months(begin, most):
        return "beyond-12-months"
    if case.day < add_months(begin, least):
        return "continue"
    stop = all_of(c.status for c in criteria)
    return "stop-may-be-considered" if stop is MET else "minimum-reached"


def _duration(case: Case) -> Finding:
    first = case.once(adjuvant_doses)[0]
    begin = first.start.first
    least, most = case.limit(TOPIC, "least-months").days, case.limit(TOPIC, "most-months").days
    minimum, maximum = day_text(add_months(first.start.last, least)), day_text(add_months(begin, most))
    criteria = [_clean_scans(case), _marker(case, AFP, "afp-normal")]
    criteria.append(_marker(case, case.once(pivka_measured) or PIVKA, "pivka-normal"))
    outcomes = {_duration_outcome(case, day, criteria) for day in (begin, first.start.last)}
    outcome = outcomes.pop() if len(outcomes) == 1 else "unknown"
    reached = {case.day >= add_months(day, least) for day in (begin, first.start.last)}
    lasting = Criterion(
        code="six-months-of-treatment",
        status=truth(reached.pop() if len(reached) == 1 else None),
        value=case.day - begin if first.start.one_day else None,
        unit="d",
        threshold=f">= {least} mo",
        at=first.start.iso,
        evidence=(first.source,),
    )
    complete = outcome == "minimum-reached" and case.once(pathology).outcome == PCR
    open_records = _open_records(case, case.once(course).end or begin)
    return case.finding(
        "adjuvant.duration",
        outcome,
        ("C24-16", "C21-14"),
        [lasting, *criteria],
        due=Due(minimum, minimum, maximum),
        notes=(["plan-complete"] if complete else []) + (["open-record"] if open_records else []),
        begin=first.start.iso,
        advice=("adjuvant-complete",) if complete else (),
    )


def _clean_scans(case: Case) -> Criterion:
    found = case.once(scans)
    needed, window = case.limit(TOPIC, "stop-scans").days, case.limit(TOPIC, "stop-window").days
    newest = found[-needed:]
    clean = len(newest) == needed and all(s.clean for s in newest) and case.day - newest[-1].day <= window
    doubts = scans_doubtful(case, newest[-1].day if newest else 0)
    return Criterion(
        code="two-clean-scans",
        status=UNKNOWN if doubts else truth(clean),
        threshold=f"latest {needed}, within {window} d",
        at=day_text(newest[-1].day) if newest else None,
        evidence=tuple(source for s in newest for source in s.sources),
        notes=doubts,
    )


def _marker(case: Case, concept: str, code: str) -> Criterion:
    found = marker_latest(case, concept, case.limit(TOPIC, "stop-window").days)
    return criterion(code, found.favourable(lambda f: marker_normal(case, f)), found)
