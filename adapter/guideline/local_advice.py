"""Local therapy as the next step, with its limits (guideline.md 3.5; C24-7, C24-s2.3, C21-5, C21-7)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.hepatitis_status import medication_incomplete
from adapter.guideline.local import high_portal_grade
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.regimen_at import regimen_at
from adapter.guideline.response import PD, SD, responses
from adapter.guideline.response_findings import latest_criterion, latest_outcome
from adapter.guideline.treatment import without_local
from adapter.guideline.vessels import invasion
from adapter.values import Truth, all_of, day_text, negate
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-7", "C24-fig1e")
COMBINED = "ICI+AATD"


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What limits local therapy: `named` fragments of all limits, `holding` of those that hold, and their criteria."""

    named: tuple[str, ...]
    holding: tuple[str, ...]
    criteria: tuple[Criterion, ...]


def local_limits(case: Case) -> Limits:
    """The limits of TACE, HAIC and radiotherapy at as-of."""
    vessels, liver = case.once(invasion), case.once(child_pugh)
    high, thrombus = high_portal_grade(case), vessels.vp.invaded
    unsuited = NOT_MET if "C" not in liver.possible else UNKNOWN
    if liver.possible == ("C",):
        unsuited = MET
    vp = ("/".join(vessels.vp.possible), vessels.vp.at, vessels.vp.evidence, vessels.vp.notes)
    criteria = (
        _limit("limit-tace-vp3-4", high, *vp, ("C24-s2.3",)),
        _limit("limit-haic-child-pugh-c", unsuited, "/".join(liver.possible), liver.at, liver.evidence, (), ("C21-5",)),
        _limit("limit-portal-vein-thrombus", thrombus, *vp, ("C21-5", "C21-7")),
    )
    holding = tuple(c.code for c in criteria if c.status is MET)
    return Limits(("local-limits",), holding, criteria)


def _limit(
    code: str,
    status: Truth,
    value: str,
    at: str | None,
    evidence: tuple[str, ...],
    notes: tuple[str, ...],
    statements: tuple[str, ...],
) -> Criterion:
    return Criterion(
        code=code,
        status=status,
        value=None if status is UNKNOWN else value,
        at=at,
        evidence=evidence,
        notes=notes,
        statements=statements,
    )


def findings(case: Case) -> Iterator[Finding]:
    """`response.add-local-therapy` under ICI + AATD alone without enough response."""
    if not under_conversion(case):
        return
    response, regimen, local = latest_outcome(case, SD, PD), case.once(_combined), case.once(without_local)
    together = all_of((response, regimen, local))
    if together is NOT_MET:
        return
    limits = case.once(local_limits)
    last = case.once(responses).latest
    criteria = [
        latest_criterion(case, "sd-or-pd", response),
        Criterion(code="ici-plus-aatd", status=regimen, value=_regimen_name(case)),
        Criterion(code="local-in-course", status=negate(local), evidence=_local_sources(case)),
        *limits.criteria,
    ]
    outcome = "consider" if together is MET else "unknown"
    yield case.finding(
        "response.add-local-therapy",
        outcome,
        (*STATEMENTS, "C24-s2.3", "C21-5", "C21-7"),
        criteria,
        evidence=regimen_at(case, last.day).sources if last else (),
        day=day_text(last.day) if last else None,
        response=last.mrecist.outcome if last else None,
        limits=limits.named,
        holding=limits.holding,
    )


def _local_sources(case: Case) -> tuple[str, ...]:
    return tuple(u.source for u in case.unusable("locoregional"))


def _regimen_name(case: Case) -> str | None:
    last = case.once(responses).latest
    return None if last is None else regimen_at(case, last.day).name


def _combined(case: Case) -> Truth:
    """Whether ICI and AATD together were the regimen at the latest evaluation."""
    if _regimen_name(case) == COMBINED:
        return MET
    return UNKNOWN if medication_incomplete(case) or case.unusable("ici", "aatd") else NOT_MET
