"""The assessment as the JSON of contract.md section 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapter.guideline.model import (
    Assessment,
    ChildPugh,
    CourseShown,
    Criterion,
    Due,
    Finding,
    Stage,
    Staging,
    Value,
)
from adapter.output.wordbook import Texts

SCHEMA = "hcc-conversion/assessment/1"


def as_json(
    assessment: Assessment,
    texts: Texts,
    *,
    rejected: Sequence[Mapping[str, Any]] = (),
    unmapped: Sequence[Mapping[str, Any]] = (),
    counts: Mapping[str, int] | None = None,
    incomplete: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Plain data ready for JSON; keys in the contract's order."""
    shown: dict[str, Any] = {
        "schema": SCHEMA,
        "patient": assessment.patient,
        "asOf": assessment.as_of,
        "edition": assessment.edition,
        "phase": assessment.phase,
        "staging": _staging(assessment.staging),
        "course": _course(assessment.course),
        "findings": [finding_json(f, texts) for f in assessment.findings],
        "rejected": [dict(r) for r in rejected],
        "unmapped": [dict(u) for u in unmapped],
        "input": dict(counts or {}),
    }
    if incomplete:
        shown["incomplete"] = [dict(i) for i in incomplete]
    if assessment.notes:
        shown["options"] = list(assessment.notes)
    return shown


def finding_json(finding: Finding, texts: Texts) -> dict[str, Any]:
    """One finding with its wording."""
    summary, detail = texts.said(finding)
    shown: dict[str, Any] = {
        "code": finding.code,
        "outcome": finding.outcome,
        "kind": finding.kind,
        "severity": finding.severity,
        "statements": list(finding.statements),
        "summary": summary,
        "detail": detail,
        "criteria": [_criterion(c, texts) for c in finding.criteria],
        "evidence": list(finding.evidence),
    }
    if finding.cause is not None:
        shown["cause"] = finding.cause
    if finding.due is not None:
        shown["due"] = _due(finding.due)
    if finding.notes:
        shown["notes"] = list(finding.notes)
    if finding.preliminary:
        shown["preliminary"] = True
    return shown


def number(value: Value) -> Value | float:
    """A Decimal as a JSON number: a whole one without a fraction."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _criterion(criterion: Criterion, texts: Texts) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "code": criterion.code,
        "status": criterion.status.value,
        "value": number(criterion.value),
        "unit": criterion.unit,
        "threshold": criterion.threshold,
        "at": criterion.at,
        "evidence": list(criterion.evidence),
        "notes": list(criterion.notes),
        "text": texts.criterion(criterion),
    }
    if criterion.statements:
        shown["statements"] = list(criterion.statements)
    return shown


def _due(due: Due) -> dict[str, str]:
    dates = {"earliest": due.earliest, "preferred": due.preferred, "latest": due.latest}
    return {name: day for name, day in dates.items() if day is not None}


def _staging(staging: Staging) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "cnlc": _stage(staging.cnlc),
        "bclc": _stage(staging.bclc),
        "childPugh": _child_pugh(staging.child_pugh),
        "baseline": {},
    }
    if staging.baseline_cnlc is not None and staging.baseline_bclc is not None:
        shown["baseline"] = {"cnlc": _stage(staging.baseline_cnlc), "bclc": _stage(staging.baseline_bclc)}
        if staging.baseline_child_pugh is not None:
            shown["baseline"]["childPugh"] = _child_pugh(staging.baseline_child_pugh)
    return shown


def _stage(stage: Stage) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "value": stage.value,
        "possible": list(stage.possible),
        "drivers": list(stage.drivers),
        "at": stage.at,
        "evidence": list(stage.evidence),
        "notes": list(stage.notes),
    }
    if stage.recorded is not None:
        shown["recorded"] = stage.recorded
        shown["discordant"] = stage.discordant
    return shown


def _child_pugh(found: ChildPugh) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "value": found.value,
        "possible": list(found.possible),
        "points": list(found.points) if found.points is not None else None,
        "parts": {name: list(points) for name, points in found.parts.items()},
        "assumed": list(found.assumed),
        "at": found.at,
        "evidence": list(found.evidence),
        "notes": list(found.notes),
    }
    if found.recorded is not None:
        shown["recorded"] = found.recorded
        shown["discordant"] = found.discordant
    return shown


def _course(course: CourseShown | None) -> dict[str, Any] | None:
    if course is None:
        return None
    return {
        "start": course.start,
        "cycles": course.cycles,
        "regimen": course.regimen,
        "local": list(course.local),
        "bestResponse": course.best_response,
        "depth": None if course.depth is None else round(float(course.depth), 4),
        "timeToResponseDays": course.time_to_response,
        "durationOfResponseDays": course.duration_of_response,
        "evaluations": [{"at": e.at, "mrecist": e.mrecist, "recist": e.recist} for e in course.evaluations],
    }
