"""Child-Pugh as a range of points: missing parts are bounded, never guessed (guideline.md 2, `standard`)."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.model import ChildPugh
from adapter.guideline.problems import active_confirmed, began
from adapter.guideline.thresholds import Thresholds
from adapter.timeline.events import Coded, Measurement
from adapter.timeline.latest import Latest
from adapter.values import Interval, Truth, When
from adapter.values.truth import MET, NOT_MET, UNKNOWN

CLASSES = ("A", "B", "C")
_ASCITES_SEVERE = frozenset({"moderate", "severe", "refractory"})


class Part(msgspec.Struct, frozen=True, gc=False):
    """Points that one part can give (fewest, most), with what they rest on."""

    name: str
    points: tuple[int, int]
    day: int | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    assumed: bool = False


def child_pugh(case: Case) -> ChildPugh:
    """The class and points at the case's as-of."""
    parts = (_bilirubin(case), _albumin(case), _inr(case), _ascites(case), _encephalopathy(case))
    low, high, day, at = 0, 0, None, None
    for part in parts:
        low, high = low + part.points[0], high + part.points[1]
        if part.day is not None and (day is None or part.day > day):
            day, at = part.day, part.at
    computed = ChildPugh(
        possible=_classes(case, low, high),
        points=(low, high),
        parts={p.name: p.points for p in parts},
        assumed=tuple([p.name for p in parts if p.assumed]),
        at=at,
        evidence=tuple(dict.fromkeys([r for p in parts for r in p.evidence])),
        notes=tuple([f"{p.name}: {note}" for p in parts for note in p.notes]),
    )
    return _with_record(case, computed, day)


def _classes(case: Case, low: int, high: int) -> tuple[str, ...]:
    bounds = _class_bounds(case.policy.thresholds)
    return tuple([name for name in CLASSES if low <= bounds[name][1] and high >= bounds[name][0]])


@lru_cache(maxsize=16)
def _class_bounds(thresholds: Thresholds) -> dict[str, tuple[int, int]]:
    limit = thresholds.limit
    most_a, most_b = limit("child_pugh", "class-a").days, limit("child_pugh", "class-b").days
    fewest, most = limit("child_pugh", "fewest").days, limit("child_pugh", "most").days
    return {"A": (fewest, most_a), "B": (most_a + 1, most_b), "C": (most_b + 1, most)}


class _Table(msgspec.Struct, frozen=True, gc=False):
    """The table's bounds (low, high) of each part, bilirubin by the unit that it was reported in."""

    most: int
    mass_unit: str
    bilirubin_mass: tuple[Decimal, Decimal]
    bilirubin: tuple[Decimal, Decimal]
    albumin: tuple[Decimal, Decimal]
    inr: tuple[Decimal, Decimal]
    mild: Decimal


@lru_cache(maxsize=16)
def _table(thresholds: Thresholds) -> _Table:
    def bounds(part: str) -> tuple[Decimal, Decimal]:
        low, high = (thresholds.limit("child_pugh", f"{part}-{end}") for end in ("low", "high"))
        return low.value, high.value

    return _Table(
        most=thresholds.limit("child_pugh", "most-points").days,
        mass_unit=thresholds.limit("child_pugh", "bilirubin-mass-low").unit,
        bilirubin_mass=bounds("bilirubin-mass"),
        bilirubin=bounds("bilirubin-molar"),
        albumin=bounds("albumin"),
        inr=bounds("inr"),
        mild=thresholds.limit("child_pugh", "encephalopathy-mild").value,
    )


def _range(most: int, one: Truth, three: Truth) -> tuple[int, int]:
    """Points that stay possible when 1 point and 3 points are each sure, impossible or open."""
    if one is MET:
        return 1, 1
    if three is MET:
        return most, most
    return 1 if one is UNKNOWN else 2, most if three is UNKNOWN else 2


def _hull(ranges: list[tuple[int, int]]) -> tuple[int, int]:
    """From the fewest to the most points of some ranges."""
    if len(ranges) == 1:
        return ranges[0]
    return min([low for low, _ in ranges]), max([high for _, high in ranges])


def _from_number(name: str, found: Latest[Measurement], ranges: list[tuple[int, int]], most: int) -> Part:
    fresh = found.fresh
    points = _hull(ranges) if fresh and not found.blocked else (1, most)
    used = found.newest if fresh else None
    return Part(
        name,
        points,
        used.when.first if used else None,
        used.when.iso if used else None,
        found.sources,
        tuple(doubts(found)),
    )


def _bilirubin(case: Case) -> Part:
    found, table = case.latest_number("bilirubin_total", "labs"), _table(case.policy.thresholds)
    return _from_number("bilirubin", found, [_bilirubin_points(table, fact) for fact in found.facts], table.most)


def _bilirubin_points(table: _Table, fact: Measurement) -> tuple[int, int]:
    """The table gives both units, rounded apart: the value is compared in the unit that it was reported in."""
    mass = table.mass_unit == fact.reported_unit
    (low, high), value = (table.bilirubin_mass, fact.reported) if mass else (table.bilirubin, fact.value)
    return _range(table.most, value.below(low), value.above(high))


def _albumin(case: Case) -> Part:
    found, table = case.latest_number("albumin", "labs"), _table(case.policy.thresholds)
    low, high = table.albumin
    ranges = [_range(table.most, f.value.above(high), f.value.below(low)) for f in found.facts]
    return _from_number("albumin", found, ranges, table.most)


