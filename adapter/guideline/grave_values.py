"""Laboratory values of a high CTCAE grade in a whole history, most of which one look finds harmless."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from adapter.guideline.case import Case, surely_normal
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
from adapter.timeline.events import Measurement


def grave(case: Case, least: int) -> Iterator[tuple[int, str]]:
    """Day and source of each test's newest value under therapy that surely has at least a grade."""
    spans = case.once(antitumour)
    if not spans:
        return
    window = case.limit("viral", "under-therapy").days
    for concept in GRADED:
        fact = _newest(case, concept, least, spans, window)
        if fact is not None:
            yield fact.when.first, fact.source
    strips = [w for w in case.view.coded(STRIP) if _treated(spans, w.when.first, window)]
    yield from [(w.when.first, w.source) for w in strips if strip_grade(case, w) >= least][-1:]


def _newest(case: Case, concept: str, least: int, spans: list[tuple[int, int]], window: int) -> Measurement | None:
    facts = case.view.measurements(concept)
    if not facts:
        return None
    for fact in reversed(_doubtful(case, concept, least, facts)):
        if _treated(spans, fact.when.first, window) and grade_of(case, concept, fact)[0][0] >= least:
            return fact
    return None


def _doubtful(case: Case, concept: str, least: int, facts: list[Measurement]) -> list[Measurement]:
    """Values of a test but for those that one look finds to have no such grade; it may doubt, never err."""
    if concept in FALLING and (lowest := _bound(case, f"{concept}-below-{least}")) is not None:
        return [m for m in facts if m.value.low is None or m.value.low < lowest]
    if concept in WITH_BASELINE:
        usual = case.normal_of(concept).high
        return [m for m in facts if not surely_normal(m, usual)]
    if concept == "creatinine" and (multiple := _bound(case, f"creatinine-baseline-{least}")) is not None:
        return _creatinine(case, multiple, facts)
    free = concept == "inr" and not case.view.of_group("anticoagulant")
    if free and (highest := _bound(case, f"inr-above-{least}")) is not None:
        return [m for m in facts if m.value.high is None or m.value.high >= highest]
    return facts


def _bound(case: Case, name: str) -> Decimal | None:
    return case.limit(TOPIC, name).value if case.policy.thresholds.has(TOPIC, name) else None


def _creatinine(case: Case, multiple: Decimal, facts: list[Measurement]) -> list[Measurement]:
    """Not within the limits, or not below the multiple of every baseline that would be such a grade."""
    usual = case.normal_of("creatinine").high
    numbers = [b.value.number for b in case.once(baselines)["creatinine"].facts]
    floor = min((n * multiple for n in numbers if n is not None), default=None)
    if floor is None:
        return [m for m in facts if not surely_normal(m, usual)]
    return [m for m in facts if not surely_normal(m, usual) or m.value.high is None or m.value.high >= floor]


def _treated(spans: list[tuple[int, int]], day: int, window: int) -> bool:
    """Whether a day lies after the begin of a treatment and at most a window after its end."""
    return any(first < day <= last + window for first, last in spans)
