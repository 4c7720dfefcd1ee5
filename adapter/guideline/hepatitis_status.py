"""What is known of hepatitis B and C, and of the therapy that makes it matter (guideline.md 3.3)."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.phase import ADJUVANT, phase
from adapter.guideline.treatment import course, last_exposed, ordered, planned_operations
from adapter.timeline.events import Coded, Exposure, Measurement
from adapter.values import Truth, truth

DRUGS = ("ici", "aatd", "chemotherapy")
MEDICATION_TYPES = frozenset(
    {"MedicationAdministration", "MedicationStatement", "MedicationRequest", "MedicationDispense"}
)


class Known(msgspec.Struct, frozen=True):
    """Whether an infection is known, with the facts that say so."""

    status: Truth
    evidence: tuple[str, ...]


def serology(fact: Coded) -> Truth:
    """A presence test as a truth; indeterminate is unknown."""
    return truth({"present": True, "absent": False}.get(fact.value))


def quantitative(fact: Measurement) -> Truth:
    """Quantitative HBsAg is positive above its own upper limit; without one it says nothing."""
    return Truth.UNKNOWN if fact.high is None else fact.value.above(fact.high)


def detectable(fact: Measurement) -> Truth:
    """Whether a viral load is detectable; an interval that includes 0 is undetermined."""
    return fact.value.above(0)


def hbv(case: Case) -> Known:
    """HBsAg ever positive, HBV DNA ever detectable, or confirmed chronic hepatitis B."""
    said = [(serology(f), f.source) for f in case.view.coded("hbsag")]
    said += [(quantitative(f), f.source) for f in case.view.measurements("hbsag_quant")]
    for concept in ("hbv_dna", "hbv_dna_copies"):
        said += [(detectable(f), f.source) for f in case.view.measurements(concept)]
    said += [(Truth.MET, p.source) for p in case.confirmed("chronic_hepatitis_b")]
    unusable = case.unusable("hbsag", "hbsag_quant", "hbv_dna", "chronic_hepatitis_b")
    return _known(said + [(Truth.UNKNOWN, u.source) for u in unusable])


def hcv(case: Case) -> Known:
    """Anti-HCV ever positive, or confirmed chronic hepatitis C."""
    said = [(serology(f), f.source) for f in case.view.coded("anti_hcv")]
    said += [(Truth.MET, p.source) for p in case.confirmed("chronic_hepatitis_c")]
    return _known(said + [(Truth.UNKNOWN, u.source) for u in case.unusable("anti_hcv", "chronic_hepatitis_c")])


def anti_hbc(case: Case) -> Known:
    """Anti-HBc ever positive."""
    said = [(serology(f), f.source) for f in case.view.coded("anti_hbc_total")]
    return _known(said + [(Truth.UNKNOWN, u.source) for u in case.unusable("anti_hbc_total")])


def _known(said: list[tuple[Truth, str]]) -> Known:
    """Never recorded means not known; a fact that does not decide leaves it open."""
    for status in (Truth.MET, Truth.UNKNOWN, Truth.NOT_MET):
        sources = tuple(source for verdict, source in said if verdict is status)
        if sources:
            return Known(status, sources)
    return Known(Truth.NOT_MET, ())


def hbsag_negative(case: Case) -> bool:
    """The newest HBsAg is negative."""
    found = case.latest_word("hbsag")
    return not found.missing and found.agreed(serology) is Truth.NOT_MET


def antitumour(case: Case) -> list[tuple[int, int]]:
    """First and last day of every antitumour drug or locoregional treatment since the course's floor."""
    floor = case.once(course).floor
    given = [e for group in DRUGS for e in case.view.of_group(group) if e.start.first >= floor]
    spans = [(e.start.first, last_exposed(case, e)) for e in given]
    done = [p for p in case.view.done("locoregional") if p.when.first >= floor]
    return spans + [(p.when.first, (p.end or p.when).last) for p in done]


def under_therapy(case: Case) -> bool:
    """Antitumour therapy in the window before as-of, or adjuvant."""
    window = case.limit("viral", "under-therapy").days
    recent = any(case.day - last <= window for _, last in case.once(antitumour))
    return recent or case.once(phase) == ADJUVANT


def therapy_ahead(case: Case) -> bool:
    """Antitumour therapy or a hepatectomy is ordered or planned."""
    groups = (*DRUGS, "locoregional")
    return bool(case.once(planned_operations)) or any(ordered(case, group) for group in groups)


def active_now(case: Case, group: str) -> tuple[list[Exposure], list[str]]:
    """Exposures of a group in force on as-of's day, and notes on those whose end is not known."""
    active = [e for e in case.view.of_group(group) if _active(case, e)]
    doubtful = any(e.ending == "unknown" for e in case.view.of_group(group))
    return active, [] if active or not doubtful else ["end-unknown"]


def _active(case: Case, exposure: Exposure) -> bool:
    """On hold, or stopped with an unknown end, is not active."""
    if exposure.ending == "open":
        return True
    return exposure.ending == "known" and exposure.end is not None and exposure.end.first >= case.day


def medication_incomplete(case: Case) -> bool:
    """Some medication type was not given in full: an absent drug is unknown."""
    return bool(MEDICATION_TYPES & case.view.incomplete)