def _inr(case: Case) -> Part:
    found, table = case.latest_number("inr", "labs"), _table(case.policy.thresholds)
    low, high = table.inr
    ranges = [_range(table.most, f.value.below(low), f.value.above(high)) for f in found.facts]
    return _from_number("inr", found, ranges, table.most)


def _ascites(case: Case) -> Part:
    found = case.latest_word("ascites_grade", "ascites-encephalopathy")
    most = _table(case.policy.thresholds).most
    return _graded(case, "ascites", "ascites", found, [_ascites_points(most, f) for f in found.facts], most)


def _ascites_points(most: int, fact: Coded) -> tuple[int, int]:
    return _range(most, _is(fact.value == "none"), _is(fact.value in _ASCITES_SEVERE))


def _encephalopathy(case: Case) -> Part:
    found = case.latest_number("hepatic_encephalopathy_grade", "ascites-encephalopathy")
    table = _table(case.policy.thresholds)
    ranges = [_range(table.most, f.value.at_most(0), f.value.above(table.mild)) for f in found.facts]
    return _graded(case, "encephalopathy", "hepatic_encephalopathy", found, ranges, table.most)


def _graded(case: Case, name: str, problem: str, found: Latest[Any], ranges: list[tuple[int, int]], most: int) -> Part:
    """A grade, with an active Condition beside it: present without a grade, unless a usable grade says more."""
    conditions = active_confirmed(case, problem)
    usable = found.fresh and not found.blocked
    points = _hull(ranges) if usable else (1, most)
    newest = found.newest
    if conditions and (not usable or points[0] == 1):
        since = [began(p) for p in conditions]
        older = usable and newest is not None and all(s is not None and s.last <= newest.when.first for s in since)
        points = (1 if older else 2, most)
    absent = found.missing and not found.blocked and not conditions
    assumed = absent and case.option("assume-absent") and not {"Observation", "Condition"} & case.view.incomplete
    used = newest if found.fresh else None
    return Part(
        name,
        (1, 1) if assumed else points,
        used.when.first if used else None,
        used.when.iso if used else None,
        (*found.sources, *[p.source for p in conditions]),
        ("assume-absent",) if assumed else tuple(doubts(found)),
        assumed,
    )


def _is(value: bool) -> Truth:
    return MET if value else NOT_MET


def _with_record(case: Case, computed: ChildPugh, newest_part: int | None) -> ChildPugh:
    """A recorded class or score inside the computed range decides; outside it the worst that either allows does."""
    found = _recorded(case)
    if found is None:
        return computed
    (low, high), text, (first, last), sources, note = found
    recorded = msgspec.structs.replace(
        computed, recorded=text, evidence=tuple(dict.fromkeys((*computed.evidence, *sources)))
    )
    points = computed.points or (low, high)
    inside = low <= points[1] and high >= points[0]
    # A partial date decides nothing that could be older; a disagreement that could be newer still counts.
    if newest_part is not None and (first if inside else last) < newest_part:
        return msgspec.structs.replace(recorded, discordant=not inside, notes=(*computed.notes, "recorded-older"))
    if inside:
        kept = (max(low, points[0]), min(high, points[1]))
        return msgspec.structs.replace(
            recorded, points=kept, possible=_classes(case, *kept), notes=(*computed.notes, *note)
        )
    worst = max((*computed.possible, *_classes(case, low, high)))
    return msgspec.structs.replace(
        recorded,
        possible=(worst,),
        points=(low, high) if low > points[1] else points,
        discordant=True,
        notes=(*computed.notes, "recorded-discordant"),
    )


def _recorded(case: Case) -> tuple[tuple[int, int], str, tuple[int, int], tuple[str, ...], tuple[str, ...]] | None:
    """Points, text, first and last possible day, sources and doubts of the newest recorded score or class."""
    score = case.latest_number("child_pugh_score", "recorded-scores")
    named = case.latest_word("child_pugh_class", "recorded-scores")
    ranges: list[tuple[tuple[int, int], str, When, str]] = []
    if score.fresh and not score.blocked:
        ranges += [(_score_range(case, f.value), f.value.shown(), f.when, f.source) for f in score.facts]
    if named.fresh and not named.blocked:
        bounds = _class_bounds(case.policy.thresholds)
        ranges += [(bounds[f.value], f.value, f.when, f.source) for f in named.facts if f.value in bounds]
    if not ranges:
        return None
    day = max(r[2].last for r in ranges)
    newest = [r for r in ranges if r[2].last == day]
    low, high = max(r[0][0] for r in newest), min(r[0][1] for r in newest)
    note: tuple[str, ...] = ()
    if low > high:
        low, high, note = min(r[0][0] for r in newest), max(r[0][1] for r in newest), ("contradiction",)
    first = min(r[2].first for r in newest)
    return (low, high), newest[0][1], (first, day), tuple(r[3] for r in newest), note


def _score_range(case: Case, value: Interval) -> tuple[int, int]:
    fewest, most = case.limit("child_pugh", "fewest").days, case.limit("child_pugh", "most").days
    low = fewest if value.low is None else int(value.low)
    high = most if value.high is None else int(value.high)
    return max(low, fewest), min(high, most)
