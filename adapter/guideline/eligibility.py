"""Scope, potential resectability and eligibility for conversion therapy (guideline.md 3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.bleeding import no_recent_bleeding
from adapter.guideline.case import Case, criterion
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.model import Criterion, Finding, Stage
from adapter.guideline.phase import BASELINE, BEFORE_SURGERY, phase
from adapter.guideline.staging import NOTHING, baseline_cnlc, cnlc
from adapter.guideline.treatment import ordered
from adapter.values import Truth, all_of, truth, whole_years
from adapter.values.truth import MET, NOT_MET, UNKNOWN

SCOPE = ("C24-3", "C24-fig1a")
RESECTABILITY = ("C21-1", "C21-16")
CONVERSION = ("C24-5", "C24-fig1a")
_ADVANCED = frozenset({"IIIa", "IIIb"})
_TERMINAL = "IV"
_EARLY = frozenset({"Ia", "Ib", "IIa"})
_MIDDLE = frozenset({"IIb", "IIIa"})


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic that apply."""
    if case.once(phase) not in BEFORE_SURGERY:
        return
    yield _scope_finding(case)
    if case.once(phase) != BASELINE:
        return
    found = _resectability_finding(case)
    if found is not None:
        yield found
    if case.once(scope) != "out-of-scope":
        yield case.once(conversion)


def initial_stage(case: Case) -> Stage:
    """CNLC at conversion start once conversion has started, else now."""
    return case.once(baseline_cnlc) or case.once(cnlc)


def scope(case: Case) -> str:
    """`in-scope`, `out-of-scope` or `indeterminate` by macrovascular invasion or extrahepatic metastasis."""
    possible = set(case.once(initial_stage).possible)
    short_of_terminal = possible - {_TERMINAL}
    if short_of_terminal and short_of_terminal <= _ADVANCED:
        return "in-scope"
    return "indeterminate" if short_of_terminal & _ADVANCED else "out-of-scope"


def _stage_criterion(stage: Stage, code: str, status: Truth) -> Criterion:
    return Criterion(
        code=code,
        status=status,
        value="/".join(stage.possible),
        at=stage.at,
        evidence=stage.evidence,
        notes=stage.notes,
    )


def _scope_finding(case: Case) -> Finding:
    stage, outcome = case.once(initial_stage), case.once(scope)
    status = {"in-scope": MET, "out-of-scope": NOT_MET}.get(outcome, UNKNOWN)
    advice = ("scope-terminal",) if stage.possible == (_TERMINAL,) else ()
    return case.finding(
        "eligibility.scope",
        outcome,
        SCOPE,
        [_stage_criterion(stage, "advanced-hcc", status)],
        stage=stage.possible,
        drivers=stage.drivers,
        advice=advice,
    )


def _resectability_finding(case: Case) -> Finding | None:
    stage = case.once(cnlc)
    found = case.latest_word("surgically_resectable", "imaging")
    resectable = found.favourable(lambda f: truth({"present": True, "absent": False}.get(f.value)))
    outcome = _resectability(set(stage.possible), resectable)
    if outcome is None:
        return None
    criteria = [
        _stage_criterion(stage, "stage", truth(True if len(stage.possible) == 1 else None)),
        criterion("surgically-resectable", resectable, found),
    ]
    return case.finding("eligibility.potentially-resectable", outcome, RESECTABILITY, criteria, stage=stage.possible)


def _resectability(possible: set[str], resectable: Truth) -> str | None:
    if possible <= {_TERMINAL, NOTHING}:
        return None if len(possible) == 1 else "indeterminate"
    if possible <= {"IIIb", _TERMINAL}:
        return "systemic-first"
    outcomes = {_one_resectability(stage, resectable) for stage in possible}
    return outcomes.pop() if len(outcomes) == 1 else "indeterminate"


def _one_resectability(stage: str, resectable: Truth) -> str:
    if stage == "IIIb":
        return "systemic-first"
    if resectable is UNKNOWN or stage in (_TERMINAL, NOTHING):
        return "indeterminate"
    if stage in _EARLY:
        return "resectable" if resectable is MET else "potentially-resectable"
    return "potentially-resectable" if resectable is MET else "sequential"


def conversion(case: Case) -> Finding:
    """`eligibility.conversion`: eligible only when every criterion is met and the stage is in scope."""
    criteria = [
        child_pugh_a(case),
        _ecog(case),
        _age(case),
        _survival(case),
        no_recent_bleeding(case),
    ]
    together = all_of(c.status for c in criteria)
    if together is NOT_MET:
        return _not_standard(case, criteria)
    outcome = "eligible" if together is MET and case.once(scope) == "in-scope" else "indeterminate"
    if case.once(scope) != "in-scope":
        criteria.append(_stage_criterion(case.once(initial_stage), "in-scope", UNKNOWN))
    return case.finding("eligibility.conversion", outcome, CONVERSION, criteria)


def _not_standard(case: Case, criteria: list[Criterion]) -> Finding:
    orders = [*ordered(case, "ici"), *ordered(case, "aatd")]
    return case.finding(
        "eligibility.conversion",
        "not-standard",
        CONVERSION,
        criteria,
        kind="issue" if orders else "assessment",
        severity="warning" if orders else "info",
        evidence=[p.source for p in orders],
        ordered=tuple(sorted({p.what for p in orders})),
        advice=("conversion-ordered",) if orders else (),
    )


def child_pugh_a(case: Case) -> Criterion:
    """Criterion `child-pugh-a`, decided when the whole range of points agrees."""
    found = case.once(child_pugh)
    status = truth(found.value == "A") if found.value or "A" not in found.possible else UNKNOWN
    return Criterion(
        code="child-pugh-a",
        status=status,
        value="/".join(found.possible),
        threshold="A",
        at=found.at,
        evidence=found.evidence,
        notes=found.notes,
    )


def _ecog(case: Case) -> Criterion:
    limit = case.limit("eligibility", "ecog-most")
    found = case.latest_number("ecog_ps", "performance-status")
    status = found.favourable(lambda f: limit.kept(f.value))
    return criterion("ecog-0-1", status, found, threshold=f"<= {limit.value}")


def _age(case: Case) -> Criterion:
    least, most = case.limit("eligibility", "age-least"), case.limit("eligibility", "age-most")
    birth = case.view.person.birth
    ages = None if birth is None else (whole_years(birth.last, case.day), whole_years(birth.first, case.day))
    if ages is None:
        status = UNKNOWN
    else:
        inside = {least.days <= age <= most.days for age in range(ages[0], ages[1] + 1)}
        status = truth(inside.pop() if len(inside) == 1 else None)
    return Criterion(
        code="age-18-75",
        status=status,
        value=ages[0] if ages and ages[0] == ages[1] else None,
        unit=least.unit,
        threshold=f"{least.days}-{most.days} {least.unit}",
        evidence=(case.view.person.reference,) if birth else (),
        notes=() if birth else ("missing",),
    )


def _survival(case: Case) -> Criterion:
    limit = case.limit("eligibility", "survival")
    found = case.latest_number("estimated_survival", "estimated-survival")
    status = found.favourable(lambda f: limit.reached(f.value))
    return criterion("survival-over-3-months", status, found, threshold=f"> {limit.value} {limit.unit}")
