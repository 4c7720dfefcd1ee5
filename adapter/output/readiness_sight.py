"""What one patient's record holds of each input at an instant, and why an input is not ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import msgspec

from adapter.output.readiness_needs import Need, Way
from adapter.terminology.strangers import UNIT_REASONS
from adapter.timeline.events import (
    AdverseEvent,
    Coded,
    Event,
    Exposure,
    Lesion,
    Measurement,
    Performed,
    Problem,
    Unusable,
)
from adapter.timeline.latest import latest
from adapter.timeline.timeline import View
from adapter.values import When

READY, UNIT, NO_TIME, UNUSABLE, CODE, STALE, NEVER = (
    "ready", "unit", "no-time", "unusable", "code-unknown", "stale", "never",
)  # fmt: skip
# Of several ways to know something the one that is nearest to being ready tells what is wrong.
STATES = (READY, UNIT, NO_TIME, UNUSABLE, CODE, STALE, NEVER)
REASONS = STATES[1:]
# What was recorded and is lost; an occasional input lacks only then.
LOST = frozenset((UNIT, NO_TIME, UNUSABLE, CODE))
BIRTH, SEX = "birth", "sex"


class Unnamed(msgspec.Struct, frozen=True):
    """A resource whose code no table settles, with the concepts that it may be about.

    `drug`: it tells of a drug. Each dose counts, so that another one that was read does not make up for it.
    """

    concepts: frozenset[str]
    when: When | None
    drug: bool = False


class Sight:
    """The inputs of one patient; `names`: concept -> the inputs that it stands for."""

    def __init__(self, view: View, names: Mapping[str, tuple[str, ...]], unnamed: Iterable[Unnamed]) -> None:
        self.view = view
        self.times: dict[str, list[When]] = {}
        self.counts: dict[str, int] = {}
        self.unnamed: dict[str, list[Unnamed]] = {}
        for event in view.timeline.events:
            for concept, when in _told(event):
                if concept in names and view.exists(when):
                    self._see(names[concept], when)
        for one in unnamed:
            for name in {name for concept in one.concepts for name in names.get(concept, ())}:
                self.unnamed.setdefault(name, []).append(one)
        self._states: dict[Way, str] = {}

    def _see(self, names: tuple[str, ...], when: When | None) -> None:
        for name in names:
            self.counts[name] = self.counts.get(name, 0) + 1
            found = self.times.setdefault(name, [])
            if when is not None:
                found.append(when)

    def unusable(self, name: str) -> list[Unusable]:
        """What cannot be used and is, or may be, about an input."""
        return self.view.unusable_about(name) if self.view.unusable else []

    def age(self, name: str) -> int | None:
        """Days since the newest fact of an input, None where it has none with a time."""
        times = self.times.get(name)
        return self.view.as_of.day - max(when.first for when in times) if times else None

    def state(self, way: Way) -> str:
        """One of STATES: whether an input is there, usable and fresh enough, else why not."""
        found = self._states.get(way)
        if found is None:
            found = self._states[way] = self._judged(way)
        return found

    def met(self, need: Need) -> str:
        """The state of the alternative that is nearest to being ready."""
        return min((self.state(way) for way in need.ways), key=STATES.index)

    def _judged(self, way: Way) -> str:
        if way.name in self._person:
            return READY if self._person[way.name] else NEVER
        times, lost = self.times.get(way.name), self.unnamed.get(way.name, [])
        facts = [Coded("", way.name, when, "") for when in sorted(times or (), key=lambda when: when.start)]
        newest = latest(facts, self.unusable(way.name), self.view.as_of.day, self.view.timeline.reach, way.days)
        if newest.blocked:
            return min((refusal(u.reason) for u in newest.blocked), key=STATES.index)
        if any(one.drug for one in lost):
            return CODE
        if newest.missing:
            # A fact without a time that may stand without one (a Condition) is there, and of no age.
            return READY if times is not None else CODE if lost else NEVER
        if not newest.stale:
            return READY
        since = facts[-1].when.start
        return CODE if any(one.when is not None and one.when.end >= since for one in lost) else STALE

    @cached_property
    def _person(self) -> Mapping[str, bool]:
        person = self.view.person
        return {BIRTH: person.birth is not None, SEX: person.sex is not None}


def refusal(reason: str) -> str:
    """The state that a reason of `rejected` stands for."""
    kind = reason.partition(":")[0]
    return UNIT if kind in UNIT_REASONS else NO_TIME if kind == NO_TIME else UNUSABLE


def _told(event: Event) -> Iterator[tuple[str, When | None]]:
    """The concepts of which a fact says something, with its time; a plan is no fact."""
    if isinstance(event, Measurement | Coded | Performed):
        yield event.concept, event.when
    elif isinstance(event, Exposure):
        yield event.drug, event.start
    elif isinstance(event, Problem):
        if event.confirmed or event.refuted:
            yield event.concept, event.onset or event.recorded
    elif isinstance(event, Lesion):
        yield from ((concept, event.when) for concept in _of_lesion(event))
    elif isinstance(event, AdverseEvent):
        yield from ((concept, event.when) for concept in _of_adverse_event(event))


def _of_lesion(lesion: Lesion) -> Iterator[str]:
    parts = {
        "tumor_size": lesion.diameter,
        "viable_diameter": lesion.viable,
        "lesion_role": lesion.role,
        "lesion_id": lesion.lesion,
        "arterial_phase_hyperenhancement": lesion.enhancement,
        "imaging_modality": lesion.modality,
    }
    yield from (concept for concept, value in parts.items() if value is not None)
    if lesion.extrahepatic and lesion.site is not None:
        yield lesion.site


def _of_adverse_event(event: AdverseEvent) -> Iterator[str]:
    parts = {"ctcae_grade": event.grade, "treatment_related": event.related, "resolved": event.resolved}
    yield event.concept
    yield from (concept for concept, value in parts.items() if value is not None)
