"""One patient's timeline, and the view of it that existed at an instant."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

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


class Timeline(msgspec.Struct, frozen=True):
    """All facts of one patient, of any time.

    `conditions_read`: the source searched Conditions or gave the whole record. `incomplete`: resource types that the source
    did not give in full (their absence is unknown). `unusable`: what a status would allow but that cannot be used.
    """

    person: Person
    events: tuple[Event, ...]
    unusable: tuple[Unusable, ...] = ()
    conditions_read: bool = False
    incomplete: frozenset[str] = frozenset()

    def at(self, as_of: AsOf) -> View:
        """The facts that exist at `as_of` (guideline.md 1.1)."""
        return View(self, as_of)


class View:
    """The facts of a timeline that exist at an instant, sorted by time and then by source, indexed by concept."""

    def __init__(self, timeline: Timeline, as_of: AsOf) -> None:
        self.timeline = timeline
        self.person = timeline.person
        self.as_of = as_of
        self.incomplete = timeline.incomplete
        self._measurements: dict[str, list[Measurement]] = {}
        self._coded: dict[str, list[Coded]] = {}
        self.lesions: list[Lesion] = []
        self.adverse_events: list[AdverseEvent] = []
        self.problems: list[Problem] = []
        self.exposures: list[Exposure] = []
        self.performed: list[Performed] = []
        self.plans: list[Plan] = []
        for event in timeline.events:
            self._place(event)
        self._sort()
        self.unusable = [u for u in timeline.unusable if u.when is None or u.when.start <= as_of.instant]

    @property
    def conditions_read(self) -> bool:
        """The patient's Conditions were actually read and given in full."""
        return self.timeline.conditions_read and "Condition" not in self.incomplete

    def measurements(self, concept: str) -> list[Measurement]:
        """Numbers of a concept, oldest first."""
        return self._measurements.get(concept, [])

    def coded(self, concept: str) -> list[Coded]:
        """Words of a concept, oldest first."""
        return self._coded.get(concept, [])

    def of_group(self, group: str) -> list[Exposure]:
        """Exposures to a group of drugs, earliest start first."""
        return [e for e in self.exposures if group in e.groups]

    def done(self, group: str) -> list[Performed]:
        """Procedures of a group (a concept key is a group of its own), earliest first."""
        return [p for p in self.performed if group in p.groups or p.concept == group]

    def planned(self, group: str) -> list[Plan]:
        """Plans of a group (a concept key is a group of its own), in order of their date, undated last."""
        return [p for p in self.plans if group in p.groups or p.what == group]

    def diagnosed(self, group: str) -> list[Problem]:
        """Conditions of a group (a concept key is a group of its own)."""
        return [p for p in self.problems if group in p.groups or p.concept == group]

    def unusable_about(self, *keys: str) -> list[Unusable]:
        """Resources that cannot be used and that are, or may be, about one of the concepts or groups."""
        return [u for u in self.unusable if any(key in u.concepts or key in u.groups for key in keys)]

    def exists(self, when: When | None) -> bool:
        """Whether something of this time has begun by as-of; what has no time is always known."""
        return when is None or when.start <= self.as_of.instant

    def _place(self, event: Event) -> None:
        kind = type(event)
        if kind is Measurement:
            if event.when.start <= self.as_of.instant:  # type: ignore[union-attr]
                self._measurements.setdefault(event.concept, []).append(event)  # type: ignore[arg-type,union-attr]
        elif kind is Coded:
            if event.when.start <= self.as_of.instant:  # type: ignore[union-attr]
                self._coded.setdefault(event.concept, []).append(event)  # type: ignore[arg-type,union-attr]
        elif isinstance(event, Plan):
            if self.exists(event.authored):
                self.plans.append(event)
        elif isinstance(event, Problem):
            if self.exists(event.onset if event.onset is not None else event.recorded):
                self.problems.append(event)
        elif isinstance(event, Exposure):
            if self.exists(event.start):
                self.exposures.append(event)
        else:
            self._place_dated(event)  # type: ignore[arg-type]

    def _place_dated(self, event: Lesion | AdverseEvent | Performed) -> None:
        if not self.exists(event.when):
            return
        if isinstance(event, Lesion):
            self.lesions.append(event)
        elif isinstance(event, AdverseEvent):
            self.adverse_events.append(event)
        else:
            self.performed.append(event)

    def _sort(self) -> None:
        for measured in self._measurements.values():
            measured.sort(key=_by_time)
        for worded in self._coded.values():
            worded.sort(key=_by_time)
        self.lesions.sort(key=_by_time)
        self.adverse_events.sort(key=_by_time)
        self.performed.sort(key=_by_time)
        self.exposures.sort(key=lambda e: (e.start.start, e.start.end, e.source))
        self.problems.sort(key=lambda p: (_start(p.onset or p.recorded), p.source))
        self.plans.sort(key=lambda p: (_start(p.on), p.source))


def _by_time(event: Measurement | Coded | Lesion | AdverseEvent | Performed) -> tuple[int, int, str]:
    return event.when.start, event.when.end, event.source


def _start(when: When | None) -> int:
    return when.start if when is not None else 1 << 62


def sources(events: Iterable[Event]) -> tuple[str, ...]:
    """The references of some facts, each once, in the order given."""
    return tuple(dict.fromkeys(e.source for e in events))
