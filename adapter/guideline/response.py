"""Response of every evaluation by mRECIST and RECIST 1.1 (guideline.md 2, Response)."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.imaging import Imaging, evaluations, target_names
from adapter.guideline.lesions import enhancement_on, viable_size
from adapter.guideline.progression_clauses import PERCENT, grown, new_lesion, non_target, vessel_grade_up
from adapter.guideline.tumour_left import Size, nothing_else
from adapter.timeline.events import Lesion
from adapter.values import Interval, Truth, any_of, truth
from adapter.values.interval import total
from adapter.values.truth import MET, UNKNOWN

CR, PR, SD, PD, NE = "CR", "PR", "SD", "PD", "NE"
WORST_FIRST = (PD, SD, PR, CR)
BEST_FIRST = (CR, PR, SD, PD)
RESPONSE = frozenset({CR, PR})


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The response by one criteria set: what decides, what was computed and what recorded, the sum in mm, and why.

    `sources` of the evaluation itself, `compared` of the earlier imaging that its sum was compared with.
    """

    outcome: str
    computed: str
    recorded: str | None
    sum: Interval | None
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()

    @property
    def discordant(self) -> bool:
        """Measured and recorded differ, neither being NE."""
        return self.recorded not in (None, NE) and self.computed != NE and self.recorded != self.computed


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """One evaluation after conversion start, on its `day` (ordinal)."""

    imaging: Imaging
    mrecist: Verdict
    recist: Verdict

    @property
    def day(self) -> int:
        """Its last imaging day."""
        return self.imaging.days[-1]


class Responses(msgspec.Struct, frozen=True, gc=False):
    """All evaluations of the course, oldest first, with the baseline; `decided` those whose mRECIST is not NE."""

    baseline: Imaging | None
    targets: tuple[str, ...]
    baseline_viable: Interval | None
    baseline_whole: Interval | None
    all: tuple[Evaluation, ...]
    decided: tuple[Evaluation, ...]

    @property
    def latest(self) -> Evaluation | None:
        """The newest evaluation."""
        return self.all[-1] if self.all else None

    @property
    def best(self) -> str | None:
        """Best mRECIST response; None without a decided evaluation."""
        outcomes = {e.mrecist.outcome for e in self.decided}
        return next((o for o in BEST_FIRST if o in outcomes), None)


def responses(case: Case) -> Responses:
    """The responses of the conversion course at as-of."""
    found = case.once(evaluations)
    # A target without identity makes any sum impossible.
    targets = () if found.baseline is None else tuple(target_names(found.baseline))
    viable, whole = _viable(case), _whole
    base = found.baseline
    measured = _measured(base, targets) if base else []
    base_viable, base_whole = _sum(measured, viable)[0], _sum(measured, whole)[0]
    done: list[Evaluation] = []
    earlier = [] if base is None else [base]
    for group in found.after:
        seen = _seen(case, group, tuple(earlier), targets)
        mrecist = _verdict(case, seen, targets, viable, base_viable, [e.mrecist.sum for e in done], False)
        recist = _verdict(case, seen, targets, whole, base_whole, [e.recist.sum for e in done], True)
        done.append(Evaluation(group, mrecist, recist))
        earlier.append(group)
    decided = tuple([e for e in done if e.mrecist.outcome != NE])
    return Responses(base, targets, base_viable, base_whole, tuple(done), decided)


def _viable(case: Case) -> Size:
    return lambda lesion: (
        lesion.viable if lesion.viable is not None else viable_size(lesion, enhancement_on(case, lesion))
    )


def _whole(lesion: Lesion) -> Interval | None:
    return lesion.diameter


def _measured(group: Imaging, targets: tuple[str, ...]) -> list[list[Lesion]]:
    """For every target its measurements that can be the newest; none where it was not measured."""
    measured = group.alternatives()
    return [measured.get(target, []) for target in targets]


def _sum(measured: list[list[Lesion]], size: Size) -> tuple[Interval | None, Interval]:
    """The complete sum of the targets, None when one is missing; and what their sum is at least, for an alert.

    Two measurements of a target at one time both stay possible; for an alert the larger one counts.
    """
    known = [sizes for lesions in measured if (sizes := _possible_sizes(lesions, size))]
    worst = total([s[0] if len(s) == 1 else max(s, key=lambda one: one.low or 0) for s in known])
    if not measured or len(known) < len(measured):
        return None, Interval(worst.low, None, worst.low_open, False)
    if not [s for s in known if len(s) > 1]:
        return worst, worst
    return total([s[0] if len(s) == 1 else reduce(Interval.hull, s) for s in known]), worst


def _possible_sizes(lesions: list[Lesion], size: Size) -> list[Interval]:
    """The sizes that a lesion can have; none when one of its measurements does not say."""
    if len(lesions) == 1:
        one = size(lesions[0])
        return [] if one is None else [one]
    sizes = [size(lesion) for lesion in lesions]
    known = [s for s in sizes if s is not None]
    return known if len(known) == len(sizes) else []


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """What both criteria sets read from one evaluation and the imaging `earlier` than it.

    `measured` per target; `fresh` a new lesion, `equivocal` a small one; `grade_up` of a vessel; `beside` progression
    recorded beside the targets, `sited` with its site.
    """

    group: Imaging
    earlier: tuple[Imaging, ...]
    measured: list[list[Lesion]]
    fresh: Truth
    equivocal: bool
    grade_up: Truth
    beside: Truth
    sited: Truth
    compared: tuple[str, ...]


