"""The clauses of progressive disease, tested before any response (guideline.md 2, Response)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from adapter.guideline.case import Case
from adapter.guideline.imaging import NEW, Imaging
from adapter.guideline.vessels import VP_GRADES, VV_GRADES
from adapter.values import Interval, Truth, all_of, any_of, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

PERCENT = Decimal(100)


def grown(case: Case, now: Interval, smallest: Interval, absolute: bool) -> Truth:
    """Whether a sum is progression against the smallest sum so far; `absolute` adds RECIST 1.1's millimetres."""
    if smallest.number == 0:
        return now.above(0)
    share = case.limit("response", "progression").value / PERCENT
    relative = now.minus(smallest.scaled(1 + share)).at_least(0)
    if not absolute:
        return relative
    rise = now.minus(smallest)
    return all_of((relative, rise.at_least(case.limit("response", "progression-absolute").value)))


def new_lesion(case: Case, group: Imaging) -> tuple[Truth, tuple[str, ...], tuple[str, ...]]:
    """Whether a new lesion proves progression; with the sources of what proves it and of small, equivocal ones."""
    bound = case.limit("course", "new-lesion").value
    verdicts: list[Truth] = []
    proven: list[str] = []
    equivocal: list[str] = []
    for lesion in group.lesions:
        if lesion.role != NEW:
            continue
        size = lesion.diameter
        verdict = UNKNOWN if size is None else size.at_least(bound)
        if lesion.extrahepatic:
            verdict = MET if size is None else size.above(0)
        verdicts.append(verdict)
        if verdict is not UNKNOWN:
            (proven if verdict is MET else equivocal).append(lesion.source)
    return any_of(verdicts), tuple(proven), tuple(equivocal)


def non_target(group: Imaging) -> Truth:
    """A recorded progression site, or a PD recorded by either criteria set."""
    return truth(bool(group.said("progression_site")) or any(r.value == "PD" for r in group.responses))


def vessel_grade_up(group: Imaging, earlier: Sequence[Imaging]) -> Truth:
    """Whether the Vp or Vv grade is above the lowest so far, unless the thrombus does not enhance."""
    if not group.words:
        return NOT_MET
    enhancement = {w.value for w in group.said("thrombus_enhancement")}
    if enhancement == {"absent"}:
        return NOT_MET
    return any_of(
        (
            _above_lowest(group, earlier, "pvtt_vp_class", VP_GRADES, "portal_vein_tumor_thrombus"),
            _above_lowest(group, earlier, "hepatic_vein_invasion_class", VV_GRADES, "ivc_tumor_thrombus"),
        )
    )


def _above_lowest(
    group: Imaging, earlier: Sequence[Imaging], concept: str, scale: tuple[str, ...], presence: str
) -> Truth:
    now = _possible(group, concept, scale, presence)
    if not now:
        return NOT_MET
    before = [grades for one in earlier if (grades := _possible(one, concept, scale, presence))]
    if not before:
        return NOT_MET
    if min(now) > min([max(grades) for grades in before]):
        return MET
    return NOT_MET if len(now) == 1 or max(now) <= min([min(grades) for grades in before]) else UNKNOWN


def _possible(group: Imaging, concept: str, scale: tuple[str, ...], presence: str) -> list[int]:
    """Indices of the grades that an imaging leaves possible; nothing recorded gives an empty list."""
    graded = [scale.index(word) for word in group.newest(concept) if word in scale]
    if graded:
        # Of two grades at one time the worse one decides the alert.
        return [max(graded)]
    there = {w.value for w in group.said(presence)}
    seen = there.union([w.value for w in group.said("macrovascular_invasion")])
    if "absent" in seen and "present" not in seen:
        return [0]
    if "present" in there:
        return [len(scale) - 1] if presence.startswith("ivc") else list(range(1, len(scale)))
    return []
