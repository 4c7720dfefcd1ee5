"""Copies of one resource: which of them counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from adapter.normalize.references import server_of
from adapter.resources.datatypes import ABSENT, Meta
from adapter.resources.entries import Broken, Entries, Entry
from adapter.resources.repair import read
from adapter.values import parse_when

Position = tuple[int, int]


class Copies:
    """Entries of one `Type/id`. `losers`: positions (batch, entry) that do not count, an older or deleted version.

    `names`: other names, by `id(entry)`, for entries that share their `Type/id` with one which they are no copy of.
    """

    def __init__(self, batches: Iterable[Entries]) -> None:
        listed = list(batches)
        self.losers: set[Position] = set()
        repeated = _has_copies(listed)
        if repeated:
            _find_copies(listed, self.losers)
        for number, batch in enumerate(listed):
            for gone in batch.deleted:
                self.losers.update(_deleted(batch, number, gone))
        self.names = _namesakes(listed, self.losers) if repeated else {}


def _namesakes(batches: list[Entries], losers: set[Position]) -> dict[int, str]:
    """A resource of another server is named by its fullUrl, a broken one by its place: neither hides the other."""
    named = [
        (entry.resource.__class__ is Broken, entry.fullUrl or "", number, index)
        for number, batch in enumerate(batches)
        for index, entry in enumerate(batch.items)
        if entry.resource is not None and entry.resource.id and (number, index) not in losers
    ]
    taken: set[str] = set()
    found: dict[int, str] = {}
    for broken, url, number, index in sorted(named):
        entry = batches[number].items[index]
        name = own_name(entry.resource)
        if name in taken:
            name = batches[number].place(index) if broken or not url or url in taken else url
            found[id(entry)] = name
        taken.add(name)
    return found


def own_name(resource: Any) -> str:
    """`Type/id` of a resource that has an id."""
    kind = resource.type if resource.__class__ is Broken else resource.__class__.__name__
    return f"{kind}/{resource.id}"


def _has_copies(batches: list[Entries]) -> bool:
    """Whether an id stands there twice, quickly: ids of different types count as copies until a closer look."""
    ids = [entry.resource.id for batch in batches for entry in batch.items if entry.resource is not None]
    return len(set(ids)) < len(ids)


def _find_copies(batches: list[Entries], losers: set[Position]) -> None:
    seen: dict[type[Any], dict[str, Position]] = {}
    broken: dict[str, Position] = {}
    for number, batch in enumerate(batches):
        for index, entry in enumerate(batch.items):
            resource = entry.resource
            if resource is None or resource.id is None:
                continue
            mine = (number, index)
            if (
                resource.__class__ is Broken
            ):  # of two that cannot be read nobody knows the better: only a double is a copy
                text = f"{resource.type} {_canonical(batch.original(index))}"
                if broken.setdefault(text, mine) != mine:
                    losers.add(mine)
                continue
            known = seen.setdefault(resource.__class__, {})
            first = known.setdefault(resource.id, mine)
            if first != mine:
                _settle(batches, known, resource.id, mine, losers)


def _settle(
    batches: list[Entries], seen: dict[str, Position], identity: str, mine: Position, losers: set[Position]
) -> None:
    first = seen[identity]
    one, two = batches[first[0]].items[first[1]], batches[mine[0]].items[mine[1]]
    if not _same(one, two):
        return
    better = _better(batches, first, mine)
    losers.add(mine if better == first else first)
    seen[identity] = better


def _same(one: Entry, two: Entry) -> bool:
    """Two resources of one type and id on two different servers are two resources."""
    kind = one.resource.__class__.__name__
    bases = {server_of(one.fullUrl, kind), server_of(two.fullUrl, kind)} - {None}
    return len(bases) < 2


def _better(batches: list[Entries], first: Position, mine: Position) -> Position:
    """Higher lastUpdated, else versionId, else entered-in-error, else the greater as canonical JSON."""
    one: Any = batches[first[0]].items[first[1]].resource
    two: Any = batches[mine[0]].items[mine[1]].resource
    left, right = (read(getattr(r, "meta", ABSENT), Meta) or Meta() for r in (one, two))
    for a, b in ((_instant(left), _instant(right)), (_version(left), _version(right)), (_wrong(one), _wrong(two))):
        if a is not None and b is not None and a != b:
            return first if a > b else mine  # type: ignore[operator]  # a pair is of one type
    texts = [_canonical(batches[p[0]].original(p[1])) for p in (first, mine)]
    return first if texts[0] >= texts[1] else mine


def _instant(meta: Meta) -> int | None:
    when = parse_when(meta.lastUpdated, "UTC") if meta.lastUpdated else None
    return when.start if when is not None else None


def _version(meta: Meta) -> tuple[int, str] | None:
    text = meta.versionId
    return None if not text else (int(text), "") if text.isdecimal() else (0, text)


def _wrong(resource: Any) -> bool:
    if getattr(resource, "status", None) == "entered-in-error":
        return True
    verification = getattr(resource, "verificationStatus", None)
    return verification is not None and b"entered-in-error" in bytes(verification)


def _canonical(text: bytes) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def _deleted(batch: Entries, number: int, gone: str) -> Iterable[Position]:
    kind, _, identity = gone.partition("/")
    for index, entry in enumerate(batch.items):
        resource = entry.resource
        if resource.__class__.__name__ == kind and resource.id == identity:  # type: ignore[union-attr]  # by its name it is no Broken
            yield number, index
