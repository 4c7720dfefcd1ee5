"""The evaluators, listed by hand in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.guideline import eligibility, intervals
from adapter.guideline.case import Case
from adapter.guideline.model import Finding

Evaluator = Callable[[Case], Iterable[Finding]]

EVALUATORS: tuple[Evaluator, ...] = (
    eligibility.findings,
    intervals.findings,
)
