"""Transplantation and watch-and-wait beside surgery (guideline.md 3.8; C24-3, C24-s2, C24-s3.1, C24-fig1d, R24-s6)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.burden_criteria import milan, ucsf, up_to_seven
from adapter.guideline.case import Case
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.response import CR, PD, responses
from adapter.guideline.response_findings import latest_criterion, latest_unusable
from adapter.guideline.staging import baseline_burden, baseline_case, burden
from adapter.values import Truth, any_of, day_text, negate
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TRANSPLANT = ("C24-3", "C24-fig1d", "C24-s2", "C24-s3.1")
WATCH = ("C24-s3.1", "R24-s6")
_DOUBTS = ("stale", "contradiction", "date-imprecise", "unusable")
_CRITERIA = (("milan", milan), ("ucsf", ucsf), ("up-to-seven", up_to_seven))


def findings(case: Case) -> Iterator[Finding]:
    """`surgery.transplant` and `surgery.watch-and-wait`; without any evaluation only decompensation speaks."""
    if not under_conversion(case):
        return
    last = case.once(responses).latest
    if last is not None and case.once(latest_unusable):
        yield _transplant(case, "unknown")
        yield _watch(case, "unknown")
        return
    outcome = None if last is not None and last.mrecist.outcome == PD else _transplant_outcome(case)
    if outcome is not None:
        yield _transplant(case, outcome)
    if last is not None and last.mrecist.outcome == CR:
        yield _watch(case, "option")


def _transplant_outcome(case: Case) -> str | None:
    failing = case.once(decompensated)
    if failing is MET:
        return "consider"
    within = case.once(responses).latest is not None and case.once(_now_within) is MET
    if within and case.once(_initially_beyond) is MET:
        return "option"
    if within and case.once(_initially_beyond) is UNKNOWN and _baseline_doubtful(case):
        return "unknown"
    return "unknown" if failing is UNKNOWN and _undecided(case) else None


def decompensated(case: Case) -> Truth:
    """Child-Pugh C, or B with moderate or worse ascites, or encephalopathy."""
    found = case.once(child_pugh)
    most = case.limit("child_pugh", "most-points").days
    ascites, brain = found.parts["ascites"], found.parts["encephalopathy"]
    grave = any_of((_points(ascites, most), _points(brain, 2)))
    if found.value == "C" or ("A" not in found.possible and grave is MET):
        return MET
    if "C" not in found.possible and (found.value == "A" or grave is NOT_MET):
        return NOT_MET
    return UNKNOWN


def _points(part: tuple[int, int], least: int) -> Truth:
    """Whether a part surely has so many points."""
    if part[0] >= least:
        return MET
    return NOT_MET if part[1] < least else UNKNOWN


def _undecided(case: Case) -> bool:
    """A part of Child-Pugh is on record and does not decide; one that was never recorded is no ground."""
    return any(word in note for note in case.once(child_pugh).notes for word in _DOUBTS)


def _baseline_doubtful(case: Case) -> bool:
    """The initial stage's facts are on record and do not decide; what was never recorded is no ground."""
    found = case.once(baseline_burden)
    notes = () if found is None else (*found.lesions.notes, *found.vessels.notes, *found.metastasis.notes)
    return any(note.startswith((*_DOUBTS, "number-below-measured")) for note in notes)


def _initially_beyond(case: Case) -> Truth:
    then, found = case.once(baseline_case), case.once(baseline_burden)
    return UNKNOWN if then is None or found is None else negate(milan(then, found))


def _now_within(case: Case) -> Truth:
    found = case.once(burden)
    return any_of((milan(case, found), ucsf(case, found)))


def _transplant(case: Case, outcome: str) -> Finding:
    found, liver = case.once(burden), case.once(child_pugh)
    invaded, spread = found.vessels.viable, found.metastasis.viable
    evidence = (*found.lesions.evidence, *found.vessels.evidence, *found.metastasis.evidence)
    shown = [Criterion(n, test(case, found), at=found.lesions.at, evidence=evidence) for n, test in _CRITERIA]
    criteria = [
        *_progression(case),
        Criterion(
            code="decompensated",
            status=case.once(decompensated),
            value="/".join(liver.possible),
            at=liver.at,
            evidence=liver.evidence,
            notes=liver.notes,
        ),
        Criterion(code="initially-beyond-milan", status=case.once(_initially_beyond)),
        *shown,
        Criterion(code="no-viable-macrovascular-invasion", status=negate(invaded), evidence=found.vessels.evidence),
        Criterion(code="no-viable-metastasis", status=negate(spread), evidence=found.metastasis.evidence),
    ]
    against = [
        name for name, status in (("against-invasion", invaded), ("against-metastasis", spread)) if status is MET
    ]
    return case.finding(
        "surgery.transplant",
        outcome,
        TRANSPLANT,
        criteria,
        within=tuple(c.code for c in shown if c.status is MET),
        against=tuple(against),
    )


def _progression(case: Case) -> list[Criterion]:
    """Whether the latest evaluation is PD, which speaks against transplantation; nothing without an evaluation."""
    if case.once(responses).latest is None:
        return []
    status = UNKNOWN if case.once(latest_unusable) else NOT_MET
    return [latest_criterion(case, "progression", status)]


def _watch(case: Case, outcome: str) -> Finding:
    last = case.once(responses).latest
    status = UNKNOWN if outcome == "unknown" else MET
    return case.finding(
        "surgery.watch-and-wait",
        outcome,
        WATCH,
        [latest_criterion(case, "complete-response", status)],
        day=day_text(last.day) if last else None,
    )
