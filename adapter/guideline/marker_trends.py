"""The trend of a tumour marker from its pre-treatment value, as the set of outcomes that stay possible."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.treatment import course
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest, latest
from adapter.values import Interval, Truth, all_of, any_of, negate
from adapter.values.truth import MET, NOT_MET

TOPIC = "markers"
_STEPS = 2
NOT_INFORMATIVE, UNKNOWN, RISING = "not-informative", "unknown", "rising"
SUSTAINED, NORMALISED, DECREASED, PARTIAL, UNCHANGED = (
    "normalised-sustained",
    "normalised",
    "decreased",
    "partial",
    "unchanged",
)


class Marker(msgspec.Struct, frozen=True, gc=False):
    """A tumour marker: its concept, concepts of the same marker that cannot be converted, its limit of normal."""

    code: str
    concept: str
    others: tuple[str, ...]
    normal: str
    own_range: bool


AFP = Marker("markers.afp", "afp", ("afp_units", "afp_molar"), "afp-normal", False)
PIVKA = Marker("markers.pivka", "pivka_ii_units", ("pivka_ii_mass",), "pivka-normal", True)


class Trend(msgspec.Struct, frozen=True, gc=False):
    """The decided outcome, with the values that it rests on."""

    outcome: str
    before: Latest[Measurement]
    now: Latest[Measurement]
    notes: tuple[str, ...] = ()


def normal(case: Case, marker: Marker, fact: Measurement) -> Truth:
    """Whether a value is normal: PIVKA-II by the observation's own upper limit, AFP always by the consensus."""
    limit = case.limit(TOPIC, marker.normal)
    bound = fact.high if marker.own_range and fact.high is not None else limit.value
    return fact.value.at_most(bound)


def pre_treatment(case: Case, concept: str) -> Latest[Measurement]:
    """The last value on or before conversion start, missing when it is too old."""
    start = case.once(course).start
    if start is None:
        return Latest()
    values = case.view.measurements(concept)
    facts = [m for m in values if m.when.last <= start]
    unusable = [u for u in case.unusable(concept) if u.when is None or u.when.first <= start]
    found = latest(facts, unusable, start, case.timeline.reach, case.limit(TOPIC, "pre-treatment-days").days)
    if found.stale:
        return Latest(blocked=found.blocked)
    if not found.facts:
        return found
    straddling = [m for m in values if m.when.first <= start < m.when.last]
    if straddling:
        # A partial date that reaches past the start may be the last value before it: both stay possible.
        return Latest((*found.facts, *straddling), imprecise=True, blocked=found.blocked, age=found.age)
    return found


def fallen(now: Interval, before: Interval, share: Decimal) -> Truth:
    """Whether `now` is more than `share` percent below `before`."""
    return before.scaled(1 - share / PERCENT).minus(now).above(0)


def risen(now: Interval, before: Interval, share: Decimal) -> Truth:
    """Whether `now` is at least `share` percent above `before`."""
    return now.minus(before.scaled(1 + share / PERCENT)).at_least(0)


def trends(case: Case) -> dict[str, Trend]:
    """The trend of each marker by its code."""
    return {marker.code: trend(case, marker) for marker in (AFP, PIVKA)}


def trend(case: Case, marker: Marker) -> Trend:
    """The first outcome that holds; `unknown` where the facts do not decide which."""
    before, now = pre_treatment(case, marker.concept), case.latest_number(marker.concept, "tumour-markers")
    if before.agreed(lambda f: normal(case, marker, f)) is MET and not before.blocked:
        return Trend(NOT_INFORMATIVE, before, now)
    notes = _gaps(case, marker, before, now)
    if notes:
        return Trend(UNKNOWN, before, now, notes)
    outcomes = {o for p in before.facts for n in now.facts for o in _possible(case, marker, p, n)}
    if outcomes == {RISING} or (now.contradiction and RISING in outcomes):
        return Trend(RISING, before, now)
    doubtful = before.blocked or now.blocked or len(outcomes) > 1
    return Trend(UNKNOWN if doubtful else outcomes.pop(), before, now)


