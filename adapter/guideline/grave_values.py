"""Laboratory values of a high CTCAE grade in a whole history, most of which one look finds harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice

from adapter.guideline.case import Case
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
    window = case.limit("viral", "under-therapy").days
    for concept in GRADED:
        harmless = _harmless(case, concept, least)
        facts = reversed(case.view.measurements(concept))
        raised = (m for m in facts if not harmless(m) and _treated(spans, m.when.first, window))
        high = (m for m in raised if grade_of(case, concept, m)[0][0] >= least)
        yield from ((m.when.first, m.source) for m in islice(high, 1))
    strips = [w for w in case.view.coded(STRIP) if _treated(spans, w.when.first, window)]
    yield from [(w.when.first, w.source) for w in strips if strip_grade(case, w) >= least][-1:]


def _harmless(case: Case, concept: str, least: int) -> Callable[[Measurement], bool]:
    """The one look that tells that a value of a test has no such grade; it may doubt, never err."""
    if concept in FALLING and (lowest := _bound(case, f"{concept}-below-{least}")) is not None:
        return lambda m: m.value.low is not None and m.value.low >= lowest
    if concept in WITH_BASELINE:
        usual = case.normal_of(concept).high
        return lambda m: _within(m, usual)
    if concept == "creatinine" and (multiple := _bound(case, f"creatinine-baseline-{least}")) is not None:
        return _creatinine(case, multiple)
    free = concept == "inr" and not case.view.of_group("anticoagulant")
    if free and (highest := _bound(case, f"inr-above-{least}")) is not None:
        return lambda m: m.value.high is not None and m.value.high < highest
    return lambda _: False


def _bound(case: Case, name: str) -> Decimal | None:
    return case.limit(TOPIC, name).value if case.policy.thresholds.has(TOPIC, name) else None


def _creatinine(case: Case, multiple: Decimal) -> Callable[[Measurement], bool]:
    """Within its limits, and below the multiple of every baseline that would be such a grade."""
    usual = case.normal_of("creatinine").high
    numbers = [b.value.number for b in case.once(baselines)["creatinine"].facts]
    floor = min((n * multiple for n in numbers if n is not None), default=None)
    return lambda m: _within(m, usual) and (floor is None or (m.value.high is not None and m.value.high < floor))


def _within(fact: Measurement, usual: Decimal | None) -> bool:
    """Surely not above the value's own upper limit, or the usual one where the observation names no limits."""
    upper = usual if fact.high is None and fact.low is None else fact.high
    top = fact.value.high
    return top is not None and upper is not None and top <= upper


def _treated(spans: list[tuple[int, int]], day: int, window: int) -> bool:
    """Whether a day lies after the begin of a treatment and at most a window after its end."""
    return any(first < day <= last + window for first, last in spans)
