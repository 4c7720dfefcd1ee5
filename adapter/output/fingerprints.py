"""What was read from a resource, as one text: it changes when anything of that changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from adapter.timeline.events import Event, Plan

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Fingerprints:
    """The facts behind references, for a digest alone; a source in `undated` has a day that is not its own."""

    def __init__(self, events: Iterable[Event], undated: frozenset[str] = frozenset()) -> None:
        self._events = events
        self._undated = undated
        self._by_source: defaultdict[str, list[Event]] | None = None
        self._made: dict[str, str] = {}

    def of(self, references: Iterable[str]) -> list[str]:
        """Each reference with its facts, in order, each once."""
        named, made = sorted(set(references)), self._made
        made.update((reference, self._of(reference)) for reference in named if reference not in made)
        return [f"{reference} {made[reference]}" for reference in named]

    def _of(self, reference: str) -> str:
        if self._by_source is None:
            self._by_source = defaultdict(list)
            for event in self._events:
                self._by_source[event.source].append(event)
        facts = [self._plain(event) for event in self._by_source.get(reference, ())]
        return b"\n".join(sorted(map(_ENCODER.encode, facts))).decode()

    def _plain(self, event: Event) -> Event:
        if isinstance(event, Plan) and event.source in self._undated:
            return msgspec.structs.replace(event, on=None)
        return event
