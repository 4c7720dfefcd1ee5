"""Surveillance after a hepatectomy: imaging, markers, signs of recurrence (guideline.md 3.11; C21-14, Z23)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from adapter.guideline.case import Case, criterion, doubts
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import ADJUVANT, AFTER_SURGERY, phase, recurrence_sources
from adapter.guideline.problems import began
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.scans import (
    AFP,
    WORDS,
    marker_latest,
    marker_normal,
    newest_operation,
    pivka_measured,
    scans,
    scans_doubtful,
)
from adapter.guideline.staging import burden
from adapter.guideline.treatment import course
from adapter.timeline.events import Measurement
from adapter.values import Truth, When, add_months, all_of, any_of, day_text, negate, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "surveillance"
STATEMENTS = ("C21-14", "Z23")
SCAN_TYPES = frozenset({"Observation", "Procedure", "ImagingStudy", "DiagnosticReport"})


class Last(msgspec.Struct, frozen=True, gc=False):
    """The last scan or marker, between two days (ordinals)."""

    first: int
    last: int
    sources: tuple[str, ...]


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic after a hepatectomy."""
    operation = case.once(newest_operation)
    if case.once(phase) not in AFTER_SURGERY or operation is None:
        return
    scanned = case.once(scans)
    last = Last(scanned[-1].day, scanned[-1].last, scanned[-1].sources) if scanned else None
    yield _timing(case, "surveillance.imaging", operation.when, last, SCAN_TYPES)
    values = [m for m in case.view.measurements(AFP) if m.when.first > operation.when.first]
    newest = Last(values[-1].when.first, values[-1].when.last, (values[-1].source,)) if values else None
    yield _timing(case, "surveillance.markers", operation.when, newest, frozenset({"Observation"}))
    yield _recurrence(case, operation.when.first)


def _bounds(case: Case, operation: int) -> tuple[int, int] | None:
    """Days since the last from which it is due, and the last day before overdue; None from year three."""
    months = case.limit(TOPIC, "year").days
    if case.day < add_months(operation, months) or case.once(phase) == ADJUVANT:
        return case.limit(TOPIC, "on-time").days + 1, case.limit(TOPIC, "due").days
    if case.day < add_months(operation, 2 * months):
        return case.limit(TOPIC, "due-year-two").days, case.limit(TOPIC, "overdue-year-two").days
    return None


def _outcome(age: int, bounds: tuple[int, int] | None) -> str:
    if bounds is None or age < bounds[0]:
        return "on-time"
    return "due" if age <= bounds[1] else "overdue"


def _timing(case: Case, code: str, operation: When, last: Last | None, types: frozenset[str]) -> Finding:
    """What every day that the operation and the last one can have been agrees on."""
    since = last if last is not None else Last(operation.first, operation.last, ())
    bounds = _bounds(case, operation.first)
    possible = {bounds} if operation.one_day else {bounds, _bounds(case, operation.last)}
    ages = (case.day - since.last, case.day - since.first)
    outcomes = {_outcome(age, one) for age in ages for one in possible}
    missing = outcomes != {"on-time"} and bool(types & case.view.incomplete)
    outcome = "unknown" if len(outcomes) > 1 or missing else outcomes.pop()
    notes = ("no-bound-in-sources",) if bounds is None else ()
    told = [*notes, *(["incomplete"] if missing else []), *([] if last else ["none-since-surgery"])]
    kept = truth(None if bounds is None or outcome == "unknown" else outcome != "overdue")
    tested = Criterion(
        code="days-since-last",
        status=kept,
        value=ages[0] if ages[0] == ages[1] else None,
        unit="d",
        threshold=None if bounds is None else f"<= {bounds[1]} d",
        at=day_text(since.first),
        evidence=since.sources,
        notes=tuple(told),
    )
    due = None
    if bounds is not None:
        earliest = day_text(since.last + bounds[0])
        due = Due(earliest, earliest, day_text(since.first + bounds[1]))
    return case.finding(code, outcome, STATEMENTS, [tested], due=due, notes=notes, since=day_text(since.first))


def _recurrence(case: Case, operation: int) -> Finding:
    signs = [_new_tumour(case, operation), _marker(case, AFP, operation)]
    pivka = case.once(pivka_measured)
    if pivka is not None:
        signs.append(_marker(case, pivka, operation))
    scan = _clean_scan(case)
    if any(c.status is NOT_MET for c in signs):
        outcome = "suspected"
    elif all(c.status is MET for c in (*signs, scan)):
        outcome = "none"
    else:
        outcome = "unknown"
    seen = tuple(f"sign-{c.code}" for c in signs if c.status is NOT_MET)
    return case.finding("surveillance.recurrence", outcome, STATEMENTS, [*signs, scan], signs=seen)


