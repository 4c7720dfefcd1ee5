"""What reading has put down for one patient: events, and every resource that gave none."""

from __future__ import annotations

import msgspec

from adapter.timeline.events import Event, Person, Unusable
from adapter.values import When


class Unmapped(msgspec.Struct, frozen=True):
    """A resource whose codings say nothing to us; `codings` are (system, code, display) as recorded."""

    source: str
    codings: tuple[tuple[str | None, str | None, str | None], ...]
    reason: str
    when: When | None


class Chart:
    """One patient under reading. `reference` names the patient; `given` tells whether a Patient resource was there."""

    __slots__ = (
        "conditions_read",
        "events",
        "given",
        "ignored",
        "other",
        "person",
        "pointed",
        "reference",
        "resources",
        "unmapped",
        "unusable",
    )

    def __init__(self, reference: str, given: bool) -> None:
        self.reference = reference
        self.given = given
        self.person = Person(reference)
        self.events: list[Event] = []
        self.unusable: list[Unusable] = []
        self.unmapped: list[Unmapped] = []
        self.ignored: set[str] = set()
        self.other: set[str] = set()
        self.pointed: dict[str, list[str]] = {}
        self.resources: dict[str, int] = {}
        self.conditions_read = False

    def point(self, source: str, target: str) -> None:
        """Remember that a resource rests on another one (a Medication, a BodyStructure)."""
        self.pointed.setdefault(target, []).append(source)


class Rejection(msgspec.Struct, frozen=True):
    """Why a resource is not used: `reason` as contract.md 2 lists them, `path` the element."""

    reason: str
    path: str
