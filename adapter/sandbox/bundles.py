"""Transactions and batches: many interactions in one Bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from adapter.sandbox import interactions
from adapter.sandbox.history import history, status_line
from adapter.sandbox.parameters import known_types, parameters_of
from adapter.sandbox.refusal import JsonObject, Refusal, outcome_of
from adapter.sandbox.searching import Pages, page, start_search
from adapter.sandbox.store import Shelf, Store

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}
_CONDITIONAL = re.compile(r"([A-Z]\w+)\?(.+)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where a Bundle is carried out: the kept searches, the server's address, and whether to return resources."""

    pages: Pages
    address: str
    with_resources: bool = False


@dataclass(frozen=True)
class Entry:
    """One request of a Bundle. `identity` is set once it is known; `there`: a conditional create found its resource."""

    number: int
    method: str
    path: tuple[str, ...]
    query: str
    full_url: str | None
    resource: Any
    if_match: str | None
    if_none_exist: str | None
    identity: str | None = None
    there: bool = False

    @property
    def kind(self) -> str:
        """The resource type of the request's address."""
        return self.path[0]


def transaction(store: Store, place: Place, bundle: JsonObject) -> JsonObject:
    """Carry out every entry, or none. Raises Refusal that names the entry which stopped it."""
    with store.transaction() as shelf:
        entries = [_identified(shelf, place, _entry(n, raw, place)) for n, raw in enumerate(_raw_entries(bundle))]
        _refuse_overlap(entries)
        known = {e.full_url: f"{e.kind}/{e.identity}" for e in entries if e.full_url and e.identity}
        answers: dict[int, JsonObject] = {}
        for entry in sorted(entries, key=lambda e: _ORDER[e.method]):
            resource = _rewritten(shelf, place, entry, known)
            answers[entry.number] = _carried_out(shelf, place, replace(entry, resource=resource))
        return _response("transaction-response", [answers[entry.number] for entry in entries])


def batch(store: Store, place: Place, bundle: JsonObject) -> JsonObject:
    """Carry out each entry for itself; a refused one says why in its response."""
    answers = []
    for number, raw in enumerate(_raw_entries(bundle)):
        try:
            with store.transaction() as shelf:
                entry = _identified(shelf, place, _entry(number, raw, place))
                answers.append(_carried_out(shelf, place, entry))
        except Refusal as refusal:
            answers.append({"response": {"status": str(refusal.status), "outcome": outcome_of(refusal)}})
    return _response("batch-response", answers)


def _response(kind: str, answers: list[JsonObject]) -> JsonObject:
    bundle: JsonObject = {"resourceType": "Bundle", "type": kind}
    return {**bundle, "entry": answers} if answers else bundle


def _raw_entries(bundle: JsonObject) -> list[Any]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Refusal(400, "structure", "Bundle.entry must be an array")
    return entries


def _entry(number: int, raw: Any, place: Place) -> Entry:
    request = raw.get("request") if isinstance(raw, dict) else None
    texts = [request.get(key) for key in ("method", "url")] if isinstance(request, dict) else []
    if not isinstance(request, dict) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "required", f"Bundle.entry[{number}] needs a request with method and url")
    if request["method"] not in _ORDER:
        raise Refusal(400, "not-supported", f"Bundle.entry[{number}]: method {request['method']} is not supported")
    address, _, query = request["url"].removeprefix(place.address).lstrip("/").partition("?")
    path = tuple(address.strip("/").split("/"))
    optional = (raw.get("fullUrl"), request.get("ifMatch"), request.get("ifNoneExist"))
    if not all(text is None or isinstance(text, str) for text in optional):
        raise Refusal(400, "structure", f"Bundle.entry[{number}]: fullUrl, ifMatch and ifNoneExist must be strings")
    full_url, if_match, if_none_exist = optional
    return Entry(number, request["method"], path, query, full_url, raw.get("resource"), if_match, if_none_exist)


def _identified(shelf: Shelf, place: Place, entry: Entry) -> Entry:
    """The entry with the id that it reads or writes, found or given before anything is written."""
    with _named(entry):
        if entry.method == "GET":
            return entry
        parameters_of(entry.kind)
        if entry.method == "POST" and len(entry.path) == 1:
            return _identified_create(shelf, place, entry)
        if entry.method == "PUT" and len(entry.path) == 1:
            found = interactions.match_one(shelf, place.address, entry.kind, entry.query)
            given = interactions.acceptable(entry.kind, entry.resource).get("id")
            return replace(entry, identity=found or given or interactions.new_id())
        if entry.method in ("PUT", "DELETE") and len(entry.path) == 2:
            return replace(entry, identity=entry.path[1])
        raise Refusal(400, "not-supported", f"{entry.method} {'/'.join(entry.path)} is no interaction of this server")


