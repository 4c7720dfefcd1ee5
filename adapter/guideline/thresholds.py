"""The guideline's numbers: dated, cited, per edition, read strictly from the YAML files beside the evaluators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from adapter.errors import TableError
from adapter.guideline.site_values import SiteValue, read_strictly, site_values
from adapter.values import Interval, Truth, negate

_SITE = "site: "
EDITIONS = ("2024", "2021", "strictest")


class Limit(msgspec.Struct, frozen=True, dict=True):
    """One threshold in one edition: `value` in `unit`; `exclusive` leaves the value itself outside (a source's "more
    than").

    `figure`: a result that a source reports; it decides nothing and no site changes it. Infinite where it was not
    reached.
    """

    name: str
    value: Decimal
    unit: str
    exclusive: bool
    cite: str
    place: str
    project: bool
    figure: bool = False

    @property
    def by_site(self) -> bool:
        """A site's overlay set the value."""
        return self.place.startswith(_SITE)

    @cached_property
    def days(self) -> int:
        """The value as a whole number (days, months, counts)."""
        return int(self.value)

    def reached(self, value: Interval | int | Decimal) -> Truth:
        """Whether a value is at the limit or above it (above it, when the limit is exclusive)."""
        interval = value if isinstance(value, Interval) else Interval.exact(value)
        return interval.above(self.value) if self.exclusive else interval.at_least(self.value)

    def kept(self, value: Interval | int | Decimal) -> Truth:
        """Whether a value stays at the limit or below it (below it, when the limit is exclusive)."""
        interval = value if isinstance(value, Interval) else Interval.exact(value)
        return interval.below(self.value) if self.exclusive else interval.at_most(self.value)

    def passed(self, value: Interval | int | Decimal) -> Truth:
        """Whether a value is beyond the limit: the opposite of `kept`."""
        return negate(self.kept(value))


class _EditionValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: Decimal
    cite: str
    place: str
    exclusive: bool = False


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    meaning: str
    unit: str
    editions: dict[str, _EditionValue | str]
    project: bool = False
    figure: bool = False


class _Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topic: str
    reviewed: str
    values: dict[str, _Entry]


class Thresholds:
    """All limits of one edition: `limit("intervals", "tki-minimum")`."""

    def __init__(self, edition: str, topics: Mapping[str, Mapping[str, Limit]]) -> None:
        self.edition = edition
        self._topics = topics
        changed = [(topic, limit) for topic, limits in topics.items() for limit in limits.values() if limit.by_site]
        # The staleness windows in days, which are asked for far more often than anything else.
        self.windows = {name: limit.days for name, limit in topics.get("ground_rules", {}).items()}
        self._by_site = tuple(sorted(f"{t}/{limit.name} = {limit.value} {limit.unit}".rstrip() for t, limit in changed))

    def limit(self, topic: str, name: str) -> Limit:
        """One limit; raises TableError when the edition has none (ask `has` first where that can be)."""
        try:
            return self._topics[topic][name]
        except KeyError:
            raise TableError(f"adapter/guideline/{topic}.yaml has no {name} for edition {self.edition}") from None

    def has(self, topic: str, name: str) -> bool:
        """Whether the edition has this limit."""
        return topic in self._topics and name in self._topics[topic]

    def by_site(self) -> tuple[str, ...]:
        """What a site's overlay changed, as `topic/name = value unit`: every result that may rest on it says so."""
        return self._by_site

    def topics(self) -> Mapping[str, Mapping[str, Limit]]:
        """All limits by topic and name, for `guideline show`."""
        return self._topics


def load_thresholds(edition: str, overlay: Path | None = None) -> Thresholds:
    """The limits of an edition, with a site's overlay files applied.

    Raises TableError naming file and key for an unknown or duplicate key, a missing citation, an unknown edition, and a
    site's value that no threshold can have.
    """
    if edition not in EDITIONS:
        raise TableError(f"edition {edition!r} is not one of {', '.join(EDITIONS)}")
    read = {topic: read_strictly(text, f"{topic}.yaml", _Topic) for topic, text in _topic_files()}
    topics = {topic: _limits(found, edition, f"{topic}.yaml") for topic, found in read.items()}
    if overlay is not None:
        units = {topic: {name: entry.unit for name, entry in found.values.items()} for topic, found in read.items()}
        _apply(site_values(overlay, edition, EDITIONS, units), topics)
    return Thresholds(edition, topics)


def topic_entries() -> dict[str, dict[str, Any]]:
    """Every entry of every topic as plain data (all editions), for the documentation and `guideline show`."""
    return {topic: msgspec.to_builtins(read_strictly(text, f"{topic}.yaml", _Topic)) for topic, text in _topic_files()}


def _topic_files() -> list[tuple[str, bytes]]:
    folder = files("adapter.guideline")
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    return [(name[: -len(".yaml")], (folder / name).read_bytes()) for name in names]


def _limits(topic: Any, edition: str, name: str) -> dict[str, Limit]:
    limits = {}
    for key, entry in topic.values.items():
        unknown = set(entry.editions) - {*EDITIONS, "all"}
        if unknown:
            raise TableError(f"{name}: {key} names the unknown edition {', '.join(sorted(unknown))}")
        found = _of_edition(entry, edition)
        if found is not None:
            limit = Limit(key, found.value, entry.unit, found.exclusive, found.cite, found.place, entry.project)
            limits[key] = _finite(msgspec.structs.replace(limit, figure=entry.figure), name)
    return limits


def _finite(limit: Limit, name: str) -> Limit:
    """The limit; raises TableError for what is no number, but for the infinity of a figure that was not reached."""
    if limit.value.is_finite() or (limit.figure and limit.value.is_infinite() and limit.value > 0):
        return limit
    raise TableError(f"{name}: {limit.name} is {limit.value}; give a number")


def _of_edition(entry: Any, edition: str) -> _EditionValue | None:
    """A text as an edition's value points to another edition ("2021"): the stricter bound of a pair is not repeated."""
    found = entry.editions.get(edition, entry.editions.get("all"))
    if isinstance(found, str):
        found = entry.editions.get(found)
    return found if isinstance(found, _EditionValue) else None


def _apply(changes: Iterable[SiteValue], topics: dict[str, dict[str, Limit]]) -> None:
    for one in changes:
        limit = topics[one.topic].get(one.name)
        if limit is None:
            continue
        if limit.figure:
            raise TableError(f"{one.file}: {one.name} is a figure of {limit.cite}, which no site changes")
        topics[one.topic][one.name] = msgspec.structs.replace(limit, value=one.value, place=f"{_SITE}{one.source}")
