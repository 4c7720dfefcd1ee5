"""Hepatitis B and C before, under and after antitumour therapy (guideline.md 3.3; C21-9 and its text)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.hepatitis_status import (
    anti_hbc,
    antitumour,
    detectable,
    done_lately,
    done_within,
    given_lately,
    given_within,
    hbsag_negative,
    hbv,
    hcv,
    in_force,
    medication_incomplete,
    therapy_ahead,
    therapy_sources,
    therapy_status,
    under_therapy,
    unread_since,
)
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import ADJUVANT, BEFORE_SURGERY, phase
from adapter.guideline.treatment import after_operation, course, ordered, planned_operations, valid_plans
from adapter.timeline.events import Coded, Measurement
from adapter.values import Truth, all_of, any_of, day_text, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "viral"
STATEMENTS = ("C21-9",)
_REACTIVATING = ("tace", "haic", "chemotherapy")
_TESTS = (("hbsag", ("hbsag", "hbsag_quant")), ("anti-hbc", ("anti_hbc_total",)), ("anti-hcv", ("anti_hcv",)))


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic that apply, in every phase but death and no HCC."""
    steps = (screening, antiviral, dna_under_ici, monitoring, dna_before_surgery, hepatitis_c)
    for step in steps:
        found = step(case)
        if found is not None:
            yield found


def screening(case: Case) -> Finding | None:
    """`viral.screening`: whether all three tests were ever done."""
    before = not case.once(antitumour) and case.once(phase) in BEFORE_SURGERY
    asked = any_of((truth(before), case.once(therapy_status)))
    if asked is NOT_MET:
        return None
    criteria = [_tested(case, code, concepts) for code, concepts in _TESTS]
    together = all_of([c.status for c in criteria] if asked is MET else [asked])
    if asked is UNKNOWN:
        criteria.append(_criterion_known("under-therapy", asked, ()))
    outcome = {MET: "complete", NOT_MET: "incomplete"}.get(together, "unknown")
    return case.finding("viral.screening", outcome, STATEMENTS, criteria)


def _tested(case: Case, code: str, concepts: tuple[str, ...]) -> Criterion:
    facts: list[Coded | Measurement] = []
    for concept in concepts:
        facts += case.view.coded(concept)
    for concept in concepts:
        facts += case.view.measurements(concept)
    if not facts:
        unusable = case.unusable(*concepts)
        doubtful = bool(unusable) or "Observation" in case.view.incomplete
        status = UNKNOWN if doubtful else NOT_MET
        return Criterion(code=code, status=status, evidence=tuple(u.source for u in unusable))
    start = max([f.when.start for f in facts])
    newest = max([f for f in facts if f.when.start == start], key=lambda f: repr(f.value))
    return Criterion(
        code=code,
        status=MET,
        value=newest.value if isinstance(newest, Coded) else None,
        at=newest.when.iso,
        evidence=(newest.source,),
    )


def antiviral(case: Case) -> Finding | None:
    """`viral.hbv-antiviral`: treatment of known hepatitis B, prophylaxis in resolved infection."""
    known = case.once(hbv)
    if known.status is MET:
        return _treated(case)
    if known.status is UNKNOWN:
        return case.finding(
            "viral.hbv-antiviral", "unknown", STATEMENTS, [_criterion_known("hbv-known", known.status, known.evidence)]
        )
    return _prophylaxis(case)


def _criterion_known(code: str, status: Truth, evidence: tuple[str, ...]) -> Criterion:
    return Criterion(code=code, status=status, evidence=evidence)


def _nuc(case: Case) -> tuple[Criterion, bool]:
    found = in_force(case, "nuc")
    tested = Criterion(
        code="antiviral-active",
        status=found.status,
        value=", ".join(sorted({e.drug for e in found.active})) or None,
        evidence=found.evidence,
        notes=found.notes,
    )
    return tested, any("nuc_preferred" in e.groups for e in found.active)


def _treated(case: Case) -> Finding:
    known = case.once(hbv)
    tested, preferred = _nuc(case)
    criteria = [_criterion_known("hbv-known", known.status, known.evidence), tested]
    if tested.status is MET:
        return case.finding("viral.hbv-antiviral", "active" if preferred else "non-preferred", STATEMENTS, criteria)
    if tested.status is UNKNOWN:
        return case.finding("viral.hbv-antiviral", "unknown", STATEMENTS, criteria)
    grave = bool(case.once(antitumour)) or therapy_ahead(case)
    evidence = case.once(therapy_sources) if grave else ()
    return case.finding(
        "viral.hbv-antiviral",
        "missing",
        STATEMENTS,
        criteria,
        kind="issue",
        severity="critical" if grave else "warning",
        evidence=evidence,
        notes=tested.notes,
    )


