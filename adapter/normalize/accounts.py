"""What became of every resource: used, rejected, unmapped, not counted, or of a type that we do not read."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import msgspec

from adapter.normalize.chart import Chart, Unmapped
from adapter.timeline.events import AdverseEvent, Coded, Exposure, Lesion, Measurement, Performed, Plan, Problem
from adapter.values import AsOf, When

DATED = (Measurement, Coded, Performed, Lesion, AdverseEvent)


class Orphan(msgspec.Struct, frozen=True):
    """A resource that can be given to no patient; `counts`: where it counts when there is only one patient."""

    reference: str
    counts: str
    reason: str
    path: str


class Rejected(msgspec.Struct, frozen=True):
    """A resource that its status would allow but that is not used."""

    reference: str
    reason: str
    path: str


class UnmappedCode(msgspec.Struct, frozen=True):
    """A coding that no table knows, or that decides nothing, with the number of resources that have it."""

    system: str | None
    code: str | None
    display: str | None
    count: int
    reason: str


class _Counts(NamedTuple):
    """How many resources came to which end."""

    used: int
    rejected: int
    unmapped: int
    not_counted: int
    other_type: int


class Accounts:
    """Contract.md 2 of one patient at an instant: `rejected`, `unmapped`, and the counts of `input`, which add up.

    `extra` is nobody's and listed here. Cards ask for no counts: they are made when somebody does.
    """

    def __init__(self, chart: Chart, extra: list[Orphan], as_of: AsOf) -> None:
        self._chart, self._extra, self._as_of = chart, extra, as_of
        listed = {
            u.source: Rejected(u.source, u.reason, u.path) for u in reversed(chart.unusable) if _begun(u.when, as_of)
        }
        listed |= {o.reference: Rejected(o.reference, o.reason, o.path) for o in extra if o.counts == "rejected"}
        self.rejected = tuple(sorted(listed.values(), key=_by_reference))
        self.unmapped = _codes([u for u in chart.unmapped if _begun(u.when, as_of)])

    @property
    def resources(self) -> int:
        """All of them."""
        return sum(self._counts)

    @property
    def used(self) -> int:
        """Those that gave a fact which exists, and what these point at."""
        return self._counts.used

    @property
    def rejected_count(self) -> int:
        """Those whose status would allow it, but that are not used."""
        return self._counts.rejected

    @property
    def unmapped_count(self) -> int:
        """Those whose codes no table knows, or that decide nothing."""
        return self._counts.unmapped

    @property
    def not_counted(self) -> int:
        """Those that are not to be used, or not yet."""
        return self._counts.not_counted

    @property
    def other_type(self) -> int:
        """Those of a type that is not read."""
        return self._counts.other_type

    @cached_property
    def _counts(self) -> _Counts:
        chart, as_of = self._chart, self._as_of
        used, late = _used(chart, as_of)
        late |= {u.source for u in chart.unusable if not _begun(u.when, as_of)}
        late |= {u.source for u in chart.unmapped if not _begun(u.when, as_of)}
        unmapped = {u.source for u in chart.unmapped if _begun(u.when, as_of)} - used
        refused = {one.reference for one in self.rejected} - used - unmapped
        ignored = (chart.ignored | late) - used - refused - unmapped
        others = len(chart.other) + sum(1 for o in self._extra if o.counts == "otherType")
        loose = sum(1 for o in self._extra if o.counts == "notCounted")
        return _Counts(len(used), len(refused), len(unmapped), len(ignored) + loose, others)


def _by_reference(one: Rejected) -> tuple[str, str, str]:
    """Whatever the order of entries, the same list."""
    return one.reference, one.reason, one.path


def _used(chart: Chart, as_of: AsOf) -> tuple[set[str], set[str]]:
    """Resources with a fact at as-of and what they point at; and those whose facts do not exist (yet, or any more)."""
    used: set[str] = set()
    late: set[str] = set()
    instant = as_of.instant
    for event in chart.events:
        begun = event.when.start <= instant if isinstance(event, DATED) else _exists(event, as_of)
        (used if begun else late).add(event.source)
    used |= {s for s, sources in chart.pointed.items() if s in sources}
    pointed = {target for target, sources in chart.pointed.items() if any(s in used for s in sources)}
    used |= pointed
    return used, late.union(chart.resources, chart.pointed) - used


def _exists(event: Problem | Exposure | Plan, as_of: AsOf) -> bool:
    if isinstance(event, Plan):
        passed = event.on is not None and event.on.last < as_of.day
        return not passed and _begun(event.authored, as_of)
    if isinstance(event, Problem):
        return _begun(event.onset or event.recorded, as_of)
    return event.start.start <= as_of.instant


def _begun(when: When | None, as_of: AsOf) -> bool:
    return when is None or when.start <= as_of.instant


def _codes(unmapped: list[Unmapped]) -> tuple[UnmappedCode, ...]:
    """The codings of unmapped resources, counted, in the order of system and code."""
    counted: dict[tuple[str | None, str | None, str], UnmappedCode] = {}
    for one in unmapped:
        for system, code, display in dict.fromkeys(one.codings or ((None, None, None),)):
            key = (system, code if code is not None else display, one.reason)
            before = counted.get(key)
            count = 1 if before is None else before.count + 1
            counted[key] = UnmappedCode(system, code, before.display if before else display, count, one.reason)
    return tuple(sorted(counted.values(), key=lambda one: (one.system or "", one.code or "", one.display or "")))
