"""First-line options and the current regimen (guideline.md 3.2; C24-4, C24-2, C21-3, C21-t1)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case
from adapter.guideline.eligibility import conversion, scope
from adapter.guideline.hepatitis_status import DRUGS, medication_incomplete, unread_since
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import BASELINE, BEFORE_SURGERY, phase
from adapter.guideline.regimen_at import Regimen, regimen_at
from adapter.guideline.treatment import local_in_course, without_local
from adapter.values import negate
from adapter.values.truth import MET, UNKNOWN

RECOMMENDED = (
    ("atezolizumab", "bevacizumab"),
    ("camrelizumab", "apatinib"),
    ("sintilimab", "bevacizumab"),
    ("pembrolizumab", "lenvatinib"),
)
OPTIONS = tuple(f"first-line-{ici}-{aatd}" for ici, aatd in RECOMMENDED)


def findings(case: Case) -> Iterator[Finding]:
    """First-line options for who is eligible, and what is given now."""
    now = case.once(phase)
    if now not in BEFORE_SURGERY:
        return
    if now == BASELINE and case.once(scope) == "in-scope" and case.once(conversion).outcome == "eligible":
        yield _first_line(case)
    current = _current(case)
    if current is not None:
        yield current


def _first_line(case: Case) -> Finding:
    return case.finding(
        "regimen.first-line",
        "consider",
        ("C24-4", "C24-s1", "C21-3", "C21-t1"),
        case.once(conversion).criteria,
        options=OPTIONS,
    )


def regimen_now(case: Case) -> Regimen:
    """The regimen at as-of."""
    return regimen_at(case, case.day)


def _current(case: Case) -> Finding | None:
    found = case.once(regimen_now)
    outcome = _outcome(found)
    if outcome != "other" and _unclear(case):
        outcome = "unknown"
    if outcome is None:
        return None
    local = case.once(local_in_course)
    in_course = Criterion(
        code="local-in-course",
        status=negate(case.once(without_local)),
        value=", ".join(sorted(local)) or None,
        evidence=tuple(sorted({p.source for done in local.values() for p in done})),
    )
    whole = Criterion(code="regimen-known", status=UNKNOWN if outcome == "unknown" else MET)
    return case.finding(
        "regimen.current",
        outcome,
        ("C24-2", "C24-4", "C21-3"),
        [whole, in_course],
        evidence=found.sources,
        drugs=(*found.ici, *found.aatd, *found.chemotherapy),
        local=found.local,
    )


def _unclear(case: Case) -> bool:
    """Drugs that cannot be read, or were not given in full: another one may belong to the regimen."""
    window = case.limit("course", "regimen-window").days
    return medication_incomplete(case) or unread_since(case, window, *DRUGS)


def _outcome(found: Regimen) -> str | None:
    if found.chemotherapy or len(found.ici) > 1 or (found.ici and len(found.aatd) > 1):
        return "other"
    if found.ici and found.aatd:
        return "recommended" if (found.ici[0], found.aatd[0]) in RECOMMENDED else "ici-plus-aatd"
    if found.ici:
        return "ici-only"
    if found.aatd:
        return "aatd-only"
    return "local-only" if found.local else None
