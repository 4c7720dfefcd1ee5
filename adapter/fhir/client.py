"""A FHIR R4 server as the adapter uses it: read, search, write, capability."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import orjson
from requests.adapters import HTTPAdapter

from adapter.errors import MissingError, RemoteError
from adapter.fhir.auth import Auth, NoAuth
from adapter.fhir.capability import Capability, capability
from adapter.fhir.paging import MOST_PAGES, Found, collect
from adapter.fhir.raw import RawResource, raw_resource
from adapter.fhir.transport import Answer, Patience, Transport

R4 = "4.0"
_STRICT = {"Prefer": "handling=strict"}
_BACK = {"Prefer": "return=representation"}
_ID = re.compile(r"(?!\.+$)[A-Za-z0-9\-._]{1,64}")
_ETAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')
_LOCATION = re.compile(r"(?:^|.*/)([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?/?$")


class Written(msgspec.Struct, frozen=True):
    """Where a write ended: `version` None when the server told none, `created` whether it is new."""

    type: str
    id: str
    version: str | None
    created: bool


class FhirClient:
    """One FHIR server. `trusted` are further origins that may hold pages of a search; they never get the token.

    Pages elsewhere on the server's own origin are read only where there is no credential that could leak to them.
    `most_pages`: how many pages of one search are read; `door`: how connections are made (None: to any address).
    Raises UsageError for an address that no server can have.
    """

    def __init__(
        self,
        base: str,
        *,
        auth: Auth | None = None,
        patience: Patience | None = None,
        trusted: Iterable[str] = (),
        page_size: int | None = None,
        most_pages: int = MOST_PAGES,
        door: HTTPAdapter | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self._transport = Transport(self.base, auth, patience, door)
        nobody = auth is None or type(auth) is NoAuth
        self._trusted = (*trusted, *((self.base,) if nobody else ()))
        self._page_size = page_size
        self._most_pages = most_pages
        self._capability: Capability | None = None

    def read(self, kind: str, identity: str, version: str | None = None) -> RawResource:
        """One resource, or one of its versions; raises MissingError when it is not, or no longer, there."""
        if not is_id(identity):
            raise MissingError(f"reading a {kind}: no resource can have this id", 404)
        suffix = f"/_history/{version}" if version else ""
        url = f"{self.base}/{kind}/{quote(identity, safe='')}"
        answer = self._transport.send("GET", f"{url}{suffix}", what=f"reading a {kind}")
        found = raw_resource(answer.content, full_url=url, expected=kind)
        if found.type != kind or found.id not in (None, identity):
            raise RemoteError(f"reading a {kind}: the server answered with another resource")
        told = etag(answer.headers.get("ETag"))
        return msgspec.structs.replace(found, version=found.version or told)

    def search(self, kind: str, parameters: Sequence[tuple[str, str]] = ()) -> Found:
        """All that a search finds, over all its pages; raises RemoteError when it cannot be begun."""
        asked = list(parameters)
        if self._page_size is not None:
            asked.append(("_count", str(self._page_size)))
        url = f"{self.base}/{kind}" + (f"?{urlencode(asked)}" if asked else "")
        return collect(lambda address: self._get(address, kind), url, kind, self.base, self._trusted, self._most_pages)

    def capability(self) -> Capability:
        """What the server says that it can do, asked once; raises RemoteError when it is no R4 server."""
        if self._capability is None:
            answer = self._transport.send("GET", f"{self.base}/metadata", what="reading the CapabilityStatement")
            statement = _object(answer)
            if statement.get("resourceType") != "CapabilityStatement":
                raise RemoteError(f"{self.base}/metadata is no CapabilityStatement: is the address a FHIR base?")
            found = capability(statement)
            if found.fhir_version and not found.fhir_version.startswith(R4):
                raise RemoteError(f"{self.base} speaks FHIR {found.fhir_version[:12]}: this adapter needs R4 (4.0.1)")
            self._capability = found
        return self._capability

    def update(self, resource: Mapping[str, Any], *, match: str | None = None) -> Written:
        """PUT under the resource's own id, with If-Match when a version is given; raises ConflictError."""
        kind, identity = str(resource["resourceType"]), str(resource["id"])
        headers = {**_BACK, **({"If-Match": f'W/"{match}"'} if match else {})}
        answer = self._transport.send(
            "PUT",
            f"{self.base}/{kind}/{identity}",
            what=f"writing a {kind}",
            body=orjson.dumps(resource),
            headers=headers,
        )
        return _written(answer, kind, identity)

    def create(self, resource: Mapping[str, Any], *, if_none_exist: str | None = None) -> Written:
        """POST, at most one with the condition; without it the exchange is never repeated blindly."""
        kind = str(resource["resourceType"])
        headers = {**_BACK, **({"If-None-Exist": if_none_exist} if if_none_exist else {})}
        answer = self._transport.send(
            "POST",
            f"{self.base}/{kind}",
            what=f"creating a {kind}",
            body=orjson.dumps(resource),
            headers=headers,
            keyed=if_none_exist is not None,
        )
        return _written(answer, kind, None)

    def transaction(self, bundle: Mapping[str, Any]) -> tuple[Written, ...]:
        """POST a transaction; the places of its entries in their order. Raises ConflictError, RemoteError."""
        keyed = all(_keyed(entry.get("request", {})) for entry in bundle.get("entry", []))
        answer = self._transport.send("POST", self.base, what="a transaction", body=orjson.dumps(bundle), keyed=keyed)
        entries = _object(answer).get("entry")
        asked = bundle.get("entry", [])
        if not isinstance(entries, list) or len(entries) != len(asked):
            raise RemoteError(
                "a transaction was answered without the result of each entry: run again to see what holds"
            )
        return tuple(_entry_written(one, other) for one, other in zip(entries, asked, strict=True))

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _get(self, url: str, kind: str) -> Answer:
        return self._transport.send("GET", url, what=f"the search for {kind}", headers=_STRICT)


