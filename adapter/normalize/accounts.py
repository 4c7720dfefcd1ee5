"""What became of every resource: used, rejected, unmapped, not counted, or of a type that we do not read."""

from __future__ import annotations

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


class Accounts(msgspec.Struct, frozen=True):
    """Contract.md 2: `rejected`, `unmapped`, and the counts of `input`, which add up to `resources`."""

    rejected: tuple[Rejected, ...]
    unmapped: tuple[UnmappedCode, ...]
    resources: int
    used: int
    rejected_count: int
    unmapped_count: int
    not_counted: int
    other_type: int


def account(chart: Chart, extra: list[Orphan], as_of: AsOf) -> Accounts:
    """The account of one patient at an instant; `extra` is nobody's and listed here."""
    used, late = _used(chart, as_of)
    rejected = {
        u.source: Rejected(u.source, u.reason, u.path) for u in reversed(chart.unusable) if _begun(u.when, as_of)
    }
    late |= {u.source for u in chart.unusable if not _begun(u.when, as_of)}
    unmapped = [u for u in chart.unmapped if _begun(u.when, as_of)]
    late |= {u.source for u in chart.unmapped if not _begun(u.when, as_of)}
    strays = {o.reference: Rejected(o.reference, o.reason, o.path) for o in extra if o.counts == "rejected"}
    listed = {**dict(reversed(rejected.items())), **strays}
    unmapped_sources = {u.source for u in unmapped} - used
    refused = set(listed) - used - unmapped_sources
    ignored = (chart.ignored | late) - used - refused - unmapped_sources
    others = len(chart.other) + sum(1 for o in extra if o.counts == "otherType")
    loose = sum(1 for o in extra if o.counts == "notCounted")
    counts = len(used), len(refused), len(unmapped_sources), len(ignored) + loose, others
    return Accounts(tuple(sorted(listed.values(), key=_by_reference)), _codes(unmapped), sum(counts), *counts)


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
