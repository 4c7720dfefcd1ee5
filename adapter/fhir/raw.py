"""FHIR resources as a server sent them: exact bytes with the few facts that transport needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from adapter.errors import RemoteError


class RawResource(msgspec.Struct, frozen=True):
    """One resource: `body` is its exact JSON text; `id` and `version` None where the server gave none that is text.

    `mode` is the entry's search.mode (`match`, `include`, `outcome`), None outside a search.
    """

    type: str
    id: str | None
    version: str | None
    updated: str | None
    body: bytes
    full_url: str | None = None
    mode: str | None = None

    @property
    def reference(self) -> str | None:
        """`Type/id`, None without an id."""
        return f"{self.type}/{self.id}" if self.id else None

    def json(self) -> dict[str, Any]:
        """The resource as plain JSON; raises RemoteError for a number or depth that JSON readers cannot hold."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise RemoteError(f"{self.reference or self.type}: the server sent JSON that cannot be read") from None
        return found if isinstance(found, dict) else {}


class Page(msgspec.Struct, frozen=True):
    """One page of a searchset."""

    resources: tuple[RawResource, ...]
    next: str | None
    total: int | None


class _Bundle(msgspec.Struct):
    resourceType: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None
    total: Any = None


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    fullUrl: Any = None
    search: Any = None


class _Head(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    meta: Any = None


_bundle = msgspec.json.Decoder(_Bundle)
_entry = msgspec.json.Decoder(_Entry)
_head = msgspec.json.Decoder(_Head)
_FAULTS = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def raw_resource(body: bytes, *, full_url: object = None, mode: object = None, expected: str = "") -> RawResource:
    """A resource from its bytes; one whose head cannot be read keeps the type that was asked for."""
    try:
        head = _head.decode(body)
    except _FAULTS:
        head = _Head()
    meta = head.meta if isinstance(head.meta, Mapping) else {}
    return RawResource(
        type=_text(head.resourceType) or expected,
        id=_text(head.id),
        version=_text(meta.get("versionId")),
        updated=_text(meta.get("lastUpdated")),
        body=bytes(body),
        full_url=_text(full_url),
        mode=_text(mode),
    )


def page(body: bytes, expected: str) -> Page:
    """A searchset's page; raises RemoteError when the body is no Bundle."""
    try:
        bundle = _bundle.decode(body)
    except _FAULTS:
        raise RemoteError(f"the search for {expected} was answered with something that is no FHIR JSON") from None
    if bundle.resourceType != "Bundle":
        raise RemoteError(f"the search for {expected} was answered with no Bundle: is the address a FHIR base?")
    resources = tuple(_of_entry(bytes(entry), expected) for entry in bundle.entry or [])
    total = bundle.total if isinstance(bundle.total, int) and not isinstance(bundle.total, bool) else None
    return Page(resources, _next(bundle.link), total)


def _of_entry(entry: bytes, expected: str) -> RawResource:
    try:
        read = _entry.decode(entry)
    except _FAULTS:
        return RawResource(expected, None, None, None, entry)
    mode = read.search.get("mode") if isinstance(read.search, Mapping) else None
    return raw_resource(bytes(read.resource), full_url=read.fullUrl, mode=mode, expected=expected)


def _next(links: object) -> str | None:
    for link in links if isinstance(links, list) else []:
        if isinstance(link, Mapping) and link.get("relation") == "next":
            return _text(link.get("url")) or ""  # a link without an address is a page that cannot be had
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