def _gaps(case: Case, marker: Marker, before: Latest[Measurement], now: Latest[Measurement]) -> tuple[str, ...]:
    """What keeps any outcome but `not-informative` from being decided."""
    start = case.once(course).start or 0
    notes = []
    if before.missing:
        notes.append("no-pre-treatment-value")
    if not [f for f in now.facts if f.when.last > start]:
        notes.append("no-value-under-treatment")
    elif now.stale:
        notes.append(f"stale: {now.age} d")
    if newer_elsewhere(case, marker, now):
        notes.append("other-unit")
    return tuple(notes)


def newer_elsewhere(case: Case, marker: Marker, now: Latest[Measurement]) -> bool:
    """A value of the marker that cannot be converted is newer than the latest one that can."""
    newest = max([f.when.start for f in now.facts], default=0)
    others = [case.view.measurements(concept) for concept in marker.others]
    # The last of a list, sorted by time, is its newest.
    return bool([facts for facts in others if facts and facts[-1].when.start > newest])


def _possible(case: Case, marker: Marker, before: Measurement, now: Measurement) -> set[str]:
    """The outcomes that stay possible for one pre-treatment and one latest value."""
    said = normal(case, marker, before)
    possible = set() if said is NOT_MET else {NOT_INFORMATIVE}
    for outcome, status in _rungs(case, marker, before, now):
        if status is not NOT_MET:
            possible.add(outcome)
        if status is MET:
            break
    return possible


def _rungs(case: Case, marker: Marker, before: Measurement, now: Measurement) -> Iterator[tuple[str, Truth]]:
    """The outcomes in the order in which they are asked, each judged only when it is reached."""
    is_normal = normal(case, marker, now)
    if is_normal is not MET:
        yield RISING, all_of((negate(is_normal), _risen_enough(case, marker, before, now)))
    if is_normal is not NOT_MET:
        yield SUSTAINED, all_of((is_normal, _sustained(case, marker, now)))
        yield NORMALISED, is_normal
    yield DECREASED, fallen(now.value, before.value, case.limit(TOPIC, "decreased").value)
    yield PARTIAL, fallen(now.value, before.value, case.limit(TOPIC, "partial").value)
    yield UNCHANGED, MET


def _risen_enough(case: Case, marker: Marker, before: Measurement, now: Measurement) -> Truth:
    """Above the pre-treatment value, or in each of the last two steps."""
    share = case.limit(TOPIC, "rise").value
    since_before = risen(now.value, before.value, share)
    if since_before is MET:
        return since_before
    values = _last_three(case, marker, now)
    by_steps = NOT_MET
    if len(values) > _STEPS:
        by_steps = all_of(risen(later, earlier, share) for earlier, later in pairwise(values))
    return any_of((since_before, by_steps))


def _last_three(case: Case, marker: Marker, now: Measurement) -> list[Interval]:
    """The latest value and the two before it, oldest first; of several at one instant the higher, the worse one."""
    by_time = {now.when.start: now.value}
    for fact in reversed(case.view.measurements(marker.concept)):
        time = fact.when.start
        if time >= now.when.start:
            continue
        known = by_time.get(time)
        if known is None and len(by_time) > _STEPS:
            break
        if known is None or (fact.value.low or 0) >= (known.low or 0):
            by_time[time] = fact.value
    return [*reversed(by_time.values())]


def _sustained(case: Case, marker: Marker, now: Measurement) -> Truth:
    """Whether the latest consecutive values are normal over long enough a time."""
    needed = case.limit(TOPIC, "sustained-days").days
    verdict = NOT_MET
    sure = True
    for fact in reversed(case.view.measurements(marker.concept)):
        if fact.when.start >= now.when.start:
            continue
        said = normal(case, marker, fact)
        if said is NOT_MET:
            break
        sure = sure and said is MET
        fewest, most = now.when.first - fact.when.last, now.when.last - fact.when.first
        if sure and fewest >= needed:
            return MET
        if most >= needed:
            verdict = Truth.UNKNOWN
    return verdict
