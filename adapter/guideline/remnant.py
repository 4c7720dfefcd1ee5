"""Adequacy of the future liver remnant (guideline.md 3.7; C24-9, C24-13, C21-8 and its text)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from adapter.guideline.case import Case, criterion
from adapter.guideline.liver_disease import ASSUME, chronic_liver_disease, cirrhosis
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import BEFORE_SURGERY, phase
from adapter.guideline.remnant_volumes import TOPIC, Share, remnant_share
from adapter.guideline.thresholds import Limit
from adapter.guideline.treatment import planned_operations
from adapter.values import Interval, Truth, negate
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-9", "C24-13", "C21-8t")
ADEQUATE, INSUFFICIENT = "adequate", "insufficient"
_OUTCOMES = {MET: ADEQUATE, NOT_MET: INSUFFICIENT, UNKNOWN: "unknown"}


def findings(case: Case) -> Iterator[Finding]:
    """`flr.adequacy`, a gap when nothing is recorded."""
    if case.once(phase) not in BEFORE_SURGERY:
        return
    status, planned = case.once(adequate), bool(case.once(planned_operations))
    severity = {NOT_MET: "critical" if planned else "warning", UNKNOWN: "warning" if planned else "info"}
    share = case.once(remnant_share)
    yield case.finding(
        "flr.adequacy",
        _OUTCOMES[status],
        STATEMENTS,
        [remnant_criterion(case), *_conditions(case)],
        severity=severity.get(status),
        notes=(*share.notes, *(n for n in case.once(cirrhosis).notes if n == ASSUME)),
        share=share.shown,
        bound=_bound_text(case),
        way=share.source,
    )


def adequate(case: Case) -> Truth:
    """Whether the remnant is large enough, decided when every condition that stays possible agrees."""
    share = case.once(remnant_share)
    verdicts = {_judged(share, limit.reached) for limit in case.once(bounds)}
    return verdicts.pop() if len(verdicts) == 1 else UNKNOWN


def _judged(share: Share, test: Callable[[Interval], Truth]) -> Truth:
    """Too small is an alert: the worse of two values decides, and an older one under an unusable newer one."""
    verdicts = {test(value) for value in share.values}
    if NOT_MET in verdicts and (share.contradiction or len(verdicts) == 1):
        return NOT_MET
    return MET if verdicts == {MET} and not share.blocked else UNKNOWN


def bounds(case: Case) -> tuple[Limit, ...]:
    """The bounds that stay possible, mildest first: one when cirrhosis, liver disease and ICG decide."""
    scarred, chronic = case.once(cirrhosis).status, case.once(chronic_liver_disease).status
    found: dict[str, Limit] = {}
    for has_scars, is_chronic, impaired in product(*(_worlds(t) for t in (scarred, chronic, icg_impaired(case)))):
        if has_scars and not is_chronic:
            continue
        limit = _bound(case, has_scars, is_chronic, impaired)
        found[limit.name] = limit
    return tuple(sorted(found.values(), key=lambda limit: (limit.value, limit.exclusive)))


def _worlds(status: Truth) -> tuple[bool, ...]:
    return (False, True) if status is UNKNOWN else (status is MET,)


def _bound(case: Case, has_scars: bool, is_chronic: bool, impaired: bool) -> Limit:
    """The bound of the edition for one state of the liver: the gravest that it has a number for."""
    ladder = (
        ("flr-cirrhosis-icg", has_scars and impaired),
        ("flr-cirrhosis", has_scars),
        ("flr-chronic", is_chronic),
        ("flr-normal", True),
    )
    names = [name for name, holds in ladder if holds and case.policy.thresholds.has(TOPIC, name)]
    return case.limit(TOPIC, names[0])


def icg_impaired(case: Case) -> Truth:
    """Whether ICG retention asks for the larger remnant."""
    limit = case.limit(TOPIC, "icg-impaired")
    return case.latest_number("icg_r15", "icg-r15").alert(lambda f: limit.reached(f.value))


def remnant_criterion(case: Case) -> Criterion:
    """The remnant against the bounds that stay possible."""
    share = case.once(remnant_share)
    return Criterion(
        code="flr-adequate",
        status=case.once(adequate),
        value=share.shown,
        unit="%",
        threshold=_bound_text(case),
        at=share.at,
        evidence=share.evidence,
        notes=share.notes,
    )


def _bound_text(case: Case) -> str:
    texts = [("> " if limit.exclusive else ">= ") + f"{limit.value} %" for limit in case.once(bounds)]
    return " / ".join(dict.fromkeys(texts))


def _conditions(case: Case) -> list[Criterion]:
    """What the bound depends on in this edition."""
    listed = [case.once(cirrhosis).criterion("cirrhosis")]
    if case.policy.thresholds.has(TOPIC, "flr-chronic"):
        listed.append(case.once(chronic_liver_disease).criterion("chronic-liver-disease"))
    if case.policy.thresholds.has(TOPIC, "flr-cirrhosis-icg"):
        found = case.latest_number("icg_r15", "icg-r15")
        limit = case.limit(TOPIC, "icg-impaired")
        status = negate(icg_impaired(case))
        listed.append(criterion("icg-r15-below-10", status, found, threshold=f"< {limit.value} %"))
    return listed
