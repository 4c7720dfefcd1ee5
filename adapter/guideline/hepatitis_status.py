"""What is known of hepatitis B and C, and of the therapy that makes it matter (guideline.md 3.3)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.phase import ADJUVANT, phase
from adapter.guideline.treatment import course, last_given, ordered, planned_operations
from adapter.timeline.events import Coded, Exposure, Measurement, Performed
from adapter.values import Truth, When, any_of
from adapter.values.truth import MET, NOT_MET, UNKNOWN

DRUGS = ("ici", "aatd", "chemotherapy")
MEDICATION_TYPES = frozenset(
    {"MedicationAdministration", "MedicationStatement", "MedicationRequest", "MedicationDispense"}
)

_SEROLOGY = {"present": MET, "absent": NOT_MET}


class Known(msgspec.Struct, frozen=True, gc=False):
    """Whether an infection is known, with the facts that say so."""

    status: Truth
    evidence: tuple[str, ...]


def serology(fact: Coded) -> Truth:
    """A presence test as a truth; indeterminate is unknown."""
    return _SEROLOGY.get(fact.value, UNKNOWN)


def quantitative(fact: Measurement) -> Truth:
    """Quantitative HBsAg is positive above its own upper limit; without one only a zero says something."""
    if fact.high is None:
        return NOT_MET if fact.value.number == 0 else UNKNOWN
    return fact.value.above(fact.high)


def detectable(fact: Measurement) -> Truth:
    """Whether a viral load is detectable; an interval that includes 0 is undetermined."""
    return fact.value.above(0)


def hbv(case: Case) -> Known:
    """HBsAg ever positive, HBV DNA ever detectable, or confirmed chronic hepatitis B."""
    said = [(serology(f), f.source) for f in case.view.coded("hbsag")]
    said += [(quantitative(f), f.source) for f in case.view.measurements("hbsag_quant")]
    for concept in ("hbv_dna", "hbv_dna_copies"):
        said += [(detectable(f), f.source) for f in case.view.measurements(concept)]
    said += [(MET, p.source) for p in case.confirmed("chronic_hepatitis_b")]
    unusable = case.unusable("hbsag", "hbsag_quant", "hbv_dna", "chronic_hepatitis_b")
    return _known(case, said + [(UNKNOWN, u.source) for u in unusable], "Observation", "Condition")


def hcv(case: Case) -> Known:
    """Anti-HCV ever positive, or confirmed chronic hepatitis C."""
    said = [(serology(f), f.source) for f in case.view.coded("anti_hcv")]
    said += [(MET, p.source) for p in case.confirmed("chronic_hepatitis_c")]
    unusable = case.unusable("anti_hcv", "chronic_hepatitis_c")
    return _known(case, said + [(UNKNOWN, u.source) for u in unusable], "Observation", "Condition")


def anti_hbc(case: Case) -> Known:
    """Anti-HBc ever positive."""
    said = [(serology(f), f.source) for f in case.view.coded("anti_hbc_total")]
    unusable = case.unusable("anti_hbc_total")
    return _known(case, said + [(UNKNOWN, u.source) for u in unusable], "Observation")


def _known(case: Case, said: list[tuple[Truth, str]], *types: str) -> Known:
    """Never recorded means not known; a fact that does not decide, or a type not given in full, leaves it open."""
    for status in (MET, UNKNOWN):
        sources = [source for verdict, source in said if verdict is status]
        if sources:
            return Known(status, tuple(sources))
    unclear = not case.view.incomplete.isdisjoint(types)
    return Known(UNKNOWN if unclear else NOT_MET, tuple([source for _, source in said]))


def hbsag_negative(case: Case) -> bool:
    """The newest HBsAg is negative."""
    found = case.latest_word("hbsag")
    return not found.missing and found.agreed(serology) is NOT_MET


def _therapy(case: Case) -> list[tuple[int, int, str]]:
    """First and last day and source of every antitumour drug or locoregional treatment since the course's floor."""
    floor = case.once(course).floor
    given = [e for group in DRUGS for e in case.view.of_group(group) if e.start.first >= floor]
    done = [p for p in case.view.done("locoregional") if p.when.first >= floor]
    spans = [(e.start.first, last_given(case, e)[1], e.source) for e in given]
    return spans + [(p.when.first, (p.end or p.when).last, p.source) for p in done]


def antitumour(case: Case) -> list[tuple[int, int]]:
    """First and last day of every antitumour drug or locoregional treatment since the course's floor."""
    return [(first, last) for first, last, _ in case.once(_therapy)]


