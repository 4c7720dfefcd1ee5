"""The trend of a tumour marker from its pre-treatment value, as the set of outcomes that stay possible."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.treatment import course
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest, latest
from adapter.values import Interval, Truth, all_of, any_of, negate

TOPIC = "markers"
NOT_INFORMATIVE, UNKNOWN, RISING = "not-informative", "unknown", "rising"
SUSTAINED, NORMALISED, DECREASED, PARTIAL, UNCHANGED = (
    "normalised-sustained",
    "normalised",
    "decreased",
    "partial",
    "unchanged",
)


class Marker(msgspec.Struct, frozen=True):
    """A tumour marker: its concept, concepts of the same marker that cannot be converted, its limit of normal."""

    code: str
    concept: str
    others: tuple[str, ...]
    normal: str
    own_range: bool


AFP = Marker("markers.afp", "afp", ("afp_units", "afp_molar"), "afp-normal", False)
PIVKA = Marker("markers.pivka", "pivka_ii_units", ("pivka_ii_mass",), "pivka-normal", True)


class Trend(msgspec.Struct, frozen=True):
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
    facts = [m for m in case.view.measurements(concept) if m.when.last <= start]
    straddling = [m for m in case.view.measurements(concept) if m.when.first <= start < m.when.last]
    unusable = [u for u in case.unusable(concept) if u.when is None or u.when.first <= start]
    found = latest(facts, unusable, start, case.limit(TOPIC, "pre-treatment-days").days)
    if found.stale:
        found = Latest(blocked=found.blocked)
    if straddling and found.facts:
        # A partial date that reaches past the start may be the last value before it: both stay possible.
        return Latest((*found.facts, *straddling), imprecise=True, blocked=found.blocked, age=found.age)
    return found


def fallen(now: Interval, before: Interval, share: Decimal) -> Truth:
    """Whether `now` is more than `share` percent below `before`."""
    return before.scaled(1 - share / PERCENT).minus(now).above(0)


def risen(now: Interval, before: Interval, share: Decimal) -> Truth:
    """Whether `now` is at least `share` percent above `before`."""
    return now.minus(before.scaled(1 + share / PERCENT)).at_least(0)


def trend(case: Case, marker: Marker) -> Trend:
    """The first outcome that holds; `unknown` where the facts do not decide which."""
    before, now = pre_treatment(case, marker.concept), case.latest_number(marker.concept, "tumour-markers")
    if before.agreed(lambda f: normal(case, marker, f)) is Truth.MET and not before.blocked:
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
    if not any(f.when.last > start for f in now.facts):
        notes.append("no-value-under-treatment")
    elif now.stale:
        notes.append(f"stale: {now.age} d")
    newest = max((f.when.start for f in now.facts), default=0)
    if any(m.when.start > newest for concept in marker.others for m in case.view.measurements(concept)):
        notes.append("other-unit")
    return tuple(notes)


def _possible(case: Case, marker: Marker, before: Measurement, now: Measurement) -> set[str]:
    """The outcomes that stay possible for one pre-treatment and one latest value."""
    said = normal(case, marker, before)
    possible = set() if said is Truth.NOT_MET else {NOT_INFORMATIVE}
    decreased, partial = case.limit(TOPIC, "decreased").value, case.limit(TOPIC, "partial").value
    is_normal = normal(case, marker, now)
    rungs = (
        (RISING, _rising(case, marker, before, now)),
        (SUSTAINED, all_of((is_normal, _sustained(case, marker, now)))),
        (NORMALISED, is_normal),
        (DECREASED, fallen(now.value, before.value, decreased)),
        (PARTIAL, fallen(now.value, before.value, partial)),
        (UNCHANGED, Truth.MET),
    )
    for outcome, status in rungs:
        if status is not Truth.NOT_MET:
            possible.add(outcome)
        if status is Truth.MET:
            break
    return possible


def _rising(case: Case, marker: Marker, before: Measurement, now: Measurement) -> Truth:
    share = case.limit(TOPIC, "rise").value
    values = [fact.value for fact in _series(case, marker, now)]
    steps = list(pairwise(values))[-2:]
    by_steps = Truth.NOT_MET
    if len(steps) == 2:
        by_steps = all_of(risen(later, earlier, share) for earlier, later in steps)
    above = negate(normal(case, marker, now))
    return all_of((above, any_of((risen(now.value, before.value, share), by_steps))))


def _series(case: Case, marker: Marker, now: Measurement) -> list[Measurement]:
    """All values up to the latest; of several at one instant the higher, for an alert the worse one."""
    by_time: dict[int, Measurement] = {}
    for fact in case.view.measurements(marker.concept):
        known = by_time.get(fact.when.start)
        if known is None or (fact.value.low or 0) > (known.value.low or 0):
            by_time[fact.when.start] = fact
    by_time[now.when.start] = now
    return [by_time[time] for time in sorted(by_time) if time <= now.when.start]


def _sustained(case: Case, marker: Marker, now: Measurement) -> Truth:
    """Whether the latest consecutive values are normal over long enough a time."""
    needed = case.limit(TOPIC, "sustained-days").days
    facts = [f for f in case.view.measurements(marker.concept) if f.when.start < now.when.start]
    verdict = Truth.NOT_MET
    sure = True
    for fact in reversed(facts):
        said = normal(case, marker, fact)
        if said is Truth.NOT_MET:
            break
        sure = sure and said is Truth.MET
        fewest, most = now.when.first - fact.when.last, now.when.last - fact.when.first
        if sure and fewest >= needed:
            return Truth.MET
        if most >= needed:
            verdict = Truth.UNKNOWN
    return verdict
