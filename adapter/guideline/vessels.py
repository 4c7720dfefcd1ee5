"""Macrovascular invasion: the grades of Vp and Vv that are still possible at a date."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.lesions import one_evaluation
from adapter.timeline.events import Coded, Unusable
from adapter.timeline.latest import Latest, latest
from adapter.values import Truth, any_of, truth

NO_GRADE: frozenset[str] = frozenset()

# What each record leaves possible (guideline.md 2, Tumour burden). A concept without an entry for a word says nothing.
VP_GRADES = ("vp0", "vp1", "vp2", "vp3", "vp4")
VV_GRADES = ("vv0", "vv1", "vv2", "vv3")
_VP_SAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "pvtt_vp_class": {grade: (grade,) for grade in VP_GRADES},
    "portal_vein_tumor_thrombus": {"present": VP_GRADES[1:], "absent": VP_GRADES[:1]},
    "macrovascular_invasion": {"absent": VP_GRADES[:1]},
}
_VV_SAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "hepatic_vein_invasion_class": {grade: (grade,) for grade in VV_GRADES},
    "hepatic_vein_tumor_thrombus": {"present": VV_GRADES[1:], "absent": VV_GRADES[:2]},
    "ivc_tumor_thrombus": {"present": VV_GRADES[-1:], "absent": VV_GRADES[:-1]},
    "macrovascular_invasion": {"absent": VV_GRADES[:1]},
}
VESSEL_CONCEPTS = tuple(dict.fromkeys((*_VP_SAYS, *_VV_SAYS)))


class Grades(msgspec.Struct, frozen=True):
    """Grades of one vein that stay possible; `day` of the newest record (None: nothing usable)."""

    possible: tuple[str, ...]
    day: int | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def invaded(self) -> Truth:
        """Whether the vein is invaded: any grade but the first."""
        without = [grade.endswith("0") for grade in self.possible]
        return Truth.UNKNOWN if any(without) and not all(without) else truth(not any(without))


class Invasion(msgspec.Struct, frozen=True):
    """Macrovascular invasion on record and, after conversion start, whether it is viable."""

    vp: Grades
    vv: Grades
    present: Truth
    viable: Truth
    evidence: tuple[str, ...]
    notes: tuple[str, ...] = ()


def invasion(case: Case) -> Invasion:
    """Vp and Vv at the case's as-of, each by its newest records within the imaging window."""
    vp, vv = _grades(case, VP_GRADES, _VP_SAYS), _grades(case, VV_GRADES, _VV_SAYS)
    either, sources = _unplaced(case, vp, vv)
    present = any_of((vp.invaded, vv.invaded)) if either is None else either
    unplaced = _newest(case, "macrovascular_invasion", ("present",)) if either is not None else Latest[Coded]()
    days = [grades.day or 0 for grades in (vp, vv)] + [f.when.first for f in unplaced.facts]
    enhancing, enhancement_sources = _enhancing(case, max(days))
    viable = Truth.NOT_MET if enhancing is Truth.NOT_MET else present
    if enhancing is Truth.UNKNOWN and present is not Truth.NOT_MET:
        viable = Truth.UNKNOWN
    evidence = tuple(dict.fromkeys((*vp.evidence, *vv.evidence, *sources, *enhancement_sources)))
    return Invasion(vp, vv, present, viable, evidence, (*vp.notes, *vv.notes))


def _newest(case: Case, concept: str, words: Iterable[str]) -> Latest[Coded]:
    facts = case.view.coded(concept)
    unclear = [f for f in facts if f.value == "indeterminate"]
    doubts = [Unusable(f.source, frozenset((concept,)), frozenset(), f.when, "no-value", "") for f in unclear]
    known = [f for f in facts if f.value in words]
    return latest(known, [*case.unusable(concept), *doubts], case.day, case.window("imaging"))


def _grades(case: Case, scale: tuple[str, ...], says: dict[str, dict[str, tuple[str, ...]]]) -> Grades:
    found = {concept: _newest(case, concept, words) for concept, words in says.items()}
    fresh = [(concept, one) for concept, one in found.items() if one.fresh]
    evidence = tuple(dict.fromkeys(source for one in found.values() for source in one.sources))
    notes = tuple(dict.fromkeys(n for one in found.values() if not one.missing for n in doubts(one)))
    newest_day = max((one.facts[-1].when.first for _, one in fresh), default=0)
    unread = [u for one in found.values() if one.missing for u in one.blocked]
    unread = [u for u in unread if u.when is None or u.when.last >= newest_day]
    if unread:
        return Grades(scale, None, None, evidence, (*notes, *(f"unusable: {u.reason}" for u in unread[:1])))
    if not fresh:
        return Grades(scale, None, None, evidence, notes)
    fresh.sort(key=lambda pair: pair[1].facts[-1].when.start, reverse=True)
    possible: set[str] = set()
    day = None
    for concept, one in fresh:
        said = {grade for fact in one.facts for grade in says[concept][fact.value]}
        said = set(scale) if one.blocked else said
        if day is None:
            possible, day = said, one.facts[-1].when.first
        elif possible & said:
            possible &= said
        elif one.facts[-1].when.last >= day:
            possible |= said
            notes = (*notes, "contradiction")
    newest = fresh[0][1].facts[-1].when
    return Grades(tuple(g for g in scale if g in possible), day, newest.iso, evidence, notes)


def _unplaced(case: Case, vp: Grades, vv: Grades) -> tuple[Truth | None, tuple[str, ...]]:
    """Invasion recorded present without a vessel: it holds until both vessels have newer records."""
    found = _newest(case, "macrovascular_invasion", ("present", "absent"))
    if not found.fresh or not any(f.value == "present" for f in found.facts):
        return None, ()
    if any_of((vp.invaded, vv.invaded)) is Truth.MET:
        return None, found.sources
    day = found.facts[-1].when.last
    older = [grades for grades in (vp, vv) if grades.day is None or grades.day < day]
    if found.contradiction or found.imprecise or found.blocked:
        return Truth.UNKNOWN, found.sources
    if older:
        return Truth.MET, found.sources
    same_day = vp.day == day or vv.day == day
    return (Truth.UNKNOWN, found.sources) if same_day else (None, ())


def _enhancing(case: Case, since: int) -> tuple[Truth, tuple[str, ...]]:
    """Whether a thrombus enhances; without a record of its grade's evaluation or a later one it counts as viable."""
    found = case.latest_word("thrombus_enhancement", "imaging")
    facts = [f for f in found.facts if f.when.last >= one_evaluation(case, since)]
    if not found.fresh or not facts:
        return Truth.MET, ()
    verdicts = {f.value == "absent" for f in facts}
    if verdicts == {True} and not found.blocked:
        return Truth.NOT_MET, found.sources
    return (Truth.MET if verdicts == {False} else Truth.UNKNOWN), found.sources
