"""Laboratory values of a high CTCAE grade in a whole history, most of which one look finds harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from adapter.guideline.case import Case, perhaps_raised
from adapter.guideline.ctcae import (
    FALLING,
    GRADED,
    STRIP,
    TOPIC,
    WITH_BASELINE,
    baselines,
    grade_of,
    strip_grade,
)
from adapter.guideline.hepatitis_status import antitumour
from adapter.guideline.thresholds import Thresholds
from adapter.timeline.events import Measurement


def grave(case: Case, least: int) -> Iterator[tuple[int, str]]:
    """Day and source of each test's newest value under therapy that surely has at least a grade."""
    spans = case.once(antitumour)
    if not spans:
        return
    window = case.limit("viral", "under-therapy").days
    bounds = _bounds(case.policy.thresholds, least)
    for concept in GRADED:
        fact = _newest(case, concept, least, bounds.get(concept), spans, window)
        if fact is not None:
            yield fact.when.first, fact.source
    strips = [w for w in case.view.coded(STRIP) if _treated(spans, w.when.first, window)]
    yield from [(w.when.first, w.source) for w in strips if strip_grade(case, w) >= least][-1:]


def _newest(
    case: Case, concept: str, least: int, bound: Decimal | None, spans: list[tuple[int, int]], window: int
) -> Measurement | None:
    facts = case.view.measurements(concept)
    if not facts:
        return None
    for fact in reversed(_doubtful(case, concept, bound, facts)):
        if _treated(spans, fact.when.first, window) and grade_of(case, concept, fact)[0][0] >= least:
            return fact
    return None


def _doubtful(case: Case, concept: str, bound: Decimal | None, facts: Sequence[Measurement]) -> Sequence[Measurement]:
    """Values of a test but for those that one look finds to have no such grade; it may doubt, never err."""
    if concept in WITH_BASELINE:
        return case.perhaps_raised(concept)
    if bound is None:
        return facts
    if concept == "creatinine":
        return _creatinine(case, bound, facts)
    if concept == "inr":
        free = not case.view.of_group("anticoagulant")
        return [m for m in facts if m.value.high is None or m.value.high >= bound] if free else facts
    return [m for m in facts if m.value.low is None or m.value.low < bound]


@lru_cache(maxsize=16)
def _bounds(thresholds: Thresholds, least: int) -> dict[str, Decimal]:
    """The number of each test that one look asks for: a value, of creatinine a multiple of its baseline."""
    names = {concept: f"{concept}-below-{least}" for concept in FALLING}
    names |= {"creatinine": f"creatinine-baseline-{least}", "inr": f"inr-above-{least}"}
    return {c: thresholds.limit(TOPIC, name).value for c, name in names.items() if thresholds.has(TOPIC, name)}


def _creatinine(case: Case, multiple: Decimal, facts: Sequence[Measurement]) -> list[Measurement]:
    """Not within the limits, or not below the multiple of every baseline that would be such a grade."""
    usual = case.normal_of("creatinine").high
    numbers = [b.value.number for b in case.once(baselines)["creatinine"].facts]
    floor = min((n * multiple for n in numbers if n is not None), default=None)
    return perhaps_raised(facts, usual, floor)


def _treated(spans: list[tuple[int, int]], day: int, window: int) -> bool:
    """Whether a day lies after the begin of a treatment and at most a window after its end."""
    return any(first < day <= last + window for first, last in spans)
