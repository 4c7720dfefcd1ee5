"""The evaluators, listed by hand in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.guideline import (
    adjuvant,
    adverse_events,
    augmentation,
    eligibility,
    intervals,
    local,
    local_advice,
    markers,
    mdt,
    necrosis,
    pathology,
    progression_pattern,
    regimen,
    remnant,
    response_findings,
    schedule,
    surgery,
    surveillance,
    toxicity,
    transplant,
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
    response_findings.findings,
    local_advice.findings,
    necrosis.findings,
    markers.findings,
    progression_pattern.findings,
    local.findings,
    remnant.findings,
    augmentation.findings,
    surgery.findings,
    adverse_events.findings,
    transplant.findings,
    intervals.findings,
    toxicity.findings,
    pathology.findings,
    adjuvant.findings,
    surveillance.findings,
    mdt.findings,
)