def _seen(case: Case, group: Imaging, earlier: tuple[Imaging, ...], targets: tuple[str, ...]) -> _Seen:
    fresh, _, equivocal = new_lesion(case, group)
    return _Seen(
        group=group,
        earlier=earlier,
        measured=_measured(group, targets),
        fresh=fresh,
        equivocal=bool(equivocal),
        grade_up=vessel_grade_up(group, earlier),
        beside=non_target(group),
        sited=truth(bool(group.said("progression_site"))),
        compared=_compared(earlier, targets),
    )


def _verdict(
    case: Case,
    seen: _Seen,
    targets: tuple[str, ...],
    size: Size,
    baseline: Interval | None,
    sums: list[Interval | None],
    whole: bool,
) -> Verdict:
    complete, worst = _sum(seen.measured, size)
    known = [s for s in (baseline, *sums) if s is not None]
    measured, reasons = _progression(case, seen, worst, known, whole)
    progressive = any_of((measured, seen.sited))
    computed = _computed(case, seen, targets, complete, baseline, progressive, size, whole)
    if seen.beside is MET:
        reasons = (*reasons, "progression-recorded")
    recorded = _recorded(seen.group, "response_recist" if whole else "response_mrecist")
    decided = PD if MET in (measured, seen.beside) else computed
    if recorded is not None and recorded != NE:
        decided = recorded if decided == NE else _worse(decided, recorded)
    if not seen.earlier or baseline is None:
        reasons = (*reasons, "no-baseline")
    elif complete is None:
        reasons = (*reasons, "target-not-measured")
    return Verdict(decided, computed, recorded, complete, reasons, seen.group.sources, seen.compared)


def _compared(earlier: tuple[Imaging, ...], targets: tuple[str, ...]) -> tuple[str, ...]:
    """References of the targets of the baseline and of every evaluation since."""
    return tuple(dict.fromkeys([s.source for one in earlier for s in one.lesions if (s.lesion or s.source) in targets]))


def _progression(
    case: Case, seen: _Seen, now: Interval, known: list[Interval], whole: bool
) -> tuple[Truth, tuple[str, ...]]:
    """The measured clauses of PD, with the names of those that hold."""
    summed = any_of([grown(case, now, one, whole) for one in _smallest(known)])
    clauses = (("new-lesion", seen.fresh), ("vessel-grade-up", seen.grade_up), ("sum-up", summed))
    reasons = tuple([name for name, verdict in clauses if verdict is MET])
    if seen.fresh is UNKNOWN:
        reasons = (*reasons, "unmeasured-new-lesion")
    if seen.equivocal:
        reasons = (*reasons, "equivocal-new-lesion")
    return any_of((seen.fresh, seen.grade_up, summed)), reasons


def _smallest(known: list[Interval]) -> list[Interval]:
    """The sums that can be the smallest so far."""
    highs = [s.high for s in known if s.high is not None]
    bound = min(highs) if highs else None
    return [s for s in known if bound is None or s.low is None or s.low <= bound]


def _computed(
    case: Case,
    seen: _Seen,
    targets: tuple[str, ...],
    complete: Interval | None,
    baseline: Interval | None,
    progressive: Truth,
    size: Size,
    whole: bool,
) -> str:
    if progressive is MET:
        return PD
    if complete is None or baseline is None or progressive is UNKNOWN:
        return NE
    if complete.number == 0 and nothing_else([*seen.earlier, seen.group], targets, size, whole):
        return CR
    share = case.limit("response", "partial").value / PERCENT
    partial = baseline.scaled(1 - share).minus(complete).at_least(0)
    if partial is UNKNOWN:
        return NE
    # A sum of 0 cannot go down.
    return PR if partial is MET and baseline.number != 0 else SD


def _recorded(group: Imaging, concept: str) -> str | None:
    """The response recorded by the radiologist, the worst of several."""
    if not group.responses:
        return None
    said = {r.value for r in group.responses if r.concept == concept}
    return next((o for o in (*WORST_FIRST, NE) if o in said), None)


def _worse(one: str, two: str) -> str:
    return min(one, two, key=WORST_FIRST.index)


def depth(found: Responses) -> Decimal | None:
    """The largest relative decrease of the mRECIST sum (negative; 0 when it never decreased)."""
    base = found.baseline_viable.number if found.baseline_viable else None
    sums = [e.mrecist.sum.number for e in found.all if e.mrecist.sum is not None]
    numbers = [s for s in sums if s is not None]
    if not base or not numbers:
        return None
    return min((min(numbers) - base) / base, Decimal(0))


def response_times(case: Case, found: Responses, start: int) -> tuple[int | None, int | None]:
    """Days to the first CR or PR, and from it to PD, else to the last evaluation."""
    first = next((e for e in found.all if e.mrecist.outcome in RESPONSE), None)
    if first is None:
        return None, None
    later = [e for e in found.all if e.day > first.day]
    end = next((e for e in later if e.mrecist.outcome == PD), found.all[-1])
    return first.day - start, end.day - first.day
