"""Hepatitis B and C before, under and after antitumour therapy (guideline.md 3.3; C21-9 and its text)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.hepatitis_status import (
    active_now,
    anti_hbc,
    antitumour,
    detectable,
    hbsag_negative,
    hbv,
    hcv,
    medication_incomplete,
    therapy_ahead,
    under_therapy,
)
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import ADJUVANT, BEFORE_SURGERY, phase
from adapter.guideline.treatment import after_operation, course, ordered, planned_operations, valid_plans
from adapter.timeline.events import Coded, Measurement
from adapter.values import Truth, all_of, any_of, day_text, truth

TOPIC = "viral"
STATEMENTS = ("C21-9",)
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
    if not before and not case.once(under_therapy):
        return None
    criteria = [_tested(case, code, concepts) for code, concepts in _TESTS]
    together = all_of(c.status for c in criteria)
    outcome = {Truth.MET: "complete", Truth.NOT_MET: "incomplete"}.get(together, "unknown")
    return case.finding("viral.screening", outcome, STATEMENTS, criteria)


def _tested(case: Case, code: str, concepts: tuple[str, ...]) -> Criterion:
    facts: list[Coded | Measurement] = [f for c in concepts for f in case.view.coded(c)]
    facts += [f for c in concepts for f in case.view.measurements(c)]
    doubtful = bool(case.unusable(*concepts)) or "Observation" in case.view.incomplete
    status = Truth.MET if facts else (Truth.UNKNOWN if doubtful else Truth.NOT_MET)
    newest = max(facts, key=lambda f: (f.when.start, f.source), default=None)
    return Criterion(
        code=code,
        status=status,
        value=newest.value if isinstance(newest, Coded) else None,
        at=newest.when.iso if newest else None,
        evidence=(newest.source,) if newest else tuple(u.source for u in case.unusable(*concepts)),
    )


def antiviral(case: Case) -> Finding | None:
    """`viral.hbv-antiviral`: treatment of known hepatitis B, prophylaxis in resolved infection."""
    known = case.once(hbv)
    if known.status is Truth.MET:
        return _treated(case)
    if known.status is Truth.UNKNOWN:
        return case.finding(
            "viral.hbv-antiviral", "unknown", STATEMENTS, [_criterion_known("hbv-known", known.status, known.evidence)]
        )
    return _prophylaxis(case)


def _criterion_known(code: str, status: Truth, evidence: tuple[str, ...]) -> Criterion:
    return Criterion(code=code, status=status, evidence=evidence)


def _nuc(case: Case) -> tuple[Criterion, bool]:
    active, notes = active_now(case, "nuc")
    preferred = any("nuc_preferred" in e.groups for e in active)
    held = [e.source for e in case.view.of_group("nuc")]
    status = Truth.MET if active else (Truth.UNKNOWN if medication_incomplete(case) else Truth.NOT_MET)
    return (
        Criterion(
            code="antiviral-active",
            status=status,
            value=", ".join(sorted({e.drug for e in active})) or None,
            evidence=tuple(sorted(e.source for e in active)) or tuple(sorted(held)),
            notes=tuple(notes),
        ),
        preferred,
    )


def _treated(case: Case) -> Finding:
    known = case.once(hbv)
    tested, preferred = _nuc(case)
    criteria = [_criterion_known("hbv-known", known.status, known.evidence), tested]
    if tested.status is Truth.MET:
        return case.finding("viral.hbv-antiviral", "active" if preferred else "non-preferred", STATEMENTS, criteria)
    if tested.status is Truth.UNKNOWN:
        return case.finding("viral.hbv-antiviral", "unknown", STATEMENTS, criteria)
    grave = bool(case.once(antitumour)) or therapy_ahead(case)
    return case.finding(
        "viral.hbv-antiviral",
        "missing",
        STATEMENTS,
        criteria,
        kind="issue",
        severity="critical" if grave else "warning",
        notes=tested.notes,
    )


def _prophylaxis(case: Case) -> Finding | None:
    """HBsAg negative, anti-HBc positive, and TACE, HAIC or chemotherapy lately or ahead."""
    core = case.once(anti_hbc)
    if not hbsag_negative(case) or core.status is Truth.NOT_MET or not _embolised_or_chemo(case):
        return None
    tested, _ = _nuc(case)
    criteria = [_criterion_known("anti-hbc-positive", core.status, core.evidence), tested]
    if core.status is Truth.UNKNOWN or tested.status is Truth.UNKNOWN:
        return case.finding("viral.hbv-antiviral", "unknown", STATEMENTS, criteria)
    outcome = "active" if tested.status is Truth.MET else "prophylaxis-missing"
    return case.finding("viral.hbv-antiviral", outcome, STATEMENTS, criteria, notes=tested.notes)


def _embolised_or_chemo(case: Case) -> bool:
    window = case.limit(TOPIC, "prophylaxis").days
    days = [p.when.last for group in ("tace", "haic") for p in case.view.done(group)]
    days += [(e.end or e.start).last if e.ending == "known" else case.day for e in case.view.of_group("chemotherapy")]
    ahead = any(valid_plans(case, group) for group in ("tace", "haic", "chemotherapy"))
    return ahead or any(case.day - day <= window for day in days)


def _dna(case: Case, code: str, status: Truth, threshold: str) -> Criterion:
    found = case.latest_number("hbv_dna", "viral-load")
    return criterion(code, status, found, threshold=threshold)


def dna_under_ici(case: Case) -> Finding | None:
    """`viral.hbv-dna-ici`: a high or unknown viral load under, or before, an immune checkpoint inhibitor."""
    window = case.limit(TOPIC, "under-therapy").days
    last = [(e.end or e.start).last if e.ending == "known" else case.day for e in case.view.of_group("ici")]
    if not ordered(case, "ici") and not any(case.day - day <= window for day in last):
        return None
    limit = case.limit(TOPIC, "dna-high")
    found = case.latest_number("hbv_dna", "viral-load")
    high = found.alert(lambda f: limit.reached(f.value))
    tested = _dna(case, "hbv-dna-above-2000", high, f"> {limit.value} {limit.unit}")
    outcome = _dna_outcome(case, found.missing and not found.blocked, high)
    if outcome is None:
        return None
    return case.finding("viral.hbv-dna-ici", outcome, STATEMENTS, [tested])


def _dna_outcome(case: Case, never: bool, verdict: Truth) -> str | None:
    if verdict is Truth.MET:
        return "caution"
    if never and case.once(hbv).status is Truth.NOT_MET:
        return None
    return None if verdict is Truth.NOT_MET else "unknown"


def dna_before_surgery(case: Case) -> Finding | None:
    """`viral.hbv-dna-surgery`: detectable HBV DNA before a planned hepatectomy."""
    plans = case.once(planned_operations)
    if not plans:
        return None
    found = case.latest_number("hbv_dna", "viral-load")
    verdict = found.alert(detectable)
    if verdict is Truth.NOT_MET or (verdict is Truth.UNKNOWN and case.once(hbv).status is Truth.NOT_MET):
        return None
    outcome = "caution" if verdict is Truth.MET else "unknown"
    tested = _dna(case, "hbv-dna-detectable", verdict, "> 0")
    return case.finding("viral.hbv-dna-surgery", outcome, STATEMENTS, [tested], evidence=[p.source for p in plans[:1]])


def monitoring(case: Case) -> Finding | None:
    """`viral.hbv-monitoring`: HBV DNA, ALT and, in the HBsAg-negative, HBsAg under antitumour therapy."""
    known = any_of((case.once(hbv).status, case.once(anti_hbc).status))
    if known is Truth.NOT_MET or not case.once(under_therapy):
        return None
    if known is Truth.UNKNOWN:
        return case.finding("viral.hbv-monitoring", "unknown", STATEMENTS, [_criterion_known("hbv-known", known, ())])
    window = case.limit(TOPIC, "monitoring").days
    tests = [("hbv_dna", _last_day(case, "hbv_dna")), ("alt", _last_day(case, "alt"))]
    if hbsag_negative(case):
        tests.append(("hbsag", _last_day(case, "hbsag", "hbsag_quant")))
    criteria = [_monitored(case, code, last, window) for code, last in tests]
    overdue = any(c.status is Truth.NOT_MET for c in criteria)
    due = min((last[0] if last else _therapy_start(case)) + window for _, last in tests)
    return case.finding(
        "viral.hbv-monitoring",
        "overdue" if overdue else "on-time",
        STATEMENTS,
        criteria,
        due=Due(latest=day_text(due)),
    )


def _last_day(case: Case, *concepts: str) -> tuple[int, str] | None:
    """Day and source of the newest value; of an imprecise one the earliest day."""
    facts: list[Coded | Measurement] = [f for c in concepts for f in case.view.measurements(c)]
    facts += [f for c in concepts for f in case.view.coded(c)]
    newest = max(facts, key=lambda f: (f.when.first, f.source), default=None)
    return (newest.when.first, newest.source) if newest else None


def _therapy_start(case: Case) -> int:
    """The first exposure of the course; in the adjuvant phase its first dose."""
    if case.once(phase) == ADJUVANT:
        given = [*after_operation(case, "ici"), *after_operation(case, "aatd")]
        return min((e.start.first for e in given), default=case.day)
    start = case.once(course).start
    first = min((begin for begin, _ in case.once(antitumour)), default=case.day)
    return first if start is None else min(first, start)


def _monitored(case: Case, code: str, last: tuple[int, str] | None, window: int) -> Criterion:
    since = last[0] if last is not None else _therapy_start(case)
    late = case.day - since > window
    return Criterion(
        code=f"{code}-monitored".replace("_", "-"),
        status=truth(not late),
        threshold=f"<= {window} d",
        at=day_text(last[0]) if last else None,
        evidence=(last[1],) if last else (),
        notes=() if last else ("never-measured",),
    )


def hepatitis_c(case: Case) -> Finding | None:
    """`viral.hcv`: RNA and direct-acting antivirals in hepatitis C, the first outcome that holds."""
    known = case.once(hcv)
    if known.status is Truth.NOT_MET:
        return None
    found = case.latest_number("hcv_rna", "viral-load")
    positive = found.agreed(detectable)
    if found.contradiction and any(detectable(f) is Truth.MET for f in found.facts):
        positive = Truth.MET
    active, notes = active_now(case, "daa")
    treated = Truth.MET if active else (Truth.UNKNOWN if medication_incomplete(case) else Truth.NOT_MET)
    outcome = "unknown"
    if known.status is Truth.MET:
        late = case.once(under_therapy)
        outcome = _hcv_outcome(found.missing, found.stale, late, positive, treated, bool(found.blocked))
    criteria = [
        _criterion_known("hcv-known", known.status, known.evidence),
        criterion("hcv-rna-positive", positive, found),
        Criterion("daa-active", treated, evidence=tuple(sorted(e.source for e in active)), notes=tuple(notes)),
    ]
    return case.finding("viral.hcv", outcome, STATEMENTS, criteria, notes=notes)


def _hcv_outcome(missing: bool, stale: bool, therapy: bool, positive: Truth, treated: Truth, blocked: bool) -> str:
    if missing:
        return "unknown" if blocked else "rna-missing"
    if stale and not therapy:
        return "rna-missing"
    if positive is Truth.MET and treated is Truth.NOT_MET:
        return "daa-missing"
    if stale:
        return "rna-overdue"
    if treated is Truth.MET:
        return "daa-active"
    return "monitor" if positive is Truth.NOT_MET and not blocked else "unknown"
