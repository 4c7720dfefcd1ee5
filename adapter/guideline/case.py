"""One evaluation under way: the view, the policy, and what was derived from them, each derived once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.policy import NormalLimits, Policy
from adapter.guideline.table import kind_and_severity
from adapter.guideline.thresholds import Limit
from adapter.timeline.events import Coded, Measurement, Problem, Unusable
from adapter.timeline.latest import Latest, latest
from adapter.timeline.timeline import Timeline, View
from adapter.values import AsOf, Truth, parse_as_of
from adapter.values.when import day_text

Derived = TypeVar("Derived")


class Case:
    """What an evaluator is given. `day` is as-of's local day (ordinal). `once` keeps what was derived."""

    def __init__(self, timeline: Timeline, as_of: AsOf, policy: Policy, earlier: dict[int, Case] | None = None) -> None:
        self.timeline = timeline
        self.as_of = as_of
        self.policy = policy
        self.view: View = timeline.at(as_of)
        self.day = as_of.day
        self.edition = policy.edition
        self._kept: dict[Any, Any] = {}
        self._raised: dict[str, list[Measurement]] = {}
        self._earlier: dict[int, Case] = {} if earlier is None else earlier
        # A threshold of the policy's edition: adapter/guideline/<topic>.yaml, value <name>.
        self.limit: Callable[[str, str], Limit] = policy.thresholds.limit
        self._windows = policy.thresholds.windows

    def once(self, derive: Callable[[Case], Derived]) -> Derived:
        """`derive(self)`, computed at the first call and kept."""
        kept = self._kept
        if derive in kept:
            return kept[derive]  # type: ignore[no-any-return]  # kept by what derived it, whose type no dict can tell
        found = kept[derive] = derive(self)
        return found

    def at(self, day: int) -> Case:
        """The same patient and policy at the end of an earlier day (ordinal); as-of's own day ends at as-of."""
        if day >= self.day:
            return self
        if day not in self._earlier:
            as_of = parse_as_of(day_text(day), self.as_of.zone)
            self._earlier[day] = Case(self.timeline, as_of, self.policy, self._earlier)
        return self._earlier[day]

    def option(self, name: str) -> bool:
        """Whether the site chose an option."""
        return name in self.policy.options

    def window(self, name: str) -> int:
        """A staleness window in days (ground_rules.yaml)."""
        days = self._windows.get(name)
        return self.limit("ground_rules", name).days if days is None else days

    def latest_number(self, concept: str, window: str | None = None) -> Latest[Measurement]:
        """The newest number of a concept as present state; `window` names the staleness window, None = never stale."""
        view = self.view
        facts = view.measurements(concept)
        days = self.window(window) if facts and window is not None else None
        unusable = view.unusable_about(concept) if view.unusable else ()
        return latest(facts, unusable, self.day, self.timeline.reach, days)

    def latest_word(self, concept: str, window: str | None = None) -> Latest[Coded]:
        """The newest word of a concept as present state."""
        view = self.view
        facts = view.coded(concept)
        days = self.window(window) if facts and window is not None else None
        unusable = view.unusable_about(concept) if view.unusable else ()
        return latest(facts, unusable, self.day, self.timeline.reach, days)

    def unusable(self, *keys: str) -> list[Unusable]:
        """Unusable resources about one of the concepts or groups."""
        return self.view.unusable_about(*keys) if self.view.unusable else []

    def confirmed(self, group: str) -> list[Problem]:
        """Confirmed, not refuted Conditions of a group or concept that have begun by as-of."""
        found = self.view.diagnosed(group)
        return [p for p in found if p.confirmed and not p.refuted] if found else []

    def normal(self, measurement: Measurement) -> NormalLimits:
        """Limits of normal of a value: its own range, else the site's, else the cited default by sex."""
        if measurement.high is not None or measurement.low is not None:
            return NormalLimits(measurement.low, measurement.high, False)
        return self.normal_of(measurement.concept)

    def normal_of(self, concept: str) -> NormalLimits:
        """The site's or the default limits of normal of a concept."""
        table = self.policy.normal_limits
        sex = self.view.person.sex or ""
        found = table.get((concept, sex)) or table.get((concept, ""))
        return found if found is not None else NormalLimits(None, None, False)

    def perhaps_raised(self, concept: str) -> Sequence[Measurement]:
        """Numbers of a concept but for those that one quick look finds normal."""
        found = self._raised.get(concept)
        if found is None:
            facts = self.view.measurements(concept)
            found = self._raised[concept] = perhaps_raised(facts, self.normal_of(concept).high)
        return found

    def finding(
        self,
        code: str,
        outcome: str,
        statements: Iterable[str],
        criteria: Iterable[Criterion] = (),
        *,
        due: Due | None = None,
        cause: str | None = None,
        evidence: Iterable[str] = (),
        notes: Iterable[str] = (),
        kind: str | None = None,
        severity: str | None = None,
        preliminary: bool = False,
        **params: Any,
    ) -> Finding:
        """A finding with the catalogue's kind and severity (conditional ones must be given), evidence of its criteria
        added."""
        listed = tuple(criteria)
        references = [*evidence]
        for one in listed:
            references += one.evidence
        uncertain = self.timeline.preliminary
        table_kind, table_severity = kind_and_severity(code, outcome, kind, severity)
        return Finding(
            code=code,
            outcome=outcome,
            kind=table_kind,
            severity=table_severity,
            statements=tuple(statements),
            criteria=listed,
            due=due,
            cause=cause,
            evidence=tuple(dict.fromkeys(references)) if references else (),
            notes=tuple(notes),
            params=params,
            preliminary=preliminary or (bool(uncertain) and not uncertain.isdisjoint(references)),
        )


