"""Pathological response and what it means for adjuvant treatment (guideline.md 3.11; C24-15, C24-16, C21-14)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import AFTER_SURGERY, phase
from adapter.guideline.toxicity import stop_day
from adapter.guideline.treatment import course, in_course
from adapter.timeline.events import Coded, Measurement
from adapter.timeline.latest import Latest
from adapter.values import Interval, Truth, truth
from adapter.values.truth import MET

TOPIC = "adjuvant"
PCR, PPR, PNR, UNKNOWN = "pCR", "pPR", "pNR", "unknown"


class Pathology(msgspec.Struct, frozen=True, gc=False):
    """The pathological response with the deciding percentages and the words on new lesions."""

    outcome: str
    facts: tuple[Measurement, ...]
    words: tuple[Coded, ...]
    doubtful: bool
    evidence: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def preliminary(self) -> bool:
        """A preliminary result is among those that decide."""
        return any(f.preliminary for f in self.facts) or any(w.preliminary for w in self.words)


def pathology(case: Case) -> Pathology:
    """Residual viable tumour of specimens on or after the hepatectomy; of several percentages the highest counts."""
    operation = case.once(course).operations[0].when if case.once(course).operations else None
    first, last = (case.day, case.day) if operation is None else (operation.first, operation.last)
    facts = tuple(m for m in case.view.measurements("percent_viable_tumor") if m.when.last >= first)
    sure = tuple(m for m in facts if m.when.first >= last)
    words = tuple(w for w in case.view.coded("new_lesion_in_specimen") if w.when.last >= first)
    said = {w.value for w in words}
    new = Truth.UNKNOWN if not said & {"present", "absent"} else truth("present" in said)
    unusable = case.unusable("percent_viable_tumor", "new_lesion_in_specimen")
    blocked = [u for u in unusable if u.when is None or u.when.last >= first]
    outcomes = {_outcome(case, some, new, bool(blocked)) for some in (sure, facts)}
    notes = list(dict.fromkeys(f"unusable: {u.reason}" for u in blocked))
    notes += ["new-lesion-not-stated"] if new is Truth.UNKNOWN else []
    notes += ["date-imprecise"] if len(sure) < len(facts) else []
    evidence = [m.source for m in facts] + [w.source for w in words] + [u.source for u in blocked]
    outcome = outcomes.pop() if len(outcomes) == 1 else UNKNOWN
    doubtful = bool(blocked) or len(sure) < len(facts)
    return Pathology(outcome, facts, words, doubtful, tuple(evidence), tuple(dict.fromkeys(notes)))


def _outcome(case: Case, facts: tuple[Measurement, ...], new: Truth, blocked: bool) -> str:
    limit = case.limit(TOPIC, "partial-response")
    over = [limit.passed(f.value) for f in facts]
    if new is MET or MET in over:
        return PNR
    if not facts or blocked or Truth.UNKNOWN in over:
        return UNKNOWN
    any_left = [f.value.above(0) for f in facts]
    if MET in any_left:
        return PPR
    return UNKNOWN if Truth.UNKNOWN in any_left else PCR


def findings(case: Case) -> Iterator[Finding]:
    """`pathology.response` and `adjuvant.plan` after a hepatectomy that followed conversion."""
    if case.once(phase) not in AFTER_SURGERY:
        return
    found = case.once(pathology)
    converted = case.once(course).start is not None
    if converted or found.facts or found.words:
        yield _response(case, found)
    if converted:
        yield _plan(case, found)


_LIMITS = (("mpr-up-to-10", "mpr"), ("viable-up-to-15", "better-prognosis"))


def _limited(case: Case, found: Pathology, highest: Interval | None, code: str, name: str) -> Criterion:
    """A favourable bound of the highest percentage; nothing favourable rests on a doubtful record."""
    limit = case.limit(TOPIC, name)
    status = Truth.UNKNOWN if highest is None else limit.kept(highest)
    return Criterion(
        code=code,
        status=Truth.UNKNOWN if status is MET and found.doubtful else status,
        value=None if highest is None else highest.number,
        unit=limit.unit,
        threshold=f"<= {limit.value} %",
        at=found.facts[-1].when.iso if found.facts else None,
        evidence=found.evidence,
    )


def _response(case: Case, found: Pathology) -> Finding:
    highest = max((f.value for f in found.facts), key=lambda v: v.low or 0, default=None)
    criteria = [_limited(case, found, highest, *names) for names in _LIMITS]
    return case.finding(
        "pathology.response",
        found.outcome,
        ("C24-15", "C24-s3.4", "C21-11"),
        criteria,
        evidence=found.evidence,
        notes=found.notes,
        viable=None if highest is None else highest.shown(),
        preliminary=found.preliminary,
    )


def _plan(case: Case, found: Pathology) -> Finding:
    had_ici = bool(in_course(case, case.view.of_group("ici")))
    notes = ["ici-stopped"] if case.once(stop_day) is not None else []
    margin = case.latest_word("residual_tumor")
    if case.edition == "2021":
        outcome = "conversion-regimen-6-months"
        notes += [*_margin_notes(margin), *(["shorter-with-pcr"] if found.outcome == PCR else [])]
    else:
        outcome = _plan_outcome(found.outcome, had_ici)
    drugs = {e.drug for group in ("ici", "aatd") for e in in_course(case, case.view.of_group(group))}
    tested = [
        Criterion(
            "pathology", truth(None if found.outcome == UNKNOWN else True), found.outcome, evidence=found.evidence
        ),
        Criterion("ici-in-course", truth(had_ici), evidence=tuple(e.source for e in case.view.of_group("ici")[:1])),
    ]
    return case.finding(
        "adjuvant.plan",
        outcome,
        ("C21-14",) if case.edition == "2021" else ("C24-15", "C24-16"),
        tested,
        evidence=[f.source for f in margin.facts],
        notes=notes,
        drugs=tuple(sorted(drugs)),
        advice=tuple(f"adjuvant-{n}" for n in notes),
        preliminary=found.preliminary and outcome != "conversion-regimen-6-months",
    )


def _plan_outcome(response: str, had_ici: bool) -> str:
    if response == UNKNOWN:
        return "await-pathology"
    if response == PNR:
        return "change-regimen"
    if not had_ici:
        return "original-regimen"
    return "ici-6-months" if response == PCR else "ici-aatd-6-12-months"


def _margin_notes(margin: Latest[Coded]) -> list[str]:
    """Edition 2021 speaks of R0; anything else is named, of several the worst."""
    worst = max((f.value for f in margin.facts), default="")
    if worst in ("R1", "R2"):
        return [f"margin-{worst.lower()}"]
    return [] if worst == "R0" and not margin.blocked else ["margin-unknown"]
