"""One patient's timeline, and the view of it that existed at an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import structs

from adapter.timeline.events import (
    AdverseEvent,
    Coded,
    Event,
    Exposure,
    Lesion,
    Measurement,
    Performed,
    Person,
    Plan,
    Problem,
    Unusable,
)
from adapter.values import AsOf, When
from adapter.values.when import whole_day

Dated = TypeVar("Dated", Measurement, Coded, Lesion, AdverseEvent, Performed)
Kind = TypeVar("Kind")


class Timeline:
    """All facts of one patient, of any time, sorted by time and then by source.

    `conditions_read`: the source searched Conditions or gave the whole record. `incomplete`: resource types that the
    source did not give in full (their absence is unknown). `unusable`: what a status would allow but that cannot be
    used. `preliminary`: references of preliminary results. `imprecise`: the day of some observation is not known.
    `reach`: microseconds that the time of the longest fact spans.
    """

    def __init__(
        self,
        person: Person,
        events: Iterable[Event],
        unusable: Iterable[Unusable] = (),
        conditions_read: bool = False,
        incomplete: frozenset[str] = frozenset(),
    ) -> None:
        self.person = person
        self.events = tuple(events)
        self.unusable = tuple(sorted(unusable, key=_of_unusable))
        self.conditions_read = conditions_read
        self.incomplete = incomplete
        measurements: dict[str, list[Measurement]] = {}
        coded: dict[str, list[Coded]] = {}
        others: dict[type[Event], list[Event]] = {}
        preliminary: set[str] = set()
        imprecise, reach = False, 0
        for event in self.events:
            if event.__class__ is Measurement:
                measurements.setdefault(event.concept, []).append(event)
            elif event.__class__ is Coded:
                coded.setdefault(event.concept, []).append(event)
            else:
                others.setdefault(event.__class__, []).append(event)
                if event.__class__ is Performed and not event.when.one_day:
                    imprecise = True
                if event.__class__ is not Lesion and event.__class__ is not AdverseEvent:
                    continue
            when = event.when
            if when.first != when.last:
                imprecise = True
            if when.end - when.start > reach:
                reach = when.end - when.start
            if event.preliminary:
                preliminary.add(event.source)
        self.measurements, self.coded, self.others = measurements, coded, others
        self.preliminary = frozenset(preliminary)
        self.imprecise, self.reach = imprecise, reach
        self._sort()

    def _sort(self) -> None:
        for numbers in self.measurements.values():
            if len(numbers) > 1:
                numbers.sort(key=_by_time)
        for words in self.coded.values():
            if len(words) > 1:
                words.sort(key=_by_time)
        for kind, found in self.others.items():
            found.sort(key=_ORDER.get(kind, _by_time))

    def at(self, as_of: AsOf) -> View:
        """The facts that exist at `as_of` (guideline.md 1.1)."""
        return View(self, as_of)


class View:
    """The facts of a timeline that exist at an instant, sorted by time and then by source.

    A list that was asked for is made once: what a view gives is not to be changed.
    """

    def __init__(self, timeline: Timeline, as_of: AsOf) -> None:
        self.timeline = timeline
        self.person = timeline.person
        self.as_of = as_of
        self.incomplete = timeline.incomplete
        self._measurements: dict[str, Sequence[Measurement]] = {}
        self._coded: dict[str, Sequence[Coded]] = {}
        self._of_group: dict[str, Sequence[Exposure]] = {}
        self._done: dict[str, Sequence[Performed]] = {}
        self.lesions: Sequence[Lesion] = self._begun(Lesion)
        self.adverse_events: Sequence[AdverseEvent] = self._begun(AdverseEvent)
        self.performed: Sequence[Performed] = [self._until_now(p) if p.ongoing else p for p in self._begun(Performed)]
        self.exposures: Sequence[Exposure] = [e for e in self._all(Exposure) if e.start.start <= as_of.instant]
        self.problems: Sequence[Problem] = [p for p in self._all(Problem) if self.exists(p.onset or p.recorded)]
        self.plans: Sequence[Plan] = [p for p in self._all(Plan) if self.exists(p.authored)]
        self.unusable = [u for u in timeline.unusable if self.exists(u.when)]
        self._unusable_names = {name for u in self.unusable for name in (*u.concepts, *u.groups)}

    @property
    def conditions_read(self) -> bool:
        """The patient's Conditions were actually read and given in full."""
        return self.timeline.conditions_read and "Condition" not in self.incomplete

    def measurements(self, concept: str) -> Sequence[Measurement]:
        """Numbers of a concept, oldest first."""
        found = self._measurements.get(concept)
        if found is None:
            facts = self.timeline.measurements.get(concept)
            found = self._measurements[concept] = self._until(facts) if facts else ()
        return found

    def coded(self, concept: str) -> Sequence[Coded]:
        """Words of a concept, oldest first."""
        found = self._coded.get(concept)
        if found is None:
            facts = self.timeline.coded.get(concept)
            found = self._coded[concept] = self._until(facts) if facts else ()
        return found

    def of_group(self, group: str) -> Sequence[Exposure]:
        """Exposures to a group of drugs, earliest start first."""
        found = self._of_group.get(group)
        if found is None:
            found = self._of_group[group] = [e for e in self.exposures if group in e.groups]
        return found

    def done(self, group: str) -> Sequence[Performed]:
        """Procedures of a group (a concept key is a group of its own), earliest first."""
        found = self._done.get(group)
        if found is None:
            found = self._done[group] = [p for p in self.performed if group in p.groups or p.concept == group]
        return found

    def planned(self, group: str) -> Sequence[Plan]:
        """Plans of a group (a concept key is a group of its own), in order of their date, undated last."""
        plans = self.plans
        return [p for p in plans if group in p.groups or p.what == group] if plans else []

    def diagnosed(self, group: str) -> Sequence[Problem]:
        """Conditions of a group (a concept key is a group of its own)."""
        problems = self.problems
        return [p for p in problems if group in p.groups or p.concept == group] if problems else []

    def unusable_about(self, *keys: str) -> list[Unusable]:
        """Resources that cannot be used and that are, or may be, about one of the concepts or groups."""
        if self._unusable_names.isdisjoint(keys):
            return []
        return [u for u in self.unusable if not (u.concepts.isdisjoint(keys) and u.groups.isdisjoint(keys))]

    def _until_now(self, done: Performed) -> Performed:
        """What goes on lasts until as-of's day."""
        return structs.replace(done, end=whole_day(self.as_of.day, self.as_of.zone))

    def exists(self, when: When | None) -> bool:
        """Whether something of this time has begun by as-of; what has no time is always known."""
        return when is None or when.start <= self.as_of.instant

    def _until(self, facts: Sequence[Dated]) -> Sequence[Dated]:
        """The facts of a sorted list, not empty, that have begun."""
        instant = self.as_of.instant
        if facts[-1].when.start <= instant:
            return facts
        return facts[: bisect_right(facts, instant, key=_start_of)]

    def _all(self, kind: type[Kind]) -> list[Kind]:
        return self.timeline.others.get(kind, [])  # type: ignore[return-value,arg-type]  # a list under a type holds that type alone

    def _begun(self, kind: type[Dated]) -> Sequence[Dated]:
        facts = self._all(kind)
        return self._until(facts) if facts else ()


def _start_of(fact: Any) -> int:
    start: int = fact.when.start
    return start


def _by_time(event: Any) -> tuple[int, int, str]:
    when = event.when
    return when.start, when.end, event.source


def _of_unusable(one: Unusable) -> tuple[int, str, str, str]:
    return (_start(one.when), one.source, one.reason, one.path)


def _start(when: When | None) -> int:
    return when.start if when is not None else 1 << 62


_ORDER: dict[type[Any], Callable[[Any], tuple[Any, ...]]] = {
    Exposure: lambda e: (e.start.start, e.start.end, e.source),
    Problem: lambda p: (_start(p.onset or p.recorded), p.source),
    Plan: lambda p: (_start(p.on), p.source),
}