def criterion(
    code: str,
    status: Truth,
    found: Latest[Measurement] | Latest[Coded] | None = None,
    *,
    threshold: str | None = None,
    value: Decimal | int | str | bool | None = None,
    unit: str | None = None,
    at: str | None = None,
    evidence: Iterable[str] = (),
    notes: Iterable[str] = (),
    statements: Iterable[str] = (),
) -> Criterion:
    """A criterion; value, unit, time, evidence and doubts are taken from `found` where they are not given."""
    added: list[str] = list(notes)
    references: tuple[str, ...] = tuple(evidence)
    if found is not None:
        newest = found.newest
        references += found.sources
        added += doubts(found)
        if newest is not None:
            at = at if at is not None else newest.when.iso
            if value is None:
                value, unit = _shown(newest)
    return Criterion(
        code=code,
        status=status,
        value=value,
        unit=unit,
        threshold=threshold,
        at=at,
        evidence=tuple(dict.fromkeys(references)) if len(references) > 1 else references,
        notes=tuple(dict.fromkeys(added)) if added else (),
        statements=tuple(statements),
    )


def perhaps_raised(
    facts: Iterable[Measurement], usual: Decimal | None, floor: Decimal | None = None
) -> list[Measurement]:
    """Values but for those that one quick look finds normal, which most are.

    Normal: not above their own upper limit, or the usual one where the observation names no limits, and below `floor`
    where one is given.
    """
    found = []
    for fact in facts:
        upper = usual if fact.high is None and fact.low is None else fact.high
        top = fact.value.high
        if top is None or upper is None or top > upper or (floor is not None and top >= floor):
            found.append(fact)
    return found


def doubts(found: Latest[Any]) -> list[str]:
    """Notes on why a newest value may not decide, and on a preliminary one that does."""
    if not found.facts and not found.blocked:
        return ["missing"]
    notes = []
    if found.stale:
        notes.append(f"stale: {found.age} d")
    if found.contradiction:
        notes.append("contradiction")
    if found.imprecise:
        notes.append("date-imprecise")
    if found.blocked:
        notes += [f"unusable: {u.reason}" for u in found.blocked]
    for fact in found.facts:
        notes += fact.notes
        if fact.preliminary:
            notes.append("preliminary")
    return list(dict.fromkeys(notes)) if len(notes) > 1 else notes


def _shown(fact: Measurement | Coded) -> tuple[Decimal | str | None, str | None]:
    if isinstance(fact, Coded):
        return fact.value, None
    number = fact.value.number
    return (number if number is not None else fact.value.shown()), fact.unit or None
