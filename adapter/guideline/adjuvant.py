"""Start and duration of adjuvant treatment (guideline.md 3.11; C24-15, C24-16, C21-14)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.pathology import PCR, pathology
from adapter.guideline.phase import ADJUVANT, AFTER_SURGERY, RECURRENCE, phase
from adapter.guideline.scans import AFP, PIVKA, marker_normal, scans
from adapter.guideline.treatment import after_operation, course
from adapter.timeline.events import Exposure
from adapter.timeline.latest import latest
from adapter.values import Truth, add_months, all_of, day_text, truth

TOPIC = "adjuvant"


def findings(case: Case) -> Iterator[Finding]:
    """`adjuvant.start` and `adjuvant.duration`, not in recurrence."""
    now = case.once(phase)
    operation = case.once(course).end
    if now not in AFTER_SURGERY or now == RECURRENCE or operation is None:
        return
    started = _start(case, operation)
    if started is not None:
        yield started
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


def _start(case: Case, operation: int) -> Finding | None:
    if case.once(course).start is None:
        return None
    if case.day > add_months(operation, case.limit(TOPIC, "start-months").days):
        return None
    due, overdue = case.limit(TOPIC, "start-due").days, case.limit(TOPIC, "start-overdue").days
    doses = case.once(adjuvant_doses)
    since = case.day - operation
    outcome = "not-due" if since < due else ("due" if since <= overdue else "overdue")
    local = [p for p in case.view.done("locoregional") if p.when.first >= operation]
    open_records = _open_records(case, operation)
    notes = (["local-therapy-only"] if local and not doses else []) + (["open-record"] if open_records else [])
    tested = Criterion(
        code="days-since-surgery",
        status=truth(bool(doses) or since <= overdue),
        value=since,
        unit="d",
        threshold=f"<= {overdue} d",
        at=day_text(operation),
        evidence=tuple([e.source for e in doses[:1]] + [p.source for p in local] + open_records),
        notes=tuple(notes),
    )
    return case.finding(
        "adjuvant.start",
        "started" if doses else outcome,
        ("C24-15", "C24-16", "Z23-t8"),
        [tested],
        due=None if doses else Due(day_text(operation + due), day_text(operation + due), day_text(operation + overdue)),
        evidence=[p.source for p in case.once(course).operations],
        notes=notes,
        first=day_text(doses[0].start.first) if doses else None,
    )


def _duration(case: Case) -> Finding:
    first = case.once(adjuvant_doses)[0]
    begin = first.start.first
    least, most = case.limit(TOPIC, "least-months").days, case.limit(TOPIC, "most-months").days
    minimum, maximum = add_months(begin, least), add_months(begin, most)
    criteria = [_clean_scans(case), _marker(case, AFP, "afp-normal"), _marker(case, PIVKA, "pivka-normal")]
    outcome = "continue"
    if case.day > maximum:
        outcome = "beyond-12-months"
    elif case.day >= minimum:
        stop = all_of(c.status for c in criteria)
        outcome = "stop-may-be-considered" if stop is Truth.MET else "minimum-reached"
    reached = Criterion(
        code="six-months-of-treatment",
        status=truth(case.day >= minimum),
        value=case.day - begin,
        unit="d",
        threshold=f">= {least} mo",
        at=day_text(begin),
        evidence=(first.source,),
    )
    complete = outcome == "minimum-reached" and case.once(pathology).outcome == PCR
    open_records = _open_records(case, case.once(course).end or begin)
    return case.finding(
        "adjuvant.duration",
        outcome,
        ("C24-16", "C21-14"),
        [reached, *criteria],
        due=Due(day_text(minimum), day_text(minimum), day_text(maximum)),
        notes=(["plan-complete"] if complete else []) + (["open-record"] if open_records else []),
        begin=day_text(begin),
        advice=("adjuvant-complete",) if complete else (),
    )


def _clean_scans(case: Case) -> Criterion:
    found = case.once(scans)
    needed, window = case.limit(TOPIC, "stop-scans").days, case.limit(TOPIC, "stop-window").days
    newest = found[-needed:]
    enough = len(newest) == needed and all(s.clean for s in newest)
    return Criterion(
        code="two-clean-scans",
        status=truth(enough and case.day - newest[-1].day <= window),
        threshold=f"latest {needed}, within {window} d",
        at=day_text(newest[-1].day) if newest else None,
        evidence=tuple(source for s in newest for source in s.sources),
    )


def _marker(case: Case, concept: str, code: str) -> Criterion:
    window = case.limit(TOPIC, "stop-window").days
    found = latest(case.view.measurements(concept), case.unusable(concept), case.day, window)
    return criterion(code, found.favourable(lambda f: marker_normal(case, f)), found)
