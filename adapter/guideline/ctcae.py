"""CTCAE v5.0 grades of laboratory values under antitumour therapy (guideline.md 3.10, the dictionary's table)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec

from adapter.guideline.case import Case, criterion
from adapter.guideline.hepatitis_status import antitumour, under_therapy
from adapter.guideline.model import Finding
from adapter.guideline.thresholds import Limit, Thresholds
from adapter.guideline.treatment import course, last_exposed
from adapter.timeline.events import Coded, Measurement
from adapter.timeline.latest import Latest, latest
from adapter.values import Interval, Truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "ctcae"
STATEMENTS = ("C24-s3.6", "C24-17")
WITH_BASELINE = ("alt", "ast", "bilirubin_total", "alp", "ggt")
FALLING = ("platelets", "neutrophils_abs", "lymphocytes_abs", "wbc", "hemoglobin", "albumin")
PROTEIN, STRIP = "urine_protein_24h", "urine_protein_dipstick"
GRADED = (*WITH_BASELINE, *FALLING, "creatinine", "ck", "inr", PROTEIN)
_GRADES = ("1", "2", "3", "4")
Range = tuple[int, int]


class Graded(msgspec.Struct, frozen=True, gc=False):
    """One laboratory value with the grades that stay possible (0: none)."""

    concept: str
    least: int
    most: int
    found: Latest[Measurement] | Latest[Coded]
    notes: tuple[str, ...] = ()

    @property
    def grade(self) -> int | None:
        """The grade, when it is decided."""
        return self.least if self.least == self.most else None


def grades(case: Case) -> tuple[Graded, ...]:
    """The grade of every graded laboratory test with a fresh value since therapy began."""
    if not case.once(under_therapy):
        return ()
    start = therapy_start(case)
    found = [g for concept in GRADED if (g := graded(case, concept, start)) is not None]
    strip = None if any(g.concept == PROTEIN for g in found) else _dipstick(case, start)
    return tuple([*found, strip] if strip is not None else found)


def therapy_start(case: Case) -> int:
    """The first day of antitumour therapy (ordinal)."""
    return min((first for first, _ in case.once(antitumour)), default=case.day)


def findings(case: Case) -> Iterator[Finding]:
    """One finding per graded test; its cause is the concept key."""
    for one in case.once(grades):
        grade = one.grade
        if grade == 0:
            continue
        outcome = "unknown" if grade is None else f"grade-{grade}"
        status = UNKNOWN if grade is None else MET
        newest = one.found.newest
        doubt = (f"at-least: {one.least}",) if grade is None and one.least else ()
        yield case.finding(
            "toxicity.ctcae",
            outcome,
            STATEMENTS,
            [criterion(one.concept, status, one.found, notes=(*one.notes, *doubt))],
            cause=one.concept,
            notes=(*one.notes, *doubt),
            at=newest.when.iso if newest else "",
            preliminary=any(f.preliminary for f in one.found.facts),
        )


def graded(case: Case, concept: str, start: int) -> Graded | None:
    """The grade of a test by its newest fresh value later than `start` (ordinal); None without one."""
    facts = case.view.measurements(concept)
    if not facts:
        return None
    if facts[-1].when.first > start:
        known = case.once(_by_newest)
        if concept not in known:
            known[concept] = _graded(case, concept, facts)
        return known[concept]
    # A partial date that reaches back before the therapy may be a value of before it.
    found = _graded(case, concept, [m for m in facts if m.when.last > start])
    return None if found is None else msgspec.structs.replace(found, least=0)


def _by_newest(_: Case) -> dict[str, Graded | None]:
    """The tests whose newest value was graded, each once."""
    return {}


def _graded(case: Case, concept: str, facts: Sequence[Measurement]) -> Graded | None:
    found = latest(facts, case.unusable(concept), case.day, case.timeline.reach, case.window("labs"))
    if not found.fresh:
        return None
    if len(found.facts) == 1:
        (least, most), notes = grade_of(case, concept, found.facts[0])
        return Graded(concept, least, most, found, notes)
    each = [grade_of(case, concept, fact) for fact in found.facts]
    notes = tuple(dict.fromkeys(note for _, ns in each for note in ns))
    least, most = _together([r for r, _ in each], found.contradiction)
    return Graded(concept, least, most, found, notes)


def _together(ranges: list[Range], contradiction: bool) -> Range:
    """Of two values at one instant the worse one decides; dates too imprecise to order them leave both possible."""
    if len(ranges) == 1:
        return ranges[0]
    lows = [low for low, _ in ranges]
    return (max(lows) if contradiction else min(lows)), max(high for _, high in ranges)


def _dipstick(case: Case, start: int) -> Graded | None:
    """Proteinuria by the strip, where no 24-hour collection takes precedence."""
    facts = [w for w in case.view.coded(STRIP) if w.when.first > start]
    if not facts:
        return None
    found = latest(facts, case.unusable(STRIP), case.day, case.timeline.reach, case.window("labs"))
    if not found.fresh:
        return None
    each = [strip_grade(case, w) for w in found.facts]
    return Graded(STRIP, *_together([(grade, grade) for grade in each], found.contradiction), found)


def strip_grade(case: Case, word: Coded) -> int:
    """The grade of a strip's word; negative and trace have none."""
    name = f"{STRIP}-{word.value}"
    return case.limit(TOPIC, name).days if case.policy.thresholds.has(TOPIC, name) else 0