def under_therapy(case: Case) -> bool:
    """Antitumour therapy in the window before as-of, or adjuvant."""
    window = case.limit("viral", "under-therapy").days
    recent = [last for _, last in case.once(antitumour) if case.day - last <= window]
    return bool(recent) or case.once(phase) == ADJUVANT


def therapy_status(case: Case) -> Truth:
    """Whether antitumour therapy is under way; unreadable or missing records leave it open."""
    if case.once(under_therapy):
        return MET
    window = case.limit("viral", "under-therapy").days
    unclear = medication_incomplete(case) or "Procedure" in case.view.incomplete
    return UNKNOWN if unclear or unread_since(case, window, *DRUGS, "locoregional") else NOT_MET


def given_lately(case: Case, exposures: Iterable[Exposure], window: int) -> Truth:
    """Whether a drug was given so many days before as-of or later; a partial date decides where all of it agrees."""
    return any_of([given_within(case, e, window) for e in exposures])


def given_within(case: Case, exposure: Exposure, window: int) -> Truth:
    """Whether one drug was given so many days before as-of or later."""
    first, last = last_given(case, exposure)
    return _within(case, first, last, window)


def done_lately(case: Case, procedures: Iterable[Performed], window: int) -> Truth:
    """Whether a procedure was done so many days before as-of or later."""
    return any_of([done_within(case, p.end or p.when, window) for p in procedures])


def done_within(case: Case, when: When, window: int) -> Truth:
    """Whether a time lies so many days before as-of or later."""
    return _within(case, when.first, when.last, window)


def _within(case: Case, first: int, last: int, window: int) -> Truth:
    if case.day - first <= window:
        return MET
    return UNKNOWN if case.day - last <= window else NOT_MET


def therapy_sources(case: Case) -> tuple[str, ...]:
    """References of the antitumour therapy in the window before as-of, else of the latest, and of what is ordered."""
    treated = case.once(_therapy)
    latest = max([last for _, last, _ in treated], default=0)
    since = min(latest, case.day - case.limit("viral", "under-therapy").days)
    plans = [p for group in (*DRUGS, "locoregional") for p in ordered(case, group)]
    ahead = [p.source for p in (*plans, *case.once(planned_operations))]
    return tuple(dict.fromkeys([source for _, last, source in treated if last >= since] + ahead))


def unread_since(case: Case, window: int, *groups: str) -> bool:
    """A record of the window, or without a time, that cannot be used."""
    unusable = case.unusable(*groups)
    return bool(unusable) and any(u.when is None or case.day - u.when.last <= window for u in unusable)


def therapy_ahead(case: Case) -> bool:
    """Antitumour therapy or a hepatectomy is ordered or planned."""
    groups = (*DRUGS, "locoregional")
    return bool(case.once(planned_operations)) or any(ordered(case, group) for group in groups)


class InForce(msgspec.Struct, frozen=True, gc=False):
    """Whether a drug of a group is in force on as-of's day, with what says so."""

    status: Truth
    active: tuple[Exposure, ...]
    evidence: tuple[str, ...]
    notes: tuple[str, ...]


def in_force(case: Case, group: str) -> InForce:
    """Drugs of a group in force: on hold, or stopped with an unknown end, is not; an unreadable record may be."""
    held, unread = case.view.of_group(group), case.unusable(group)
    verdicts = [_active(case, e) for e in held]
    active = tuple(e for e, verdict in zip(held, verdicts, strict=True) if verdict is MET)
    evidence = [e.source for e in active or held] + [u.source for u in unread if not active]
    doubtful = bool(unread) or medication_incomplete(case) or UNKNOWN in verdicts
    status = MET if active else (UNKNOWN if doubtful else NOT_MET)
    notes = [] if active or not any(e.ending == "unknown" for e in held) else ["end-unknown"]
    notes += [] if active else [f"unusable: {u.reason}" for u in unread]
    return InForce(status, active, tuple(sorted(set(evidence))), tuple(dict.fromkeys(notes)))


def _active(case: Case, exposure: Exposure) -> Truth:
    if exposure.ending == "open":
        return MET
    if exposure.ending != "known" or exposure.end is None or exposure.end.last < case.day:
        return NOT_MET
    return MET if exposure.end.first >= case.day else UNKNOWN


def medication_incomplete(case: Case) -> bool:
    """Some medication type was not given in full: an absent drug is unknown."""
    return bool(MEDICATION_TYPES & case.view.incomplete)
