"""Surveillance scans after surgery, and tumour markers against their limits (guideline.md 3.11)."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.imaging import NEW, RESPONSES
from adapter.guideline.problems import active_confirmed
from adapter.guideline.treatment import course, hepatectomies
from adapter.guideline.vessels import VESSEL_CONCEPTS
from adapter.timeline.events import Lesion, Measurement
from adapter.values import Interval, Truth

TOPIC = "surveillance"
AFP, PIVKA = "afp", "pivka_ii_units"
_WORDS = (*VESSEL_CONCEPTS, "distant_metastasis_status", *RESPONSES)
_NO_INVASION = frozenset({"vp0", "vv0", "absent", "indeterminate"})


class Scan(msgspec.Struct, frozen=True):
    """One date (ordinal) with a scan: whether it shows nothing."""

    day: int
    clean: bool
    sources: tuple[str, ...]


def last_operation(case: Case) -> int | None:
    """Day of the newest hepatectomy for this HCC."""
    floor = case.once(course).floor
    return max((p.when.first for p in hepatectomies(case) if p.when.first >= floor), default=None)


def scans(case: Case) -> tuple[Scan, ...]:
    """Surveillance scans after the newest hepatectomy, oldest first."""
    operation = case.once(last_operation)
    if operation is None:
        return ()
    days: dict[int, list[str]] = {}
    facts = [(s.when.first, s.source) for s in case.view.lesions]
    facts += [(n.when.first, n.source) for n in case.view.measurements("tumor_number")]
    facts += [(w.when.first, w.source) for concept in _WORDS for w in case.view.coded(concept)]
    facts += [(p.when.first, p.source) for p in case.view.done("contrast_scan")]
    for day, source in facts:
        if day > operation:
            days.setdefault(day, []).append(source)
    return tuple(Scan(day, _clean(case, day), tuple(days[day])) for day in sorted(days))


def _clean(case: Case, day: int) -> bool:
    """Number 0 or the old targets gone; no new lesion, no invasion, no metastasis."""
    lesions = [s for s in case.view.lesions if s.when.first == day]
    numbers = [n.value for n in case.view.measurements("tumor_number") if n.when.first == day]
    words = [w for concept in _WORDS for w in case.view.coded(concept) if w.when.first == day]
    none = bool(numbers) and all(n.number == 0 for n in numbers)
    gone = bool(lesions) and not numbers
    if not none and not gone:
        return False
    if any(not _gone(s) for s in lesions) or any(s.role == NEW and not _gone(s) for s in lesions):
        return False
    if any(w.value in ("PD", "SD", "PR") for w in words if w.concept in RESPONSES):
        return False
    if any(w.value not in _NO_INVASION for w in words if w.concept not in RESPONSES):
        return False
    return not active_confirmed(case.at(day) if day < case.day else case, "metastasis")


def _gone(lesion: Lesion) -> bool:
    return lesion.diameter is not None and lesion.diameter.number == 0


def normal_bound(case: Case, fact: Measurement) -> Interval:
    """Upper limit of normal of a marker: AFP always the guideline's, PIVKA-II its own, else the guideline's."""
    if fact.concept == AFP or fact.high is None:
        name = "afp-normal" if fact.concept == AFP else "pivka-normal"
        return Interval.exact(case.limit(TOPIC, name).value)
    return Interval.exact(fact.high)


def marker_normal(case: Case, fact: Measurement) -> Truth:
    """Whether a marker is normal."""
    bound = normal_bound(case, fact).number
    return Truth.UNKNOWN if bound is None else fact.value.at_most(bound)
