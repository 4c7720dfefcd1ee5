"""Searches and their pages."""

from __future__ import annotations

import itertools
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import sqlalchemy as sa

from adapter.sandbox.parameters import parameters_of
from adapter.sandbox.query import Asked, conditions, understood
from adapter.sandbox.refusal import JsonObject, Refusal, outcome
from adapter.sandbox.store import INDEXED, VERSIONS, Shelf, Version, instant

Pair = tuple[str, str]
_CONTROLS = {"_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_format", "_pretty"}
_PAGE, _LARGEST_PAGE, _SEARCHES_KEPT = 50, 1000, 500


@dataclass(frozen=True)
class Search:
    """What one search found, kept so that its later pages show the same resources in the same order."""

    kind: str
    ids: tuple[str, ...]
    controls: tuple[Pair, ...]
    ignored: tuple[str, ...]
    address: str

    def control(self, name: str) -> str | None:
        """The last value given for a control such as `_count`."""
        return next((text for key, text in reversed(self.controls) if key == name), None)


@dataclass
class Pages:
    """The searches whose pages can still be had."""

    kept: OrderedDict[str, Search] = field(default_factory=OrderedDict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def keep(self, search: Search) -> str:
        """Keep a search and give its key; the oldest are forgotten."""
        key = f"s{next(self.numbers)}"
        self.kept[key] = search
        while len(self.kept) > _SEARCHES_KEPT:
            self.kept.popitem(last=False)
        return key

    def search(self, key: str) -> Search:
        """A kept search. Raises Refusal (410) when it was forgotten."""
        if key not in self.kept:
            raise Refusal(410, "not-found", "this page has expired; start the search again")
        return self.kept[key]


def start_search(shelf: Shelf, address: str, kind: str, pairs: Iterable[Pair], *, lenient: bool) -> Search:
    """Run a search. Raises Refusal (400) for what is not understood, unless `lenient`."""
    pairs = tuple(pairs)
    asked = [Asked.of(*pair) for pair in pairs if pair[0].partition(":")[0] not in _CONTROLS]
    parameters_of(kind)
    known = [pair for pair in asked if not lenient or understood(kind, pair)]
    ignored = tuple(pair.key for pair in asked if pair not in known)
    controls = tuple(pair for pair in pairs if pair[0].partition(":")[0] in _CONTROLS)
    used = [(pair.key, pair.text) for pair in known] + list(controls)
    query = f"?{urlencode(used)}" if used else ""
    ids = matching_ids(shelf, address, kind, known, _sorted_by(kind, controls))
    return Search(kind, tuple(ids), controls, ignored, f"{address}/{kind}{query}")


def matching_ids(
    shelf: Shelf, address: str, kind: str, asked: Iterable[Asked], order: Iterable[sa.ColumnElement[object]] = ()
) -> list[str]:
    """The ids of the resources that are there now and answer the query."""
    here = (VERSIONS.c.kind == kind, VERSIONS.c.latest, VERSIONS.c.body.is_not(None))
    found = sa.select(VERSIONS.c.id).where(*here, *conditions(kind, asked, address))
    return list(shelf.connection.scalars(found.order_by(*order, VERSIONS.c.id)))


def page(
    shelf: Shelf, pages: Pages, address: str, search: Search, start: int = 0, key: str | None = None
) -> JsonObject:
    """One page of a search as a searchset Bundle."""
    size = _count(search)
    ids = search.ids[start : start + size]
    bundle: JsonObject = {"resourceType": "Bundle", "type": "searchset", "meta": {"lastUpdated": instant(shelf.now)}}
    if search.control("_total") != "none":
        bundle["total"] = len(search.ids)
    bundle["link"] = [{"relation": "self", "url": search.address}]
    if size and start + size < len(search.ids):
        key = key or pages.keep(search)
        following = urlencode({"_getpages": key, "_getpagesoffset": start + size})
        bundle["link"].append({"relation": "next", "url": f"{address}?{following}"})
    matches = shelf.latest_of(search.kind, ids)
    entries = [_entry(address, version, "match") for version in matches]
    entries += [_entry(address, version, "include") for version in _included(shelf, search, matches)]
    entries += _ignored_parameters(search)
    return {**bundle, "entry": entries} if entries else bundle


def _count(search: Search) -> int:
    if search.control("_summary") == "count":
        return 0
    text = search.control("_count") or str(_PAGE)
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, "invalid", "_count takes a whole number")
    return min(int(text), _LARGEST_PAGE)


