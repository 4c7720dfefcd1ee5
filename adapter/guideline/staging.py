"""CNLC and BCLC as sets of the stages that are still possible (guideline.md 2; CNLC-2024, BCLC-2022)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.lesions import Lesions, liver_lesions
from adapter.guideline.metastasis import Spread, spread
from adapter.guideline.model import ChildPugh, Stage
from adapter.guideline.treatment import course
from adapter.guideline.vessels import Grades, Invasion, invasion
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest
from adapter.values import Truth, any_of
from adapter.values.truth import MET, NOT_MET, UNKNOWN

NOTHING = "no-viable-tumour"
CNLC = (NOTHING, "Ia", "Ib", "IIa", "IIb", "IIIa", "IIIb", "IV")
BCLC = (NOTHING, "0", "A", "B", "C", "D")


class Burden(msgspec.Struct, frozen=True, gc=False):
    """Tumour and patient at one date: everything that the stages are made of.

    `invaded`, `spread`: the invasion and the metastasis that count, after conversion start viable ones alone.
    `terminal`: ECOG 3-4 or Child-Pugh C, with the `terminal_drivers` that are sure. `at`, `evidence` and `notes` are
    those of every stage made of it.
    """

    lesions: Lesions
    vessels: Invasion
    metastasis: Spread
    ecog: Latest[Measurement]
    child_pugh: ChildPugh
    viable_only: bool
    invaded: Truth
    spread: Truth
    terminal: Truth
    terminal_drivers: tuple[str, ...]
    at: str | None
    evidence: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def nothing_possible(self) -> bool:
        """Before any treatment a confirmed HCC without lesion records cannot be taken for gone."""
        return self.viable_only or self.lesions.known


def burden(case: Case) -> Burden:
    """The burden at the case's as-of; only viable tumour counts after conversion start (C24-s3.2.2)."""
    start = case.once(course).start
    viable_only = start is not None and case.day > start
    return _burden(case, viable_only)


def _burden(case: Case, viable_only: bool) -> Burden:
    lesions, vessels, metastasis = liver_lesions(case, viable_only), case.once(invasion), spread(case, viable_only)
    ecog, liver = case.latest_number("ecog_ps", "performance-status"), case.once(child_pugh)
    terminal, drivers = _terminal(case, ecog, liver)
    parts = (lesions, vessels, metastasis, liver)
    return Burden(
        lesions,
        vessels,
        metastasis,
        ecog,
        liver,
        viable_only,
        invaded=vessels.viable if viable_only else vessels.present,
        spread=metastasis.viable if viable_only else metastasis.present,
        terminal=terminal,
        terminal_drivers=drivers,
        at=_newest_date(lesions, metastasis, vessels.vp, vessels.vv),
        evidence=tuple(dict.fromkeys([*[r for part in parts for r in part.evidence], *ecog.sources])),
        notes=_notes(lesions, vessels, metastasis, ecog),
    )


def _terminal(case: Case, ecog: Latest[Measurement], liver: ChildPugh) -> tuple[Truth, tuple[str, ...]]:
    """ECOG 3-4 or Child-Pugh C, with the drivers that are sure."""
    by_ecog = _ecog(ecog, case.limit("staging", "ecog-terminal").value)
    classes = liver.possible
    by_liver = NOT_MET if "C" not in classes else (MET if len(classes) == 1 else UNKNOWN)
    sure = (("performance-status", by_ecog), ("child-pugh", by_liver))
    return any_of((by_ecog, by_liver)), tuple([name for name, status in sure if status is MET])


def _newest_date(*parts: Lesions | Spread | Grades) -> str | None:
    """The date of the newest part; of several on one day, of the first."""
    day, at = 0, parts[0].at
    for part in parts:
        if part.day is not None and part.day > day:
            day, at = part.day, part.at
    return at


def _notes(lesions: Lesions, vessels: Invasion, metastasis: Spread, ecog: Latest[Measurement]) -> tuple[str, ...]:
    notes = [f"lesions: {n}" for n in lesions.notes]
    notes += [f"vessels: {n}" for n in vessels.notes]
    notes += [f"metastasis: {n}" for n in metastasis.notes]
    notes += [f"ecog: {n}" for n in doubts(ecog)]
    return tuple(dict.fromkeys(notes))


def baseline_case(case: Case) -> Case | None:
    """The case as it stood at the end of the conversion start day; None before conversion start."""
    start = case.once(course).start
    return None if start is None else case.at(start)


def baseline_burden(case: Case) -> Burden | None:
    """The burden at conversion start, whole diameters, facts not stale on that day."""
    then = case.once(baseline_case)
    return None if then is None else then.once(whole_burden)


def whole_burden(case: Case) -> Burden:
    """The burden with whole diameters."""
    return _burden(case, False)


def cnlc(case: Case) -> Stage:
    """CNLC at as-of."""
    return _with_record(case, _cnlc(case, case.once(burden)), "cnlc_stage", CNLC)


def bclc(case: Case) -> Stage:
    """BCLC at as-of."""
    return _with_record(case, _bclc(case, case.once(burden)), "bclc_stage", BCLC)


def baseline_cnlc(case: Case) -> Stage | None:
    """CNLC at conversion start (the initial stage); None before it."""
    then, found = case.once(baseline_case), case.once(baseline_burden)
    if then is None or found is None:
        return None
    return _with_record(then, _cnlc(then, found), "cnlc_stage", CNLC)