def grade_of(case: Case, concept: str, fact: Measurement) -> tuple[Range, tuple[str, ...]]:
    """The grades that one value leaves possible, with notes on how it was graded."""
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
        return _clotting(case, fact)
    if concept == "ck":
        return _highest(case, "ck-uln", over), notes
    return _proteinuria(case, fact, over), notes


class Ladder(msgspec.Struct, frozen=True, gc=False):
    """The bounds of a test by grade, highest grade first; between which numbers all of them lie."""

    rungs: tuple[tuple[int, Limit], ...]
    lowest: Decimal
    highest: Decimal


@lru_cache(maxsize=512)
def _ladder(thresholds: Thresholds, prefix: str) -> Ladder:
    names = [(int(grade), f"{prefix}-{grade}") for grade in reversed(_GRADES)]
    rungs = tuple((grade, thresholds.limit(TOPIC, name)) for grade, name in names if thresholds.has(TOPIC, name))
    bounds = [limit.value for _, limit in rungs]
    return Ladder(rungs, min(bounds, default=Decimal(0)), max(bounds, default=Decimal(0)))


def _highest(case: Case, prefix: str, value: Interval | None) -> Range:
    """The grades whose bound is, or may be, reached; all of them without a value."""
    ladder = _ladder(case.policy.thresholds, prefix)
    if value is not None and value.high is not None and value.high < ladder.lowest:
        return 0, 0  # as most values are: no rung needs a look
    most = 0
    for grade, limit in ladder.rungs:
        reached = UNKNOWN if value is None else limit.reached(value)
        if reached is not NOT_MET:
            most = max(most, grade)
        if reached is MET:
            return grade, most
    return 0, most


def _falling(case: Case, concept: str, value: Interval, below_normal: Truth | None) -> Range:
    ladder = _ladder(case.policy.thresholds, f"{concept}-below")
    most = 0
    if value.low is None or value.low < ladder.highest:  # else no rung needs a look
        for grade, limit in ladder.rungs:
            below = value.below(limit.value)
            if below is not NOT_MET:
                most = max(most, grade)
            if below is MET:
                return grade, most
    low = below_normal if below_normal is not None else UNKNOWN
    return int(low is MET), max(most, int(low is not NOT_MET))


def baselines(case: Case) -> dict[str, Latest[Measurement]]:
    """Of every test the last value on or before conversion start, within the baseline window."""
    start = case.once(course).start
    if start is None:
        return {concept: Latest() for concept in GRADED}
    first = start - case.limit(TOPIC, "baseline-days").days
    found: dict[str, Latest[Measurement]] = {}
    for concept in GRADED:
        values = []
        for fact in case.view.measurements(concept):
            if fact.when.first > start:
                break  # sorted by time: none of those that follow is of before it
            if fact.when.last <= start and first <= fact.when.first:
                values.append(fact)
        found[concept] = latest(values, (), start, case.timeline.reach)
    return found


def _against_baseline(
    case: Case, concept: str, fact: Measurement, over: Interval | None, notes: tuple[str, ...]
) -> tuple[Range, tuple[str, ...]]:
    """Multiples of the upper limit, or of an abnormal baseline; without a baseline by the upper limit."""
    base = case.once(baselines)[concept]
    each, abnormal = [], False
    for known in base.facts:
        upper = case.normal(known).high
        if upper is None:
            continue
        if known.value.at_most(upper) is MET:
            each.append(_highest(case, f"{concept}-uln", over))
        else:
            abnormal = True
            each.append(_highest(case, f"{concept}-baseline", _multiple(fact, known)))
    if not each:
        return _highest(case, f"{concept}-uln", over), (*notes, "baseline-unknown")
    return _together(each, base.contradiction), (*notes, "baseline-abnormal") if abnormal else notes


def _multiple(fact: Measurement, base: Measurement) -> Interval | None:
    """A value over its baseline; None when the baseline is no single number."""
    number = base.value.number
    return fact.value.divided(number) if number else None


def _creatinine(
    case: Case, fact: Measurement, over: Interval | None, notes: tuple[str, ...]
) -> tuple[Range, tuple[str, ...]]:
    """The higher of the grades by upper limit and by baseline."""
    by_limit, base = _highest(case, "creatinine-uln", over), case.once(baselines)["creatinine"]
    if base.missing:
        return by_limit, (*notes, "baseline-unknown")
    by_base = _together(
        [_highest(case, "creatinine-baseline", _multiple(fact, b)) for b in base.facts], base.contradiction
    )
    return (max(by_limit[0], by_base[0]), max(by_limit[1], by_base[1])), notes


def _clotting(case: Case, fact: Measurement) -> tuple[Range, tuple[str, ...]]:
    """INR by its value, on anticoagulation by multiples of the baseline."""
    day = fact.when.first
    given = [e for e in case.view.of_group("anticoagulant") if e.start.first <= day <= last_exposed(case, e)]
    if not given:
        return _highest(case, "inr-above", fact.value), ()
    base = case.once(baselines)["inr"]
    if base.missing:
        return _highest(case, "inr-above", fact.value), ("anticoagulated", "baseline-unknown")
    ranges = [_highest(case, "inr-baseline", _multiple(fact, b)) for b in base.facts]
    return _together(ranges, base.contradiction), ("anticoagulated",)


def _proteinuria(case: Case, fact: Measurement, over: Interval | None) -> Range:
    """By the 24-hour amount; grade 1 from the upper limit of normal."""
    low, high = _highest(case, f"{PROTEIN}-from", fact.value)
    at_limit = UNKNOWN if over is None else over.at_least(1)
    return max(low, int(at_limit is MET)), max(high, int(at_limit is not NOT_MET))