def _prophylaxis(case: Case) -> Finding | None:
    """HBsAg negative, anti-HBc positive, and TACE, HAIC or chemotherapy lately or ahead."""
    core = case.once(anti_hbc)
    if core.status is NOT_MET or not case.once(hbsag_negative):
        return None
    therapy = _embolised_or_chemo(case)
    together = all_of((core.status, therapy))
    if together is NOT_MET:
        return None
    tested, _ = _nuc(case)
    negative = case.latest_word("hbsag").sources
    criteria = [
        _criterion_known("anti-hbc-positive", core.status, (*core.evidence, *negative)),
        _criterion_known("reactivating-therapy", therapy, case.once(therapy_sources)),
        tested,
    ]
    if together is UNKNOWN or tested.status is UNKNOWN:
        return case.finding("viral.hbv-antiviral", "unknown", STATEMENTS, criteria)
    outcome = "active" if tested.status is MET else "prophylaxis-missing"
    return case.finding("viral.hbv-antiviral", outcome, STATEMENTS, criteria, notes=tested.notes)


def _embolised_or_chemo(case: Case) -> Truth:
    """TACE, HAIC or chemotherapy lately or ahead; unreadable or missing records leave it open."""
    window = case.limit(TOPIC, "prophylaxis").days
    ahead = any(valid_plans(case, group) for group in _REACTIVATING)
    done = [p for group in _REACTIVATING for p in case.view.done(group)]
    given = given_lately(case, case.view.of_group("chemotherapy"), window)
    unclear = medication_incomplete(case) or "Procedure" in case.view.incomplete
    unclear = unclear or unread_since(case, window, *_REACTIVATING)
    return any_of((truth(ahead), given, done_lately(case, done, window), truth(None if unclear else False)))


def dna_under_ici(case: Case) -> Finding | None:
    """`viral.hbv-dna-ici`: a high or unknown viral load under, or before, an immune checkpoint inhibitor."""
    window = case.limit(TOPIC, "under-therapy").days
    unclear = medication_incomplete(case) or unread_since(case, window, "ici")
    given = [(e.source, given_within(case, e, window)) for e in case.view.of_group("ici")]
    orders = ordered(case, "ici")
    treated = any_of((truth(bool(orders)), *[verdict for _, verdict in given], truth(None if unclear else False)))
    if treated is NOT_MET:
        return None
    limit = case.limit(TOPIC, "dna-high")
    found = case.latest_number("hbv_dna", "viral-load")
    high = found.alert(lambda f: limit.reached(f.value))
    outcome = _dna_outcome(case, found.missing and not found.blocked, high)
    if outcome is None:
        return None
    tested = criterion("hbv-dna-above-2000", high, found, threshold=f"> {limit.value} {limit.unit}")
    sources = [source for source, verdict in given if verdict is not NOT_MET]
    return case.finding(
        "viral.hbv-dna-ici",
        outcome if treated is MET else "unknown",
        STATEMENTS,
        [tested] if treated is MET else [_criterion_known("under-therapy", treated, ()), tested],
        evidence=sources + [p.source for p in orders],
    )


def _dna_outcome(case: Case, never: bool, verdict: Truth) -> str | None:
    if verdict is MET:
        return "caution"
    if never and case.once(hbv).status is NOT_MET:
        return None
    return None if verdict is NOT_MET else "unknown"


def dna_before_surgery(case: Case) -> Finding | None:
    """`viral.hbv-dna-surgery`: detectable HBV DNA before a planned hepatectomy."""
    plans = case.once(planned_operations)
    if not plans:
        return None
    found = case.latest_number("hbv_dna", "viral-load")
    verdict = found.alert(detectable)
    if verdict is NOT_MET or (verdict is UNKNOWN and case.once(hbv).status is NOT_MET):
        return None
    outcome = "caution" if verdict is MET else "unknown"
    tested = criterion("hbv-dna-detectable", verdict, found, threshold="> 0")
    return case.finding("viral.hbv-dna-surgery", outcome, STATEMENTS, [tested], evidence=[p.source for p in plans[:1]])


