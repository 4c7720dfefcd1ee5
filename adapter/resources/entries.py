"""Entries of a document: resources as typed shapes, or what is left of broken ones."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapter.resources.clinical import READ_TYPES, Resource
from adapter.resources.datatypes import ABSENT
from adapter.resources.other_types import OTHER_TYPES


class Unread(Struct, gc=False, tag_field="resourceType"):
    """A resource of a type that we do not read; only whose it is."""

    id: str | None = None
    subject: Raw = ABSENT
    patient: Raw = ABSENT


class Broken(Struct, gc=False):
    """What is left of a resource that cannot be read: `type` and `id` where they could be seen, and why."""

    type: str
    id: str | None
    subject: Raw
    reason: str
    path: str


UNREAD: dict[str, Any] = {
    name: msgspec.defstruct(name, [], bases=(Unread,), tag=name, gc=False) for name in OTHER_TYPES
}
AnyResource: Any = functools.reduce(operator.or_, (*READ_TYPES, *UNREAD.values()))
Shape = Resource | Unread | Broken


class Entry(Struct, gc=False):
    """One entry of a Bundle, or one resource of its own. `fullUrl`, `request`, `search` as in FHIR."""

    fullUrl: str | None = None
    resource: AnyResource | None = None
    request: Raw = ABSENT
    response: Raw = ABSENT
    search: Raw = ABSENT


class Entries:
    """The entries of one document or of one patient's share of a pool.

    `place(i)` names entry i where it has no id; `original(i)` gives its JSON; `base` is the URL that relative
    references start from, None when the document does not tell; `deleted` are `Type/id` that a later entry deleted;
    `skipped` counts entries that only ask or answer and hold no resource. `items` stay the same entries for good.
    """

    def __init__(
        self,
        items: list[Entry],
        place: Callable[[int], str],
        original: Callable[[int], bytes],
        base: str | None = None,
        deleted: frozenset[str] = frozenset(),
        skipped: int = 0,
    ) -> None:
        self.items = items
        self.place = place
        self.original = original
        self.base = base
        self.deleted = deleted
        self.skipped = skipped
        self._kinds: frozenset[type[Any]] | None = None

    @property
    def kinds(self) -> frozenset[type[Any]]:
        """The classes of the resources, NoneType for an entry without: most pages hold one, and need no closer look."""
        found = self._kinds
        if found is None:
            found = self._kinds = frozenset([entry.resource.__class__ for entry in self.items])
        return found

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.items)


def no_entries() -> Entries:
    """Nothing."""
    return Entries([], str, lambda _: b"null")
