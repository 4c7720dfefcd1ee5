"""CTCAE v5.0 grades of laboratory values under antitumour therapy (guideline.md 3.10, the dictionary's table)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case, criterion
from adapter.guideline.hepatitis_status import antitumour, under_therapy
from adapter.guideline.model import Finding
from adapter.guideline.treatment import course
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest, latest
from adapter.values import Interval, Truth

TOPIC = "ctcae"
STATEMENTS = ("C24-s3.6", "C24-17")
WITH_BASELINE = ("alt", "ast", "bilirubin_total", "alp", "ggt")
FALLING = ("platelets", "neutrophils_abs", "lymphocytes_abs", "wbc", "hemoglobin", "albumin")
GRADED = (*WITH_BASELINE, *FALLING, "creatinine", "ck", "inr", "urine_protein_24h")
_GRADES = ("1", "2", "3", "4")


class Graded(msgspec.Struct, frozen=True):
    """One laboratory value with its grade (0: none, None: not decided)."""

    concept: str
    grade: int | None
    found: Latest[Measurement]
    notes: tuple[str, ...] = ()


def grades(case: Case) -> tuple[Graded, ...]:
    """The grade of every graded laboratory test with a fresh value since therapy began."""
    if not case.once(under_therapy):
        return ()
    start = min((first for first, _ in case.once(antitumour)), default=case.day)
    return tuple(g for concept in GRADED if (g := graded(case, concept, start)) is not None)


def findings(case: Case) -> Iterator[Finding]:
    """One finding per graded test; its cause is the concept key."""
    for one in case.once(grades):
        if one.grade == 0:
            continue
        outcome = "unknown" if one.grade is None else f"grade-{one.grade}"
        status = Truth.UNKNOWN if one.grade is None else Truth.MET
        newest = one.found.newest
        yield case.finding(
            "toxicity.ctcae",
            outcome,
            STATEMENTS,
            [criterion(one.concept, status, one.found, notes=one.notes)],
            cause=one.concept,
            notes=one.notes,
            at=newest.when.iso if newest else "",
            preliminary=any(f.preliminary for f in one.found.facts),
        )


def graded(case: Case, concept: str, start: int) -> Graded | None:
    """The grade of a test by its newest fresh value later than `start` (ordinal); None without one."""
    facts = [m for m in case.view.measurements(concept) if m.when.first > start]
    found = latest(facts, case.unusable(concept), case.day, case.window("labs"))
    if not found.fresh:
        return None
    each = [_grade(case, concept, fact) for fact in found.facts]
    notes = tuple(dict.fromkeys(note for _, ns in each for note in ns))
    values = {g for g, _ in each}
    if len(values) == 1:
        return Graded(concept, values.pop(), found, notes)
    known = [g for g in values if g is not None]
    # Two values at one instant: the worse one decides an alert; an imprecise date leaves it open.
    grade = max(known) if found.contradiction and known else None
    return Graded(concept, grade, found, notes)


def _grade(case: Case, concept: str, fact: Measurement) -> tuple[int | None, tuple[str, ...]]:
    limits = case.normal(fact)
    notes = ("assumed-uln",) if limits.assumed else ()
    if concept in FALLING:
        low = None if limits.low is None else fact.value.below(limits.low)
        return _falling(case, concept, fact.value, low), notes
    over = None if not limits.high else fact.value.divided(limits.high)
    if concept in WITH_BASELINE:
        return _against_baseline(case, concept, fact, over, notes)
    if concept == "creatinine":
        return _creatinine(case, fact, over, notes)
    if concept == "inr":
        return _highest(case, "inr-above", fact.value), ()
    if concept == "ck":
        return (None if over is None else _highest(case, "ck-uln", over)), notes
    return _proteinuria(case, fact, over, notes)


def _highest(case: Case, prefix: str, value: Interval) -> int | None:
    """The highest grade whose bound is reached; None when a bound is not decided."""
    for grade in reversed(_GRADES):
        if not case.policy.thresholds.has(TOPIC, f"{prefix}-{grade}"):
            continue
        reached = case.limit(TOPIC, f"{prefix}-{grade}").reached(value)
        if reached is Truth.UNKNOWN:
            return None
        if reached is Truth.MET:
            return int(grade)
    return 0


def _falling(case: Case, concept: str, value: Interval, below_normal: Truth | None) -> int | None:
    for grade in reversed(_GRADES):
        if not case.policy.thresholds.has(TOPIC, f"{concept}-below-{grade}"):
            continue
        below = value.below(case.limit(TOPIC, f"{concept}-below-{grade}").value)
        if below is Truth.UNKNOWN:
            return None
        if below is Truth.MET:
            return int(grade)
    if below_normal is None or below_normal is Truth.UNKNOWN:
        return None
    return 1 if below_normal is Truth.MET else 0


def baseline_value(case: Case, concept: str) -> Measurement | None:
    """The last value on or before conversion start, within the baseline window."""
    start = case.once(course).start
    if start is None:
        return None
    first = start - case.limit(TOPIC, "baseline-days").days
    values = [m for m in case.view.measurements(concept) if first <= m.when.first and m.when.last <= start]
    return values[-1] if values else None


def _against_baseline(
    case: Case, concept: str, fact: Measurement, over: Interval | None, notes: tuple[str, ...]
) -> tuple[int | None, tuple[str, ...]]:
    """Multiples of the upper limit, or of an abnormal baseline."""
    base = baseline_value(case, concept)
    number = base.value.number if base else None
    upper = case.normal(base).high if base else None
    if base is None or not number or upper is None:
        return (None if over is None else _highest(case, f"{concept}-uln", over)), (*notes, "baseline-unknown")
    if number > upper:
        multiple = fact.value.divided(number)
        return _highest(case, f"{concept}-baseline", multiple), (*notes, "baseline-abnormal")
    return (None if over is None else _highest(case, f"{concept}-uln", over)), notes


def _creatinine(
    case: Case, fact: Measurement, over: Interval | None, notes: tuple[str, ...]
) -> tuple[int | None, tuple[str, ...]]:
    """The higher of the grades by upper limit and by baseline."""
    by_limit = None if over is None else _highest(case, "creatinine-uln", over)
    base = baseline_value(case, "creatinine")
    number = base.value.number if base else None
    if not number:
        return by_limit, (*notes, "baseline-unknown")
    by_baseline = _highest(case, "creatinine-baseline", fact.value.divided(number))
    known = [g for g in (by_limit, by_baseline) if g is not None]
    return (max(known) if len(known) == 2 else None), notes


def _proteinuria(
    case: Case, fact: Measurement, over: Interval | None, notes: tuple[str, ...]
) -> tuple[int | None, tuple[str, ...]]:
    grade = _highest(case, "urine_protein_24h-from", fact.value)
    if grade == 0 and over is not None:
        at_limit = over.at_least(1)
        return (None if at_limit is Truth.UNKNOWN else int(at_limit is Truth.MET)), notes
    return (None if grade == 0 and over is None else grade), notes
