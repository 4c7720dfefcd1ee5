"""MELD: the recorded score, else the original formula with missing parts bounded (guideline.md 3.7)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest
from adapter.values import Interval
from adapter.values.interval import rounded, total

TOPIC = "meld"
_PARTS = (("bilirubin_total", "bilirubin"), ("inr", "inr"), ("creatinine", "creatinine"))
_TENTH = Decimal(1).scaleb(-1)


class Meld(msgspec.Struct, frozen=True, gc=False):
    """The score as an interval of points, whether anything was recorded at all, and what it rests on."""

    value: Interval
    on_record: bool
    recorded: bool
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> Decimal | str:
        """The points for display, one decimal."""
        number = self.value.number
        return self.value.shown() if number is None else rounded(number, _TENTH)


def meld(case: Case) -> Meld:
    """The score at as-of; a fresh recorded one comes first."""
    found = case.latest_number("meld_score", "recorded-scores")
    newest = found.newest
    if found.fresh and newest is not None:
        return Meld(_worst(found), True, True, newest.when.iso, found.sources, tuple(doubts(found)))
    return _computed(case, found)


def _computed(case: Case, recorded: Latest[Measurement]) -> Meld:
    parts = [(name, case.latest_number(concept, "labs")) for concept, name in _PARTS]
    score = total([_points(case, name, found) for name, found in parts])
    constant = Interval.exact(case.limit(TOPIC, "constant").value)
    dates = [found.newest.when for _, found in parts if found.newest is not None and found.fresh]
    notes = [f"{name}: {note}" for name, found in parts for note in doubts(found)]
    return Meld(
        value=score.plus(constant),
        on_record=not recorded.missing or bool(recorded.blocked) or any(f.facts or f.blocked for _, f in parts),
        recorded=False,
        at=max(dates, key=lambda w: w.start).iso if dates else None,
        evidence=tuple(dict.fromkeys(s for _, found in parts for s in found.sources)),
        notes=("computed", *notes),
    )


def _worst(found: Latest[Measurement]) -> Interval:
    """Of two values at one instant the higher decides an alert; unordered ones stay possible together."""
    facts = list(found.facts)
    if found.contradiction:
        return max(facts, key=lambda f: f.value.low or 0).value
    result = facts[0].value
    for fact in facts[1:]:
        result = result.hull(fact.value)
    return result


def _points(case: Case, name: str, found: Latest[Measurement]) -> Interval:
    """The points of one part; a missing or stale one can be anything from the formula's floor."""
    least = case.limit(TOPIC, "least").value
    factor = case.limit(TOPIC, f"{name}-factor")
    if not found.fresh:
        return Interval(factor.value * least.ln(), None)
    facts = [_in_unit(case, name, f, factor.unit) for f in found.facts]
    lows = [least if v.low is None else max(v.low, least) for v in facts]
    highs = [None if v.high is None else max(v.high, least) for v in facts]
    low = max(lows) if found.contradiction else min(lows)
    known = [h for h in highs if h is not None]
    high = max(known) if len(known) == len(highs) else None
    fewest = factor.value * low.ln()
    if high == low:  # one exact value: a logarithm is dear
        return Interval(fewest, fewest)
    return Interval(fewest, None if high is None else factor.value * high.ln())


def _in_unit(case: Case, name: str, fact: Measurement, unit: str) -> Interval:
    """The value in the formula's unit, as reported where that is the unit."""
    if not case.policy.thresholds.has(TOPIC, f"{name}-molar"):
        return fact.value
    if fact.reported_unit == unit:
        return fact.reported
    return fact.value.scaled(1 / case.limit(TOPIC, f"{name}-molar").value)