def baseline_bclc(case: Case) -> Stage | None:
    """BCLC at conversion start; None before it."""
    then, found = case.once(baseline_case), case.once(baseline_burden)
    if then is None or found is None:
        return None
    return _with_record(then, _bclc(then, found), "bclc_stage", BCLC)


def _ecog(found: Latest[Measurement], bound: Decimal) -> Truth:
    """Whether ECOG is at least a bound; two values at one instant both stay possible for staging."""
    if not found.fresh or found.blocked:
        return UNKNOWN
    return found.agreed(lambda fact: fact.value.at_least(bound))


def _tumour_drivers(found: Burden) -> tuple[str, ...]:
    invaded = ("macrovascular-invasion",) if found.invaded is MET else ()
    return (*invaded, "extrahepatic-metastasis") if found.spread is MET else invaded


def _cnlc(case: Case, found: Burden) -> Stage:
    drivers = found.terminal_drivers
    possible: set[str] = set() if found.terminal is NOT_MET else {"IV"}
    if found.terminal is not MET:
        drivers = _tumour_drivers(found)
        if found.spread is not NOT_MET:
            possible.add("IIIb")
        if found.spread is not MET:
            possible |= _without_metastasis(case, found)
    return _stage(found, possible, CNLC, drivers)


def _without_metastasis(case: Case, found: Burden) -> set[str]:
    if found.invaded is MET:
        return {"IIIa"}
    by_lesions = _cnlc_by_lesions(case, found)
    return by_lesions if found.invaded is NOT_MET else {"IIIa"} | by_lesions


def liver_part(case: Case) -> frozenset[str]:
    """CNLC stages that stay possible for the liver with its thrombus alone, extrahepatic metastasis left out."""
    return frozenset(_without_metastasis(case, case.once(burden)))


def _counts(found: Burden, few: int) -> Iterable[int]:
    """The counts of lesions that stay possible; one more than a few stands for all above."""
    counts = found.lesions.counts(few + 1)
    return counts if found.nothing_possible else [count for count in counts if count > 0]


def _cnlc_by_lesions(case: Case, found: Burden) -> set[str]:
    few = case.limit("staging", "few").days
    single = case.limit("staging", "single-small").value
    several = case.limit("staging", "several-small").value
    stages: set[str] = set()
    for count in _counts(found, few):
        if count == 0:
            stages.add(NOTHING)
        elif count == 1:
            stages |= _split(found.lesions.largest(1).at_most(single), "Ia", "Ib")
        elif count <= few:
            stages |= _split(found.lesions.largest(count).at_most(several), "Ib", "IIa")
        else:
            stages.add("IIb")
    return stages


def _split(status: Truth, met: str, not_met: str) -> set[str]:
    if status is UNKNOWN:
        return {met, not_met}
    return {met if status is MET else not_met}


def _bclc(case: Case, found: Burden) -> Stage:
    drivers = found.terminal_drivers
    possible: set[str] = set() if found.terminal is NOT_MET else {"D"}
    if found.terminal is not MET:
        drivers = _tumour_drivers(found)
        advanced = any_of((found.invaded, found.spread))
        if advanced is not NOT_MET:
            possible.add("C")
        if advanced is not MET:
            impaired = _ecog(found.ecog, case.limit("staging", "ecog-impaired").value)
            possible |= _bclc_by_lesions(case, found, impaired)
            if impaired is MET and not drivers and "C" in possible:
                drivers = ("performance-status",)
    return _stage(found, possible, BCLC, drivers)


def _bclc_by_lesions(case: Case, found: Burden, impaired: Truth) -> set[str]:
    few = case.limit("staging", "few").days
    tiny = case.limit("staging", "very-early").value
    several = case.limit("staging", "several-small").value
    stages: set[str] = set()
    for count in _counts(found, few):
        if count == 0:
            stages.add(NOTHING)
            continue
        if impaired is not NOT_MET:
            stages.add("C")
        if impaired is MET:
            continue
        if count == 1:
            stages |= _split(found.lesions.largest(1).at_most(tiny), "0", "A")
        elif count <= few:
            stages |= _split(found.lesions.largest(count).at_most(several), "A", "B")
        else:
            stages.add("B")
    return stages


def _stage(found: Burden, possible: set[str], order: tuple[str, ...], drivers: tuple[str, ...]) -> Stage:
    return Stage(
        possible=tuple([s for s in order if s in possible]),
        drivers=drivers,
        at=found.at,
        evidence=found.evidence,
        notes=found.notes,
    )


def _with_record(case: Case, stage: Stage, concept: str, order: tuple[str, ...]) -> Stage:
    """A recorded stage is shown; it decides only among several possible ones, and never one of before conversion
    start."""
    if not case.view.coded(concept):
        return stage
    found = case.latest_word(concept, "imaging")
    known = [f for f in found.facts if f.value in order]
    if not known:
        return stage
    recorded, sources = known[-1].value, tuple(f.source for f in known)
    shown = msgspec.structs.replace(
        stage,
        recorded=recorded,
        discordant=recorded not in stage.possible,
        evidence=tuple(dict.fromkeys((*stage.evidence, *sources))),
    )
    start = case.once(course).start
    before = start is not None and known[-1].when.first <= start < case.day
    usable = found.fresh and not found.blocked and len({f.value for f in known}) == 1 and not before
    if usable and len(stage.possible) > 1 and recorded in stage.possible:
        return msgspec.structs.replace(shown, possible=(recorded,), notes=(*stage.notes, "recorded"))
    return shown
