"""The writes and reads of one resource."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl

from adapter.sandbox.parameters import parameters_of
from adapter.sandbox.query import Asked
from adapter.sandbox.refusal import JsonObject, Refusal
from adapter.sandbox.searching import matching_ids
from adapter.sandbox.store import Shelf, Version

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ETAG = re.compile(r'(?:W/)?"?([^"]+)"?')


@dataclass(frozen=True)
class Done:
    """A finished interaction: its HTTP status and the version that answers it."""

    status: int
    version: Version


def read(shelf: Shelf, kind: str, identity: str) -> Version:
    """The current version. Raises Refusal: 404 never there, 410 deleted."""
    parameters_of(kind)
    found = shelf.latest(kind, identity)
    if found is None:
        raise Refusal(404, "not-found", f"{kind}/{identity} is not on this server")
    if found.body is None:
        raise Refusal(410, "deleted", f"{kind}/{identity} was deleted")
    return found


def read_version(shelf: Shelf, kind: str, identity: str, number: str) -> Version:
    """One version. Raises Refusal: 404 never there, 410 a deletion."""
    parameters_of(kind)
    known = number.isascii() and number.isdigit() and len(number) < 10
    found = shelf.version(kind, identity, int(number)) if known else None
    if found is None:
        raise Refusal(404, "not-found", f"{kind}/{identity} has no version '{number}'")
    if found.body is None:
        raise Refusal(410, "deleted", f"version {number} of {kind}/{identity} is its deletion")
    return found


def create(shelf: Shelf, address: str, kind: str, body: object, condition: str | None = None) -> Done:
    """Create under a new id, unless one resource answers the condition (a query string) already."""
    accepted = acceptable(kind, body)
    if condition is not None:
        found = match_one(shelf, address, kind, condition)
        if found is not None:
            return Done(200, read(shelf, kind, found))
    return Done(201, shelf.write(kind, new_id(), "POST", accepted))


def update(shelf: Shelf, kind: str, identity: str, body: object, if_match: str | None = None) -> Done:
    """Create or update under the given id; the same content again writes nothing."""
    accepted = acceptable(kind, body)
    if not _ID.fullmatch(identity):
        raise Refusal(400, "invalid", "an id has 1 to 64 of the characters A-Z a-z 0-9 - .")
    if accepted.get("id") != identity:
        raise Refusal(400, "invalid", f"the id in the body must be the id of the address, {kind}/{identity}")
    before = shelf.latest(kind, identity)
    _guard(before, if_match)
    if before is not None and before.body is not None and _content(before.body) == _content(accepted):
        return Done(200, before)
    there = before is not None and before.body is not None
    return Done(200 if there else 201, shelf.write(kind, identity, "PUT", accepted))


def conditional_update(
    shelf: Shelf, address: str, kind: str, condition: str, body: object, if_match: str | None = None
) -> Done:
    """Update the one resource that answers the condition, or create it when none does."""
    accepted = acceptable(kind, body)
    found = match_one(shelf, address, kind, condition)
    given = accepted.get("id")
    if found is not None and given not in (None, found):
        raise Refusal(400, "invalid", "the condition matches another resource than the id in the body")
    identity = found or given or new_id()
    return update(shelf, kind, identity, {**accepted, "id": identity}, if_match)


def delete(shelf: Shelf, kind: str, identity: str, if_match: str | None = None) -> Version | None:
    """Delete; what is not there, or already deleted, is left as it is. The version is the deletion."""
    parameters_of(kind)
    before = shelf.latest(kind, identity)
    if before is None and if_match is None:
        return None
    _guard(before, if_match)
    if before is None or before.body is None:
        return before
    return shelf.write(kind, identity, "DELETE", None)


def match_one(shelf: Shelf, address: str, kind: str, condition: str) -> str | None:
    """The id of the only resource that answers a query string, None for none. Raises Refusal (412) for several."""
    parameters_of(kind)
    asked = [Asked.of(*pair) for pair in parse_qsl(condition.lstrip("?"), keep_blank_values=True)]
    if not asked:
        raise Refusal(412, "invalid", "a condition needs at least one search parameter")
    found = matching_ids(shelf, address, kind, asked)
    if len(found) > 1:
        raise Refusal(412, "multiple-matches", f"the condition matches {len(found)} resources of type {kind}")
    return found[0] if found else None


def acceptable(kind: str, body: object) -> JsonObject:
    """A body that can be stored as a resource of the type. Raises Refusal (400, 404)."""
    parameters_of(kind)
    if not isinstance(body, dict) or body.get("resourceType") != kind:
        raise Refusal(400, "invalid", f"the body must be a JSON object with resourceType '{kind}'")
    if not isinstance(body.get("meta", {}), dict):
        raise Refusal(400, "structure", "meta must be a JSON object")
    if not isinstance(body.get("id", ""), str):
        raise Refusal(400, "structure", "id must be a string")
    return body


def new_id() -> str:
    """An id that the server gives."""
    return str(uuid.uuid4())


def _guard(before: Version | None, if_match: str | None) -> None:
    if if_match is None:
        return
    match = _ETAG.fullmatch(if_match.strip())
    there = before is not None and before.body is not None
    if match is None or before is None or not there or match[1] not in ("*", str(before.number)):
        raise Refusal(412, "conflict", f"If-Match {if_match} is not the current version; read it again")


def _content(body: JsonObject) -> JsonObject:
    meta = {key: value for key, value in body.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    return {**body, "meta": meta}
