"""The evaluators, listed by hand in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.guideline import (
    adjuvant,
    eligibility,
    intervals,
    local,
    pathology,
    regimen,
    schedule,
    surveillance,
    toxicity,
    viral,
)
from adapter.guideline.case import Case
from adapter.guideline.model import Finding

Evaluator = Callable[[Case], Iterable[Finding]]

EVALUATORS: tuple[Evaluator, ...] = (
    eligibility.findings,
    regimen.findings,
    viral.findings,
    schedule.findings,
    local.findings,
    intervals.findings,
    toxicity.findings,
    pathology.findings,
    adjuvant.findings,
    surveillance.findings,
)
