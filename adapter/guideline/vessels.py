"""Macrovascular invasion: the grades of Vp and Vv that are still possible at a date."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.lesions import one_evaluation
from adapter.timeline.events import Coded, Unusable
from adapter.timeline.latest import Latest, latest
from adapter.values import Truth, any_of
from adapter.values.truth import MET, NOT_MET, UNKNOWN

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


class Grades(msgspec.Struct, frozen=True, gc=False):
    """Grades of one vein that stay possible, lowest first; `day` of the newest record (None: nothing usable)."""

    possible: tuple[str, ...]
    day: int | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def invaded(self) -> Truth:
        """Whether the vein is invaded: any grade but the first."""
        if not self.possible or not self.possible[0].endswith("0"):
            return MET
        return NOT_MET if len(self.possible) == 1 else UNKNOWN


class Invasion(msgspec.Struct, frozen=True, gc=False):
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
    graded = any_of((vp.invaded, vv.invaded))
    either, sources = _unplaced(case, vp, vv, graded)
    newest_day = max(vp.day or 0, vv.day or 0)
    if either is None:
        present = graded
    else:
        present = either
        unplaced = _newest(case, "macrovascular_invasion", ("present",))
        newest_day = max([newest_day, *(f.when.first for f in unplaced.facts)])
    enhancing, enhancement_sources = _enhancing(case, newest_day)
    viable = NOT_MET if enhancing is NOT_MET else present
    if enhancing is UNKNOWN and present is not NOT_MET:
        viable = UNKNOWN
    evidence = tuple(dict.fromkeys((*vp.evidence, *vv.evidence, *sources, *enhancement_sources)))
    return Invasion(vp, vv, present, viable, evidence, (*vp.notes, *vv.notes))


def _newest(case: Case, concept: str, words: Container[str]) -> Latest[Coded]:
    facts, unusable = case.view.coded(concept), case.unusable(concept)
    if not facts:
        return latest(facts, unusable, case.day, case.timeline.reach)
    known: list[Coded] = []
    for fact in facts:
        if fact.value in words:
            known.append(fact)
        elif fact.value == "indeterminate":
            doubt = Unusable(fact.source, frozenset((concept,)), frozenset(), fact.when, "no-value", "")
            unusable = [*unusable, doubt]
    return latest(known, unusable, case.day, case.timeline.reach, case.window("imaging"))


def _grades(case: Case, scale: tuple[str, ...], says: dict[str, dict[str, tuple[str, ...]]]) -> Grades:
    view = case.view
    found = []
    for concept, words in says.items():
        if view.unusable or view.coded(concept):
            one = _newest(case, concept, words)
            if one.facts or one.blocked:
                found.append((concept, one))
    if not found:
        return Grades(scale)
    fresh = [(concept, one) for concept, one in found if one.fresh]
    evidence = tuple(dict.fromkeys([source for _, one in found for source in one.sources]))
    notes = tuple(dict.fromkeys([n for _, one in found if one.facts for n in doubts(one)]))
    unread = [u for _, one in found if not one.facts for u in one.blocked]
    if unread:
        newest_day = max([one.facts[-1].when.first for _, one in fresh], default=0)
        unread = [u for u in unread if u.when is None or u.when.last >= newest_day]
    if unread:
        return Grades(scale, None, None, evidence, (*notes, f"unusable: {unread[0].reason}"))
    if not fresh:
        return Grades(scale, None, None, evidence, notes)
    return _combined(fresh, scale, says, evidence, notes)


def _combined(
    fresh: list[tuple[str, Latest[Coded]]],
    scale: tuple[str, ...],
    says: dict[str, dict[str, tuple[str, ...]]],
    evidence: tuple[str, ...],
    notes: tuple[str, ...],
) -> Grades:
    """What the records leave possible together, the newest first; a contrary one as new as it widens it."""
    if len(fresh) > 1:
        fresh.sort(key=lambda pair: pair[1].facts[-1].when.start, reverse=True)
    newest = fresh[0][1].facts[-1].when
    possible: set[str] = set()
    for concept, one in fresh:
        said = {grade for fact in one.facts for grade in says[concept][fact.value]}
        said = set(scale) if one.blocked else said
        if not possible:
            possible = said
        elif possible & said:
            possible &= said
        elif one.facts[-1].when.last >= newest.first:
            possible |= said
            notes = (*notes, "contradiction")
    return Grades(tuple([g for g in scale if g in possible]), newest.first, newest.iso, evidence, notes)


def _unplaced(case: Case, vp: Grades, vv: Grades, graded: Truth) -> tuple[Truth | None, tuple[str, ...]]:
    """Invasion recorded present without a vessel: it holds until both vessels have newer records."""
    if not case.view.coded("macrovascular_invasion"):
        return None, ()
    found = _newest(case, "macrovascular_invasion", ("present", "absent"))
    if not found.fresh or not any(f.value == "present" for f in found.facts):
        return None, ()
    if graded is MET:
        return None, found.sources
    day = found.facts[-1].when.last
    older = [grades for grades in (vp, vv) if grades.day is None or grades.day < day]
    if found.contradiction or found.imprecise or found.blocked:
        return UNKNOWN, found.sources
    if older:
        return MET, found.sources
    same_day = vp.day == day or vv.day == day
    return (UNKNOWN, found.sources) if same_day else (None, ())


def _enhancing(case: Case, since: int) -> tuple[Truth, tuple[str, ...]]:
    """Whether a thrombus enhances; without a record of its grade's evaluation or a later one it counts as viable."""
    found = case.latest_word("thrombus_enhancement", "imaging")
    if not found.fresh:
        return MET, ()
    earliest = one_evaluation(case, since)
    verdicts = {f.value == "absent" for f in found.facts if f.when.last >= earliest}
    if not verdicts:
        return MET, ()
    if verdicts == {True} and not found.blocked:
        return NOT_MET, found.sources
    return (MET if verdicts == {False} else UNKNOWN), found.sources
