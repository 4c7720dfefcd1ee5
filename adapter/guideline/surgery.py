"""Readiness for sequential surgery (guideline.md 3.8; C24-8, C24-9, C24-10, C21-10, C21-11, C21-fig2)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.adverse_events import unresolved
from adapter.guideline.case import Case, criterion
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.ehm_control import ehm_criterion
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.remnant import remnant_criterion
from adapter.guideline.response import PD, responses
from adapter.guideline.response_findings import evaluations_incomplete, latest_criterion, latest_unusable
from adapter.guideline.surgery_routes import routes
from adapter.guideline.treatment import course, planned_operations
from adapter.timeline.latest import latest
from adapter.values import Truth, all_of, any_of, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "surgery"
STATEMENTS = ("C24-8", "C24-9", "C24-fig1c", "C21-10", "C21-fig2")
READY, NOT_READY, CONTRAINDICATED, INDETERMINATE = "ready", "not-ready", "contraindicated", "indeterminate"
_OUTCOMES = {MET: READY, NOT_MET: NOT_READY, UNKNOWN: INDETERMINATE}
_EXTENDED = ("C24-10", "C24-14", "C24-13", "C24-s3.1")
ICG, ECOG, ASA = "icg_r15", "ecog_ps", "asa_class"
INFLOW, BILE_DUCT = "inflow_outflow_preserved", "bile_duct_intact"
_NUMBERS, _WORDS = (ICG, ASA, ECOG), (INFLOW, BILE_DUCT)


class Readiness(msgspec.Struct, frozen=True, gc=False):
    """The outcome with its criteria: routes (one is enough), technical ones (all), the rest (all)."""

    outcome: str
    routes: tuple[Criterion, ...]
    technical: tuple[Criterion, ...]
    others: tuple[Criterion, ...]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """All of them, in the order in which they are told."""
        return (*self.others, *self.routes, *self.technical)


def findings(case: Case) -> Iterator[Finding]:
    """`surgery.readiness`."""
    found = case.once(judged)
    if found is None:
        return
    planned = bool(case.once(planned_operations))
    failed = any(c.status is NOT_MET for c in found.technical)
    kind, severity = _weight(found.outcome, planned, failed)
    yield case.finding(
        "surgery.readiness",
        found.outcome,
        (*STATEMENTS, *_EXTENDED),
        found.criteria,
        kind=kind,
        severity=severity,
        evidence=[p.source for p in case.once(planned_operations)],
        routes=tuple(c.code for c in found.routes if c.status is MET),
        open=_deciding(found, UNKNOWN),
        against=_deciding(found, NOT_MET),
        advice=_advice(found),
    )


def readiness(case: Case) -> str | None:
    """The outcome of `surgery.readiness`, None where it is not reported."""
    found = case.once(judged)
    return None if found is None else found.outcome


def judged(case: Case) -> Readiness | None:
    """Readiness at as-of, once an evaluation exists or a hepatectomy is planned after conversion start."""
    if not under_conversion(case) or case.once(course).start is None:
        return None
    known = case.once(responses)
    if not known.all and not case.once(planned_operations) and not evaluations_incomplete(case):
        return None
    ways, technical, others = tuple(routes(case)), tuple(_technical(case)), tuple(_others(case))
    decided = known.decided
    if decided and decided[-1].mrecist.outcome == PD:
        return Readiness(CONTRAINDICATED, ways, technical, others)
    together = all_of((any_of(c.status for c in ways), *(c.status for c in (*technical, *others))))
    return Readiness(_OUTCOMES[together], ways, technical, others)


def ever_ready(case: Case) -> bool:
    """Whether a day up to as-of can have been `ready`: every technical criterion has a record."""
    view = case.view
    return all(view.measurements(c) for c in _NUMBERS) and all(view.coded(c) for c in _WORDS)


def surely_ready(case: Case) -> bool:
    """Whether the outcome is `ready`, asking the cheap criteria first: most earlier days fail one of them."""
    if any(c.status is not MET for c in _technical_parts(case)):
        return False
    return case.once(readiness) == READY


def _weight(outcome: str, planned: bool, failed: bool) -> tuple[str | None, str | None]:
    """Kind and severity where the catalogue makes them depend on a planned hepatectomy."""
    if outcome == NOT_READY:
        return ("issue", "critical" if failed else "warning") if planned else ("assessment", "info")
    if outcome == CONTRAINDICATED:
        return None, "critical" if planned else "warning"
    if outcome == INDETERMINATE:
        return None, "warning" if planned else "info"
    return None, None


def _deciding(found: Readiness, status: Truth) -> tuple[str, ...]:
    """Criteria of a status that keep surgery waiting; routes only while none of them is met."""
    way = any(c.status is MET for c in found.routes)
    return tuple(c.code for c in found.criteria if c.status is status and not (way and c in found.routes))


def _advice(found: Readiness) -> tuple[str, ...]:
    plateau = any(c.code == "route-plateau" and c.status is MET for c in found.routes)
    return ("advice-plateau",) if plateau else ()


def _technical(case: Case) -> list[Criterion]:
    recorded = list(_technical_parts(case))
    return [child_pugh_a_b(case), remnant_criterion(case), *recorded]


def _technical_parts(case: Case) -> Iterator[Criterion]:
    """The technical criteria that rest on one record each."""
    yield _icg(case)
    yield _recorded(case, "inflow-outflow-preserved", INFLOW)
    yield _recorded(case, "bile-duct-intact", BILE_DUCT)
    yield _at_most(case, "ecog-0-1", ECOG, "performance-status", "ecog-most")
    yield _at_most(case, "asa-up-to-3", ASA, "asa", "asa-most")


def child_pugh_a_b(case: Case) -> Criterion:
    """Criterion `child-pugh-a-b`, decided when the whole range of points agrees."""
    found = case.once(child_pugh)
    status = truth("C" not in found.possible) if found.value or "C" not in found.possible else UNKNOWN
    return Criterion(
        code="child-pugh-a-b",
        status=status,
        value="/".join(found.possible),
        threshold="A-B",
        at=found.at,
        evidence=found.evidence,
        notes=found.notes,
    )


def _icg(case: Case) -> Criterion:
    limit = case.limit(TOPIC, "icg-r15")
    found = case.latest_number(ICG, "icg-r15")
    status = found.favourable(lambda f: limit.kept(f.value))
    return criterion("icg-r15-below-20", status, found, threshold=f"< {limit.value} %")


def _recorded(case: Case, code: str, concept: str) -> Criterion:
    found = case.latest_word(concept, "imaging")
    status = found.favourable(lambda f: truth({"present": True, "absent": False}.get(f.value)))
    return criterion(code, status, found)


def _at_most(case: Case, code: str, concept: str, window: str, name: str) -> Criterion:
    limit = case.limit(TOPIC, name)
    found = case.latest_number(concept, window)
    return criterion(code, found.favourable(lambda f: limit.kept(f.value)), found, threshold=f"<= {limit.value}")


def _others(case: Case) -> Iterator[Criterion]:
    """What else must hold: a usable latest evaluation, control of metastasis, and the two vetoes where they forbid."""
    if case.once(latest_unusable):
        yield latest_criterion(case, "latest-evaluation", UNKNOWN)
    else:
        yield latest_criterion(case, "latest-evaluation", truth(None if evaluations_incomplete(case) else True))
    for found in (ehm_criterion(case), _adverse_events(case), _r0(case)):
        if found is not None:
            yield found


def _adverse_events(case: Case) -> Criterion | None:
    found = case.once(unresolved)
    if not found:
        return None
    return Criterion(
        code="adverse-events-resolved",
        status=NOT_MET,
        value=max((e.grade for e in found if e.grade is not None), default=None),
        unit="grade",
        threshold=f"<= grade {case.limit(TOPIC, 'adverse-event-most').days}",
        evidence=tuple(dict.fromkeys(r for e in found for r in e.sources)),
        statements=("C21-12t",),
    )


def _r0(case: Case) -> Criterion | None:
    """The surgeon's latest word since conversion start, where it forbids."""
    start = case.once(course).start or 0
    facts = [f for f in case.view.coded("surgically_resectable") if f.when.first > start]
    found = latest(facts, case.unusable("surgically_resectable"), case.day, case.timeline.reach, case.window("imaging"))
    if found.alert(lambda f: truth(f.value == "absent")) is not MET:
        return None
    return criterion("r0-feasible", NOT_MET, found, statements=("C21-fig2",))
