"""Surveillance after a hepatectomy: imaging, markers, signs of recurrence (guideline.md 3.11; C21-14, Z23)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import ADJUVANT, AFTER_SURGERY, phase, recurrence_sources
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.scans import AFP, PIVKA, last_operation, marker_normal, scans
from adapter.guideline.staging import burden
from adapter.timeline.events import Measurement
from adapter.timeline.latest import latest
from adapter.values import Truth, add_months, day_text, truth

TOPIC = "surveillance"
STATEMENTS = ("C21-14", "Z23")


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic after a hepatectomy."""
    operation = case.once(last_operation)
    if case.once(phase) not in AFTER_SURGERY or operation is None:
        return
    scanned = case.once(scans)
    last = (scanned[-1].day, scanned[-1].sources) if scanned else None
    yield _timing(case, "surveillance.imaging", operation, last)
    values = [m for m in case.view.measurements(AFP) if m.when.first > operation]
    yield _timing(
        case, "surveillance.markers", operation, (values[-1].when.first, (values[-1].source,)) if values else None
    )
    yield _recurrence(case, operation)


def _timing(case: Case, code: str, operation: int, last: tuple[int, tuple[str, ...]] | None) -> Finding:
    since = last[0] if last else operation
    months = case.limit(TOPIC, "year").days
    first_year = case.day < add_months(operation, months)
    second_year = case.day < add_months(operation, 2 * months)
    notes: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    if first_year or case.once(phase) == ADJUVANT:
        bounds = case.limit(TOPIC, "on-time").days + 1, case.limit(TOPIC, "due").days
    elif second_year:
        bounds = case.limit(TOPIC, "due-year-two").days, case.limit(TOPIC, "overdue-year-two").days
    else:
        notes = ("no-bound-in-sources",)
    age = case.day - since
    outcome = "on-time"
    if bounds is not None and age >= bounds[0]:
        outcome = "due" if age <= bounds[1] else "overdue"
    tested = Criterion(
        code="days-since-last",
        status=truth(None if bounds is None else age <= bounds[1]),
        value=age,
        unit="d",
        threshold=None if bounds is None else f"<= {bounds[1]} d",
        at=day_text(since),
        evidence=last[1] if last else (),
        notes=notes if last else (*notes, "none-since-surgery"),
    )
    due = None
    if bounds is not None:
        earliest = day_text(since + bounds[0])
        due = Due(earliest, earliest, day_text(since + bounds[1]))
    return case.finding(code, outcome, STATEMENTS, [tested], due=due, notes=notes, since=day_text(since))


def _recurrence(case: Case, operation: int) -> Finding:
    signs = [
        Criterion("no-new-tumour", truth(not (found := _tumour(case, operation))), evidence=tuple(found)),
        _marker(case, AFP, operation),
    ]
    if any(m.when.first > operation for m in case.view.measurements(PIVKA)) or case.view.measurements(PIVKA):
        signs.append(_marker(case, PIVKA, operation))
    scan = _clean_scan(case)
    if any(c.status is Truth.NOT_MET for c in signs):
        outcome = "suspected"
    elif all(c.status is Truth.MET for c in (*signs, scan)):
        outcome = "none"
    else:
        outcome = "unknown"
    seen = tuple(f"sign-{c.code}" for c in signs if c.status is Truth.NOT_MET)
    return case.finding("surveillance.recurrence", outcome, STATEMENTS, [*signs, scan], signs=seen)


def _tumour(case: Case, operation: int) -> list[str]:
    """A new lesion, metastasis, viable tumour or vessel invasion recorded after surgery."""
    found = list(recurrence_sources(case))
    found += [
        n.source
        for n in case.view.measurements("tumor_number")
        if n.when.first > operation and n.value.above(0) is Truth.MET
    ]
    vessels = case.once(burden).vessels
    for grades in (vessels.vp, vessels.vv):
        if grades.day is not None and grades.day > operation and grades.invaded is Truth.MET:
            found += grades.evidence
    if vessels.present is Truth.MET:
        newest = case.latest_word("macrovascular_invasion", "imaging")
        found += [f.source for f in newest.facts if f.when.first > operation and f.value == "present"]
    spread = case.once(burden).metastasis
    if spread.present is Truth.MET and (spread.day is None or spread.day > operation):
        found += spread.evidence
    return list(dict.fromkeys(found))


def _marker(case: Case, concept: str, operation: int) -> Criterion:
    """`<marker>-not-rising`: not-met when above normal and risen, met when a recent value is not."""
    window = case.limit(TOPIC, "clean-window").days
    values = case.view.measurements(concept)
    found = latest(values, case.unusable(concept), case.day, window)
    status = Truth.UNKNOWN
    after = [m for m in values if m.when.first > operation]
    if after:
        rising = {_risen(case, fact, values, operation) for fact in found.facts}
        if Truth.MET in rising:
            status = Truth.NOT_MET
        elif rising == {Truth.NOT_MET} and found.fresh and not found.blocked:
            status = Truth.MET
    newest = after[-1] if after else None
    number = newest.value.number if newest else None
    return Criterion(
        code="afp-not-rising" if concept == AFP else "pivka-not-rising",
        status=status,
        value=number if number is not None or newest is None else newest.value.shown(),
        unit=newest.unit if newest else None,
        at=newest.when.iso if newest else None,
        evidence=found.sources if after else (),
        notes=() if after else ("missing",),
    )


def _risen(case: Case, fact: Measurement, values: list[Measurement], operation: int) -> Truth:
    normal = marker_normal(case, fact)
    if normal is not Truth.NOT_MET:
        return Truth.NOT_MET if normal is Truth.MET else Truth.UNKNOWN
    rise = 1 + case.limit(TOPIC, "marker-rise").value / PERCENT
    earlier = [m for m in values if m.when.end < fact.when.start]
    for one in earlier:
        if marker_normal(case, one) is Truth.MET:
            return Truth.MET
        later = one.when.first > operation
        if later and fact.value.minus(one.value.scaled(rise)).at_least(0) is Truth.MET:
            return Truth.MET
    return Truth.NOT_MET


def _clean_scan(case: Case) -> Criterion:
    window = case.limit(TOPIC, "clean-window").days
    clean = [s for s in case.once(scans) if s.clean and case.day - s.day <= window]
    newest = clean[-1] if clean else None
    return Criterion(
        code="clean-scan",
        status=Truth.MET if newest else Truth.UNKNOWN,
        threshold=f"within {window} d",
        at=day_text(newest.day) if newest else None,
        evidence=newest.sources if newest else (),
    )
