"""Pathological response and what it means for adjuvant treatment (guideline.md 3.11; C24-15, C24-16, C21-14)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import AFTER_SURGERY, phase
from adapter.guideline.toxicity import stop_day
from adapter.guideline.treatment import course, in_course
from adapter.timeline.events import Measurement
from adapter.values import Truth, truth

TOPIC = "adjuvant"
PCR, PPR, PNR, UNKNOWN = "pCR", "pPR", "pNR", "unknown"


class Pathology(msgspec.Struct, frozen=True):
    """The pathological response with the deciding percentages."""

    outcome: str
    facts: tuple[Measurement, ...]
    new_lesion: Truth
    evidence: tuple[str, ...]
    notes: tuple[str, ...]


def pathology(case: Case) -> Pathology:
    """Residual viable tumour of specimens on or after the hepatectomy; of several percentages the highest counts."""
    operation = case.once(course).end or case.day
    facts = tuple(m for m in case.view.measurements("percent_viable_tumor") if m.when.last >= operation)
    words = [w for w in case.view.coded("new_lesion_in_specimen") if w.when.last >= operation]
    said = {w.value for w in words}
    new = Truth.UNKNOWN if not said & {"present", "absent"} else truth("present" in said)
    blocked = [u for u in case.unusable("percent_viable_tumor") if u.when is None or u.when.last >= operation]
    notes = [f"unusable: {u.reason}" for u in blocked]
    if new is Truth.UNKNOWN:
        notes.append("new-lesion-not-stated")
    outcome = _outcome(case, facts, new, bool(blocked))
    evidence = [m.source for m in facts] + [w.source for w in words] + [u.source for u in blocked]
    return Pathology(outcome, facts, new, tuple(evidence), tuple(notes))


def _outcome(case: Case, facts: tuple[Measurement, ...], new: Truth, blocked: bool) -> str:
    limit = case.limit(TOPIC, "partial-response")
    over = [limit.passed(f.value) for f in facts]
    if new is Truth.MET or Truth.MET in over:
        return PNR
    if not facts or blocked or Truth.UNKNOWN in over:
        return UNKNOWN
    any_left = [f.value.above(0) for f in facts]
    if Truth.MET in any_left:
        return PPR
    return UNKNOWN if Truth.UNKNOWN in any_left else PCR


def findings(case: Case) -> Iterator[Finding]:
    """`pathology.response` and `adjuvant.plan` after a hepatectomy that followed conversion."""
    if case.once(phase) not in AFTER_SURGERY:
        return
    found = case.once(pathology)
    converted = case.once(course).start is not None
    if converted or found.facts:
        yield _response(case, found)
    if converted:
        yield _plan(case, found)


def _response(case: Case, found: Pathology) -> Finding:
    highest = max((f.value for f in found.facts), key=lambda v: v.low or 0, default=None)
    criteria = [
        Criterion(
            code=code,
            status=Truth.UNKNOWN if highest is None else case.limit(TOPIC, name).kept(highest),
            value=None if highest is None else highest.number,
            unit=case.limit(TOPIC, name).unit,
            threshold=f"<= {case.limit(TOPIC, name).value} %",
            at=found.facts[-1].when.iso if found.facts else None,
            evidence=found.evidence,
        )
        for code, name in (("mpr-up-to-10", "mpr"), ("viable-up-to-15", "better-prognosis"))
    ]
    return case.finding(
        "pathology.response",
        found.outcome,
        ("C24-15", "C24-s3.4", "C21-11"),
        criteria,
        evidence=found.evidence,
        notes=found.notes,
        viable=None if highest is None else highest.shown(),
        preliminary=any(f.preliminary for f in found.facts),
    )


def _plan(case: Case, found: Pathology) -> Finding:
    had_ici = bool(in_course(case, case.view.of_group("ici")))
    notes = ["ici-stopped"] if case.once(stop_day) is not None else []
    margin = case.latest_word("residual_tumor")
    if case.edition == "2021":
        outcome = "conversion-regimen-6-months"
        notes += _margin_notes(margin.facts[-1].value if margin.facts else None)
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
    )


def _plan_outcome(response: str, had_ici: bool) -> str:
    if response == UNKNOWN:
        return "await-pathology"
    if response == PNR:
        return "change-regimen"
    if not had_ici:
        return "original-regimen"
    return "ici-6-months" if response == PCR else "ici-aatd-6-12-months"


def _margin_notes(margin: str | None) -> list[str]:
    """Edition 2021 speaks of R0; anything else is named."""
    return [] if margin == "R0" else [f"margin-{margin.lower()}" if margin in ("R1", "R2") else "margin-unknown"]