def _new_tumour(case: Case, operation: int) -> Criterion:
    """`no-new-tumour`: not-met by any sign since surgery; met only where a scan since then was read."""
    found = _tumour(case, operation)
    read = any(s.read for s in case.once(scans))
    status = NOT_MET if found else (MET if read else UNKNOWN)
    early = _preliminary(case).intersection(found) if found else ()
    notes = [*(["preliminary"] if early else []), *([] if found or read else ["missing"])]
    return Criterion(code="no-new-tumour", status=status, evidence=tuple(found), notes=tuple(notes))


def _preliminary(case: Case) -> set[str]:
    """References of preliminary imaging."""
    early = {s.source for s in case.view.lesions if s.preliminary}
    early |= {n.source for n in case.view.measurements("tumor_number") if n.preliminary}
    return early | {w.source for concept in WORDS for w in case.view.coded(concept) if w.preliminary}


def _since(case: Case, operation: int) -> tuple[str, ...]:
    """What proves recurrence since the newest operation; what an earlier one removed no longer counts."""
    sources = case.once(recurrence_sources)
    if operation == case.once(course).end:
        return sources
    seen = {f.source for f in case.view.lesions if f.when.first > operation}
    seen |= {w.source for concept in WORDS for w in case.view.coded(concept) if w.when.first > operation}
    conditions = case.confirmed("metastasis")
    seen |= {p.source for p in conditions if (when := began(p)) is not None and when.first > operation}
    return tuple(source for source in sources if source in seen)


def _tumour(case: Case, operation: int) -> list[str]:
    """A new lesion, metastasis, viable tumour or vessel invasion recorded after surgery."""
    found = list(_since(case, operation))
    found += [
        n.source for n in case.view.measurements("tumor_number") if n.when.first > operation and n.value.above(0) is MET
    ]
    vessels = case.once(burden).vessels
    for grades in (vessels.vp, vessels.vv):
        if grades.day is not None and grades.day > operation and grades.invaded is MET:
            found += grades.evidence
    if vessels.present is MET:
        newest = case.latest_word("macrovascular_invasion", "imaging")
        found += [f.source for f in newest.facts if f.when.first > operation and f.value == "present"]
    spread = case.once(burden).metastasis
    if spread.present is MET and (spread.day is None or spread.day > operation):
        found += spread.evidence
    return list(dict.fromkeys(found))


def _marker(case: Case, concept: str, operation: int) -> Criterion:
    """`<marker>-not-rising`: not-met when above normal and risen, met when a recent value is not."""
    code = "afp-not-rising" if concept == AFP else "pivka-not-rising"
    values = case.view.measurements(concept)
    found = marker_latest(case, concept, case.limit(TOPIC, "clean-window").days)
    if not any(m.when.first > operation for m in values):
        return Criterion(code=code, status=UNKNOWN, notes=tuple(doubts(found)) if found.blocked else ("missing",))
    rising = {_risen(case, fact, values, operation) for fact in found.facts}
    status = UNKNOWN
    if MET in rising and (len(rising) == 1 or found.contradiction):
        status = NOT_MET
    elif rising == {NOT_MET} and found.fresh and not found.blocked:
        status = MET
    return criterion(code, status, found)


def _risen(case: Case, fact: Measurement, values: Sequence[Measurement], operation: int) -> Truth:
    """Above normal, and after a normal value or clearly above an earlier one since surgery."""
    above = negate(marker_normal(case, fact))
    if above is NOT_MET:
        return above
    rise = 1 + case.limit(TOPIC, "marker-rise").value / PERCENT
    verdicts = []
    for one in (m for m in values if m.when.end < fact.when.start):
        verdicts.append(marker_normal(case, one))
        if one.when.first > operation:
            verdicts.append(fact.value.minus(one.value.scaled(rise)).at_least(0))
    return all_of((above, any_of(verdicts)))


def _clean_scan(case: Case) -> Criterion:
    """A clean scan in the window that no later one, and nothing that cannot be used, contradicts."""
    window = case.limit(TOPIC, "clean-window").days
    done = case.once(scans)
    clean = [s for s in done if s.clean and case.day - s.day <= window]
    newest = clean[-1] if clean else None
    contrary = newest is not None and any(s.read and not s.clean for s in done if s.day > newest.day)
    told = scans_doubtful(case, newest.day) if newest is not None else ()
    return Criterion(
        code="clean-scan",
        status=MET if newest is not None and not contrary and not told else UNKNOWN,
        threshold=f"within {window} d",
        at=day_text(newest.day) if newest else None,
        evidence=newest.sources if newest else (),
        notes=told,
    )