def _identified_create(shelf: Shelf, place: Place, entry: Entry) -> Entry:
    found = None
    if entry.if_none_exist is not None:
        found = interactions.match_one(shelf, place.address, entry.kind, entry.if_none_exist)
    return replace(entry, identity=found or interactions.new_id(), there=found is not None)


@contextmanager
def _named(entry: Entry) -> Iterator[None]:
    """A block whose refusals begin with the place of the entry in the Bundle."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.status, refusal.code, f"Bundle.entry[{entry.number}]: {refusal}") from refusal


def _refuse_overlap(entries: list[Entry]) -> None:
    seen: set[tuple[str, str | None]] = set()
    conditions: set[tuple[str, str]] = set()
    for entry in entries:
        key, condition = (entry.kind, entry.identity), (entry.kind, entry.if_none_exist or "")
        twice = entry.method != "GET" and not entry.there and key in seen
        if twice or (condition[1] and condition in conditions):
            raise Refusal(400, "duplicate", f"Bundle.entry[{entry.number}]: written twice in one transaction")
        if entry.method != "GET":
            seen.add(key)
        if condition[1]:
            conditions.add(condition)


def _rewritten(shelf: Shelf, place: Place, entry: Entry, known: Mapping[str, str]) -> Any:
    """The resource with references to entries of the Bundle, and conditional references, made real."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if isinstance(node, dict):
            return {key: target(value) if key == "reference" else walk(value) for key, value in node.items()}
        return node

    def target(value: Any) -> Any:
        if not isinstance(value, str):
            return walk(value)
        conditional = _CONDITIONAL.fullmatch(value)
        if conditional is None:
            return known.get(value, value)
        found = interactions.match_one(shelf, place.address, conditional[1], conditional[2])
        if found is None:
            raise Refusal(404, "not-found", f"the conditional reference to a {conditional[1]} matches nothing")
        return f"{conditional[1]}/{found}"

    with _named(entry):
        return walk(entry.resource)


def _carried_out(shelf: Shelf, place: Place, entry: Entry) -> JsonObject:
    with _named(entry):
        if entry.method == "GET":
            return {"resource": _got(shelf, place, entry), "response": {"status": status_line(200)}}
        identity = entry.identity or ""
        if entry.method == "DELETE":
            gone = interactions.delete(shelf, entry.kind, identity, entry.if_match)
            return {"response": {"status": status_line(204), **({"etag": gone.etag} if gone else {})}}
        done = _written(shelf, entry, identity)
        stamp = {"location": done.version.path, "etag": done.version.etag, "lastModified": done.version.instant}
        answer = {"response": {"status": status_line(done.status), **stamp}}
        return {"resource": done.version.body, **answer} if place.with_resources else answer


def _written(shelf: Shelf, entry: Entry, identity: str) -> interactions.Done:
    if entry.there:
        return interactions.Done(200, interactions.read(shelf, entry.kind, identity))
    accepted = interactions.acceptable(entry.kind, entry.resource)
    if entry.method == "POST":
        return interactions.Done(201, shelf.write(entry.kind, identity, "POST", accepted))
    body = {**accepted, "id": identity} if entry.query and "id" not in accepted else accepted
    return interactions.update(shelf, entry.kind, identity, body, entry.if_match)


def _got(shelf: Shelf, place: Place, entry: Entry) -> JsonObject | None:
    pairs = parse_qsl(entry.query, keep_blank_values=True)
    match entry.path:
        case (kind,) if kind in known_types():
            search = start_search(shelf, place.address, kind, pairs, lenient=False)
            return page(shelf, place.pages, place.address, search)
        case (kind, "_history"):
            return history(shelf, place.address, pairs, kind)
        case (kind, identity):
            return interactions.read(shelf, kind, identity).body
        case (kind, identity, "_history"):
            return history(shelf, place.address, pairs, kind, identity)
        case (kind, identity, "_history", number):
            return interactions.read_version(shelf, kind, identity, number).body
    raise Refusal(400, "not-supported", f"GET {'/'.join(entry.path)} is no interaction of this server")