def _sorted_by(kind: str, controls: tuple[Pair, ...]) -> list[sa.ColumnElement[object]]:
    _refuse_unknown_controls(controls)
    names = [name for key, text in controls if key == "_sort" for name in text.split(",")]
    return [_sort_column(kind, name) for name in names]


def _refuse_unknown_controls(controls: tuple[Pair, ...]) -> None:
    for key, text in controls:
        if key == "_summary" and text not in ("count", "false"):
            raise Refusal(400, "not-supported", "_summary takes count or false on this server")
        if key == "_total" and text not in ("none", "estimate", "accurate"):
            raise Refusal(400, "invalid", "_total takes none, estimate or accurate")
        if ":" in key:
            raise Refusal(400, "not-supported", f"'{key}' is not known on this server; leave the modifier out")


def _sort_column(kind: str, name: str) -> sa.ColumnElement[object]:
    descending, name = name.startswith("-"), name.removeprefix("-")
    columns: dict[str, sa.ColumnElement[object]] = {"_id": VERSIONS.c.id, "_lastUpdated": VERSIONS.c.updated}
    if name in columns:
        return columns[name].desc() if descending else columns[name].asc()
    parameter = parameters_of(kind).get(name)
    if parameter is None:
        raise Refusal(400, "not-supported", f"{kind} cannot be sorted by '{name}' on this server")
    column = INDEXED.c.low if parameter.kind == "date" else INDEXED.c.code
    value = sa.select(sa.func.max(column) if descending else sa.func.min(column)).where(
        INDEXED.c.kind == kind, INDEXED.c.id == VERSIONS.c.id, INDEXED.c.name == name
    )
    ordered = value.scalar_subquery()
    return ordered.desc().nulls_last() if descending else ordered.asc().nulls_last()


def _included(shelf: Shelf, search: Search, matches: list[Version]) -> list[Version]:
    seen = {(version.kind, version.id) for version in matches}
    result: list[Version] = []
    for key, text in search.controls:
        if key in ("_include", "_revinclude"):
            follow = _pointed_at if key == "_include" else _pointing
            wanted = follow(shelf, search, text, matches)
            new = [pair for pair in dict.fromkeys(wanted) if pair not in seen]
            seen.update(new)
            result += [version for kind, identity in new for version in shelf.latest_of(kind, [identity])]
    return result


def _pointed_at(shelf: Shelf, search: Search, text: str, matches: list[Version]) -> Iterable[Pair]:
    source, name = _reference_parameter(text)
    if source != search.kind:
        return []
    rows = sa.select(INDEXED.c.system, INDEXED.c.code).where(
        INDEXED.c.kind == source, INDEXED.c.name == name, INDEXED.c.id.in_([version.id for version in matches])
    )
    return [(row.system, row.code) for row in shelf.connection.execute(rows) if row.system is not None]


def _pointing(shelf: Shelf, search: Search, text: str, matches: list[Version]) -> Iterable[Pair]:
    source, name = _reference_parameter(text)
    ids = [version.id for version in matches]
    rows = sa.select(INDEXED.c.id).where(
        INDEXED.c.kind == source, INDEXED.c.name == name, INDEXED.c.system == search.kind, INDEXED.c.code.in_(ids)
    )
    return [(source, identity) for identity in shelf.connection.scalars(rows.order_by(INDEXED.c.id))]


def _reference_parameter(text: str) -> Pair:
    source, _, name = text.partition(":")
    parameter = parameters_of(source).get(name) if source else None
    if parameter is None or parameter.kind not in ("reference", "patient"):
        raise Refusal(400, "not-supported", f"'{text}' names no reference that this server can include")
    return source, name


def _entry(address: str, version: Version, mode: str) -> JsonObject:
    full = f"{address}/{version.kind}/{version.id}"
    return {"fullUrl": full, "resource": version.body, "search": {"mode": mode}}


def _ignored_parameters(search: Search) -> list[JsonObject]:
    if not search.ignored:
        return []
    reason = f"search parameters that this server does not know were left out: {', '.join(search.ignored)}"
    warning = {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": outcome("warning", "not-supported", reason)}
    return [{**warning, "search": {"mode": "outcome"}}]
