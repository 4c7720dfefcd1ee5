"""Surveillance scans after surgery, and tumour markers against their limits (guideline.md 3.11)."""

from __future__ import annotations

import msgspec

from adapter.guideline import marker_trends
from adapter.guideline.case import Case
from adapter.guideline.imaging import RESPONSES
from adapter.guideline.problems import active_confirmed
from adapter.guideline.treatment import course
from adapter.guideline.vessels import VESSEL_CONCEPTS
from adapter.timeline.events import Coded, Lesion, Measurement, Performed, Unusable
from adapter.timeline.latest import Latest, latest
from adapter.values import Truth
from adapter.values.truth import UNKNOWN

TOPIC = "surveillance"
AFP, PIVKA = marker_trends.AFP.concept, marker_trends.PIVKA.concept
OTHERS = {
    AFP: marker_trends.AFP.others,
    PIVKA: marker_trends.PIVKA.others,
    **dict.fromkeys(marker_trends.PIVKA.others, (PIVKA,)),
}
WORDS = (*VESSEL_CONCEPTS, "distant_metastasis_status", *RESPONSES)
Seen = Lesion | Measurement | Coded | Performed
_NONE = frozenset({"vp0", "vv0", "absent"})
_IMAGED = ("tumor_size", "tumor_longest_dimension", "tumor_number", "progression_site", *WORDS)


class Scan(msgspec.Struct, frozen=True, gc=False):
    """One date (ordinal) with a scan, at the latest on `last`: whether it was read and shows nothing."""

    day: int
    last: int
    read: bool
    clean: bool
    sources: tuple[str, ...]


def newest_operation(case: Case) -> Performed | None:
    """The newest hepatectomy for this HCC."""
    operations = case.once(course).operations
    return max(operations, key=lambda p: (p.when.start, p.source), default=None)


def last_operation(case: Case) -> int | None:
    """Day of the newest hepatectomy for this HCC."""
    newest = case.once(newest_operation)
    return None if newest is None else newest.when.first


def scans(case: Case) -> tuple[Scan, ...]:
    """Surveillance scans after the newest hepatectomy, oldest first."""
    operation = case.once(last_operation)
    if operation is None:
        return ()
    seen: list[Lesion | Measurement | Coded] = [*case.view.lesions, *case.view.measurements("tumor_number")]
    seen += [w for concept in WORDS for w in case.view.coded(concept)]
    read = {f.when.first for f in seen}
    days: dict[int, list[Seen]] = {}
    for fact in (*seen, *case.view.done("contrast_scan")):
        if fact.when.first > operation:
            days.setdefault(fact.when.first, []).append(fact)
    return tuple(
        Scan(day, max([f.when.last for f in facts]), day in read, _clean(case, day, facts), _sources(facts))
        for day, facts in sorted(days.items())
    )


def scans_doubtful(case: Case, since: int) -> tuple[str, ...]:
    """Why imaging on or after a day (ordinal) may say something else: it cannot be used, or was not given in full."""
    unusable = [u for u in case.unusable(*_IMAGED) if u.when is None or u.when.last >= since]
    incomplete = ["incomplete"] if "Observation" in case.view.incomplete else []
    return tuple(dict.fromkeys([*incomplete, *(f"unusable: {u.reason}" for u in unusable)]))


def _sources(facts: list[Seen]) -> tuple[str, ...]:
    return tuple([f.source for f in facts])


def _clean(case: Case, day: int, facts: list[Seen]) -> bool:
    """Number 0 or the old targets gone; no new lesion, no invasion, no metastasis."""
    lesions = [f for f in facts if isinstance(f, Lesion)]
    numbers = [f.value.number for f in facts if isinstance(f, Measurement)]
    none = bool(numbers) and all(number == 0 for number in numbers)
    gone = bool(lesions) and not numbers
    if not none and not gone:
        return False
    if not all(_gone(s) for s in lesions):
        return False
    words = [f for f in facts if isinstance(f, Coded)]
    if any(w.value in ("PD", "SD", "PR") for w in words if w.concept in RESPONSES):
        return False
    if any(w.value not in _NONE for w in words if w.concept not in RESPONSES):
        return False
    # A Condition of that day is one of now as well: without any the day needs no case of its own.
    return not case.confirmed("metastasis") or not active_confirmed(case.at(day), "metastasis")


def _gone(lesion: Lesion) -> bool:
    return lesion.diameter is not None and lesion.diameter.number == 0


def marker_latest(case: Case, concept: str, window: int) -> Latest[Measurement]:
    """The newest value of a marker; a newer one in units that cannot be converted keeps it from deciding."""
    others = [m for other in OTHERS[concept] for m in case.view.measurements(other)]
    about = frozenset({concept})
    foreign = [Unusable(m.source, about, frozenset(), m.when, "unit", "Observation.valueQuantity") for m in others]
    return latest(
        case.view.measurements(concept), [*case.unusable(concept), *foreign], case.day, case.timeline.reach, window
    )


def pivka_measured(case: Case) -> str | None:
    """The concept that PIVKA-II was measured as, None where it never was."""
    measured = [concept for concept in (PIVKA, *OTHERS[PIVKA]) if case.view.measurements(concept)]
    return measured[0] if measured else (PIVKA if case.unusable(PIVKA, *OTHERS[PIVKA]) else None)


def marker_normal(case: Case, fact: Measurement) -> Truth:
    """Whether a marker is normal: AFP by the guideline, PIVKA-II by its own limit, else the guideline's."""
    if fact.concept == AFP:
        return fact.value.at_most(case.limit(TOPIC, "afp-normal").value)
    if fact.high is not None:
        return fact.value.at_most(fact.high)
    return fact.value.at_most(case.limit(TOPIC, "pivka-normal").value) if fact.concept == PIVKA else UNKNOWN
