"""Where a progression happened: recorded sites, else the measurements (guideline.md 3.5, C21-15)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.imaging import NEW, TARGET, Imaging
from adapter.guideline.lesions import enhancement_on, viable_size
from adapter.guideline.problems import began
from adapter.guideline.progression_clauses import grown, vessel_grade_up
from adapter.guideline.response import Responses, responses
from adapter.timeline.events import Lesion
from adapter.values import Interval, Truth, any_of, truth
from adapter.values.interval import total
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TARGETS, NEW_LIVER, OUTSIDE, THROMBUS = "intrahepatic_target", "intrahepatic_new", "extrahepatic", "thrombus"
SITES = (TARGETS, NEW_LIVER, OUTSIDE, THROMBUS)


class Sites(msgspec.Struct, frozen=True, gc=False):
    """The sites of the latest progression; `measured` three-valued by measurement alone; `recorded` as reported."""

    found: frozenset[str]
    measured: dict[str, Truth]
    recorded: frozenset[str]

    def stable(self, site: str) -> bool:
        """Neither record nor measurement leaves progression at a site possible."""
        return site not in self.found and self.measured[site] is NOT_MET


def progression_sites(case: Case) -> Sites:
    """The sites at the latest evaluation."""
    known = case.once(responses)
    last = known.latest
    if last is None:
        return Sites(frozenset(), dict.fromkeys(SITES, UNKNOWN), frozenset())
    group = last.imaging
    earlier = [g for g in (known.baseline, *(e.imaging for e in known.all[:-1])) if g is not None]
    recorded = frozenset(w.value for w in group.said("progression_site") if w.value in SITES)
    measured = {
        TARGETS: _targets_grown(case, known, group, earlier, False),
        NEW_LIVER: _new(case, group, False),
        OUTSIDE: any_of(
            (
                _targets_grown(case, known, group, earlier, True),
                _new(case, group, True),
                truth(_newly_spread(case, group, earlier)),
            )
        ),
        THROMBUS: vessel_grade_up(group, earlier),
    }
    measured = _attributed(measured, "sum-up" in last.mrecist.reasons)
    found = recorded or frozenset(site for site, status in measured.items() if status is MET)
    return Sites(found, measured, recorded)


def _attributed(measured: dict[str, Truth], sum_up: bool) -> dict[str, Truth]:
    """A sum that grew without one part growing enough by itself is progression of the targets in the liver."""
    if sum_up and MET not in (measured[TARGETS], measured[OUTSIDE]):
        return {**measured, TARGETS: MET}
    return measured


def _sizes(case: Case, group: Imaging, names: Iterable[str]) -> Interval | None:
    """The viable sum of some targets, None when one was not measured."""
    seen = group.measured()
    sizes = [viable_size(seen[n], enhancement_on(case, seen[n])) if n in seen else None for n in names]
    known = [s for s in sizes if s is not None]
    return total(known) if len(known) == len(sizes) else None


def _targets_grown(case: Case, known: Responses, group: Imaging, earlier: list[Imaging], outside: bool) -> Truth:
    """Whether the targets in the liver, or those outside it, grew as progression asks."""
    base = known.baseline
    lesions: tuple[Lesion, ...] = () if base is None else base.lesions
    names = sorted({s.lesion for s in lesions if s.role == TARGET and s.extrahepatic is outside and s.lesion})
    if not names:
        return NOT_MET
    now = _sizes(case, group, names)
    before = [s for s in (_sizes(case, one, names) for one in earlier) if s is not None]
    if now is None or not before:
        return UNKNOWN
    return any_of(grown(case, now, one, False) for one in before)


def _new(case: Case, group: Imaging, outside: bool) -> Truth:
    bound = case.limit("course", "new-lesion").value
    verdicts = []
    for lesion in group.lesions:
        if lesion.role != NEW or lesion.extrahepatic is not outside:
            continue
        if lesion.diameter is None:
            verdicts.append(MET if outside else UNKNOWN)
        else:
            verdicts.append(lesion.diameter.above(0) if outside else lesion.diameter.at_least(bound))
    return any_of(verdicts)


def _newly_spread(case: Case, group: Imaging, earlier: list[Imaging]) -> bool:
    """Extrahepatic metastasis seen now and never before."""
    if not any(w.value == "present" for w in group.said("distant_metastasis_status")):
        return False
    first = group.days[0]
    before = any(w.value == "present" for one in earlier for w in one.said("distant_metastasis_status"))
    lesions = any(s.extrahepatic and s.when.first < first for s in case.view.lesions)
    conditions = any((when := began(p)) is not None and when.first < first for p in case.confirmed("metastasis"))
    return not (before or lesions or conditions)