def is_id(text: str) -> bool:
    """Whether a resource can have this id: FHIR's pattern and `_`, which servers use, but no path of dots."""
    return _ID.fullmatch(text) is not None


def etag(text: str | None) -> str | None:
    """The version in an ETag, weak or strong, quoted or not."""
    if not text:
        return None
    match = _ETAG.fullmatch(text)
    return (match[1] if match else text.strip()) or None


def located(text: str | None) -> tuple[str, str, str | None] | None:
    """Type, id and version of a Location, absolute or relative."""
    match = _LOCATION.match(text or "")
    return (match[1], match[2], match[3]) if match else None


def _written(answer: Answer, kind: str, identity: str | None) -> Written:
    place = located(answer.headers.get("Location") or answer.headers.get("Content-Location"))
    body = raw_resource(answer.content, expected=kind) if answer.content else None
    named = body.id if body is not None and body.type == kind else None
    version = body.version if named and body else None
    found = identity or named or (place[1] if place else None)
    if found is None:
        raise RemoteError(f"creating a {kind}: the server did not say where it is: run again to see what holds")
    version = version or etag(answer.headers.get("ETag")) or (place[2] if place else None)
    return Written(kind, found, version, answer.status_code == 201)


def _entry_written(entry: object, asked: Mapping[str, Any]) -> Written:
    response = entry.get("response") if isinstance(entry, Mapping) else None
    response = response if isinstance(response, Mapping) else {}
    kind = str(asked["resource"]["resourceType"])
    status, version = str(response.get("status", "")), response.get("etag")
    place = located(response.get("location") if isinstance(response.get("location"), str) else None)
    identity = place[1] if place else asked["resource"].get("id")
    if identity is None or not status.startswith("2"):
        raise RemoteError(f"a transaction's entry for a {kind} has no usable answer: run again to see what holds")
    told = etag(version if isinstance(version, str) else None) or (place[2] if place else None)
    return Written(kind, str(identity), told, status.startswith("201"))


def _keyed(request: Mapping[str, Any]) -> bool:
    return request.get("method") == "PUT" or "ifNoneExist" in request


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise RemoteError("the server answered with something that is no FHIR JSON: is the address a FHIR base?")
    return found