def monitoring(case: Case) -> Finding | None:
    """`viral.hbv-monitoring`: HBV DNA, ALT and, in the HBsAg-negative, HBsAg under antitumour therapy."""
    known = any_of((case.once(hbv).status, case.once(anti_hbc).status))
    treated = case.once(therapy_status)
    if NOT_MET in (known, treated):
        return None
    if UNKNOWN in (known, treated):
        preconditions = [_criterion_known("hbv-known", known, ()), _criterion_known("under-therapy", treated, ())]
        return case.finding("viral.hbv-monitoring", "unknown", STATEMENTS, preconditions)
    window = case.limit(TOPIC, "monitoring").days
    tests = [("hbv_dna", _last_day(case, "hbv_dna", "hbv_dna_copies")), ("alt", _last_day(case, "alt"))]
    if case.once(hbsag_negative):
        tests.append(("hbsag", _last_day(case, "hbsag", "hbsag_quant")))
    criteria = [_monitored(case, code, last, window) for code, last in tests]
    together = all_of(c.status for c in criteria)
    due = min((last.when.first if last else _therapy_start(case)) + window for _, last in tests)
    return case.finding(
        "viral.hbv-monitoring",
        {MET: "on-time", NOT_MET: "overdue"}.get(together, "unknown"),
        STATEMENTS,
        criteria,
        evidence=case.once(therapy_sources),
        due=Due(latest=day_text(due)),
    )


def _last_day(case: Case, *concepts: str) -> Coded | Measurement | None:
    """The newest value; an imprecise one by the earliest day that it can have."""
    facts: list[Coded | Measurement] = []
    for concept in concepts:
        facts += case.view.measurements(concept)
    for concept in concepts:
        facts += case.view.coded(concept)
    day = max([f.when.first for f in facts], default=None)
    return max([f for f in facts if f.when.first == day], key=lambda f: (f.concept, repr(f.value)), default=None)


def _therapy_start(case: Case) -> int:
    """The first exposure of the course; in the adjuvant phase its first dose."""
    if case.once(phase) == ADJUVANT:
        given = [*after_operation(case, "ici"), *after_operation(case, "aatd")]
        return min((e.start.first for e in given), default=case.day)
    start = case.once(course).start
    first = min((begin for begin, _ in case.once(antitumour)), default=case.day)
    return first if start is None else min(first, start)


def _monitored(case: Case, code: str, last: Coded | Measurement | None, window: int) -> Criterion:
    if last is not None:
        status = done_within(case, last.when, window)
    else:
        late = case.day - _therapy_start(case) > window
        status = truth(not late if not late or "Observation" not in case.view.incomplete else None)
    return Criterion(
        code=f"{code}-monitored".replace("_", "-"),
        status=status,
        threshold=f"<= {window} d",
        at=last.when.iso if last else None,
        evidence=(last.source,) if last else (),
        notes=() if last else ("never-measured",),
    )


def hepatitis_c(case: Case) -> Finding | None:
    """`viral.hcv`: RNA and direct-acting antivirals in hepatitis C, the first outcome that holds."""
    known = case.once(hcv)
    if known.status is NOT_MET:
        return None
    found = case.latest_number("hcv_rna", "viral-load")
    positive = found.agreed(detectable)
    if found.contradiction and any(detectable(f) is MET for f in found.facts):
        positive = MET
    treated = in_force(case, "daa")
    outcome = "unknown"
    if known.status is MET:
        late = case.once(under_therapy)
        outcome = _hcv_outcome(found.missing, found.stale, late, positive, treated.status, bool(found.blocked))
        if outcome == "rna-missing" and "Observation" in case.view.incomplete:
            outcome = "unknown"
    criteria = [
        _criterion_known("hcv-known", known.status, known.evidence),
        criterion("hcv-rna-positive", positive, found),
        Criterion("daa-active", treated.status, evidence=treated.evidence, notes=treated.notes),
    ]
    return case.finding("viral.hcv", outcome, STATEMENTS, criteria, notes=treated.notes)


def _hcv_outcome(missing: bool, stale: bool, therapy: bool, positive: Truth, treated: Truth, blocked: bool) -> str:
    if missing:
        return "unknown" if blocked else "rna-missing"
    if stale and not therapy:
        return "rna-missing"
    if positive is MET and treated is NOT_MET:
        return "daa-missing"
    if stale:
        return "rna-overdue"
    if treated is MET:
        return "daa-active"
    return "monitor" if positive is NOT_MET and not blocked else "unknown"
