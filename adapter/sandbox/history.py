"""Histories of a resource, of a type and of the whole server."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

import sqlalchemy as sa

from adapter.sandbox.indexing import search_time
from adapter.sandbox.parameters import parameters_of
from adapter.sandbox.refusal import JsonObject, Refusal
from adapter.sandbox.store import VERSIONS, Shelf, Version, instant

_PAGE, _LARGEST_PAGE = 50, 1000
_CONTROLS = {"_since", "_count", "_before", "_format", "_pretty"}


def history(
    shelf: Shelf, address: str, pairs: Iterable[tuple[str, str]], kind: str | None = None, identity: str | None = None
) -> JsonObject:
    """A history Bundle, newest first. `_before` (the sequence of a version) stands in the links to later pages only.

    Raises Refusal: 404 when the resource was never there, 400 for a parameter that is not understood.
    """
    asked = dict(pairs)
    chosen = _chosen(shelf, asked, kind, identity)
    size = min(_number(asked, "_count", _PAGE), _LARGEST_PAGE)
    total = shelf.connection.scalar(sa.select(sa.func.count()).select_from(VERSIONS).where(*chosen))
    if "_before" in asked:
        chosen.append(VERSIONS.c.sequence < _number(asked, "_before", 0))
    newest = sa.select(VERSIONS).where(*chosen).order_by(VERSIONS.c.sequence.desc()).limit(size + 1)
    found = shelf.select(newest)
    where = "/".join(part for part in (address, kind, identity, "_history") if part)
    links = [{"relation": "self", "url": _link(where, asked)}]
    if size and len(found) > size:
        links.append({"relation": "next", "url": _link(where, {**asked, "_before": str(found[size - 1].sequence)})})
    bundle: JsonObject = {"resourceType": "Bundle", "type": "history", "meta": {"lastUpdated": instant(shelf.now)}}
    bundle |= {"total": total, "link": links}
    entries = [_entry(address, version) for version in found[:size]]
    return {**bundle, "entry": entries} if entries else bundle


def status_line(status: int) -> str:
    """An HTTP status as a Bundle tells it."""
    reasons = {200: "OK", 201: "Created", 204: "No Content"}
    return f"{status} {reasons[status]}"


def _chosen(
    shelf: Shelf, asked: dict[str, str], kind: str | None, identity: str | None
) -> list[sa.ColumnElement[bool]]:
    unknown = sorted(set(asked) - _CONTROLS)
    if unknown:
        raise Refusal(400, "not-supported", f"a history has no parameter '{unknown[0]}' on this server")
    chosen: list[sa.ColumnElement[bool]] = [sa.true()]
    if kind is not None:
        parameters_of(kind)
        chosen.append(VERSIONS.c.kind == kind)
    if kind is not None and identity is not None:
        if shelf.latest(kind, identity) is None:
            raise Refusal(404, "not-found", f"{kind}/{identity} is not on this server")
        chosen.append(VERSIONS.c.id == identity)
    if "_since" in asked:
        since = search_time(asked["_since"].replace(" ", "+"))
        if since is None:
            raise Refusal(400, "invalid", "_since takes an instant")
        chosen.append(VERSIONS.c.updated >= since.start)
    return chosen


def _entry(address: str, version: Version) -> JsonObject:
    place = f"{version.kind}/{version.id}"
    url = version.kind if version.method == "POST" else place
    status = 204 if version.method == "DELETE" else 201 if version.number == 1 else 200
    response = {"status": status_line(status), "etag": version.etag, "lastModified": version.instant}
    entry: JsonObject = {"fullUrl": f"{address}/{place}"}
    if version.body is not None:
        entry["resource"] = version.body
    return {**entry, "request": {"method": version.method, "url": url}, "response": response}


def _number(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Refusal(400, "invalid", f"{name} takes a whole number")
    return int(text)


def _link(where: str, asked: dict[str, str]) -> str:
    return f"{where}?{urlencode(asked)}" if asked else where
