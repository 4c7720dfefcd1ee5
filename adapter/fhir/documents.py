"""Bytes to entries: Bundles, single resources and lines of NDJSON, tolerant, nothing judged."""

from __future__ import annotations

import codecs
import functools
import operator
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from adapter.errors import InputError
from adapter.fhir.entry_lists import check_one_list
from adapter.fhir.versions import TELLING, foreign_type, foreign_version, without_foreign
from adapter.resources.clinical import READ_TYPES
from adapter.resources.datatypes import ABSENT
from adapter.resources.entries import UNREAD, AnyResource, Broken, Entries, Entry, Unread
from adapter.resources.repair import MALFORMED_NUMBER, ShapeError, outsized, read, read_list, read_resource

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
BLANK = b" \t\r\n"
_PIECE = 1 << 14
_NO_RESOURCE = type(None)
_INNER = UNREAD["Bundle"]
OUTCOME = UNREAD["OperationOutcome"]
_SHAPES: dict[str, type[Any]] = {cls.__name__: cls for cls in READ_TYPES}
_SEARCHED = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)(?:/_search)?(?:\?|$)")


class Link(msgspec.Struct, gc=False):
    """A link of a Bundle."""

    relation: str | None = None
    url: str | None = None


class Bundle(msgspec.Struct, gc=False, tag_field="resourceType"):
    """A Bundle whose every entry is as it should be."""

    type: str | None = None
    link: Raw = ABSENT
    total: Raw = ABSENT
    entry: list[Entry] | None = None


ANY_DOCUMENT: Any = functools.reduce(
    operator.or_, (Bundle, *READ_TYPES, *(shape for shape in UNREAD.values() if shape is not _INNER))
)
"""A Bundle, or a resource of any other type of FHIR R4."""


class _Untyped(msgspec.Struct, gc=False, tag_field="resourceType", tag="\0"):
    """Never met: beside it a Bundle must say that it is one."""


class _Envelope(msgspec.Struct, gc=False):
    """The outside of any resource, its insides raw."""

    resourceType: str | None = None
    type: Raw = ABSENT
    link: Raw = ABSENT
    total: Raw = ABSENT
    entry: Raw = ABSENT
    fhirVersion: Raw = ABSENT


class _Outside(msgspec.Struct, gc=False):
    """One entry of a Bundle, its resource raw."""

    fullUrl: str | None = None
    resource: Raw = ABSENT
    request: Raw = ABSENT
    response: Raw = ABSENT
    search: Raw = ABSENT


class _Request(msgspec.Struct, gc=False):
    method: str | None = None
    url: str | None = None


class _Identity(msgspec.Struct, gc=False):
    resourceType: str | None = None
    id: str | None = None
    subject: Raw = ABSENT
    patient: Raw = ABSENT


class _Issue(msgspec.Struct, gc=False):
    severity: str | None = None
    code: str | None = None


class _Outcome(msgspec.Struct, gc=False):
    issue: list[_Issue] | None = None


class Document(msgspec.Struct, frozen=True):
    """What a JSON text held. `bundle`: whether it was a Bundle; `incomplete`: (type, reason) as a searchset admits.

    `link` and `total` are the Bundle's own, as they stand there.
    """

    entries: Entries
    bundle: bool
    incomplete: tuple[tuple[str, str], ...] = ()
    link: Raw = ABSENT
    total: Raw = ABSENT


_BUNDLE: msgspec.json.Decoder[Bundle] = msgspec.json.Decoder(Bundle | _Untyped)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ENTRY = msgspec.json.Decoder(Entry)
_RESOURCE = msgspec.json.Decoder(AnyResource)
_RAWS = msgspec.json.Decoder(list[Raw])


def read_document(content: bytes, name: str, place: Callable[[int], str] | None = None) -> Document:
    """A Bundle or single resource. `name` is what messages call it, `place` names entries without id.

    Of an element that stands twice in one object the last counts, as for every reader of JSON here; only the entries of
    a Bundle are too many to lose. Raises InputError when the whole is not FHIR R4 JSON.
    """
    return _opened(read_closed(clean(content, name), name, place or _entry_name))


def read_closed(text: bytes, name: str, place: Callable[[int], str]) -> Document:
    """A Bundle or single resource, already cleaned; Bundles inside it stay closed. Raises InputError."""
    try:
        found = _BUNDLE.decode(text)
        check_one_list(text, name)
        return typed_document(found, lambda: text, name, place)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(unreadable(error, name)) from None
    return _carefully(text, place, name)


def clean(content: bytes, name: str) -> bytes:
    """The text without byte order mark. Raises InputError when it is empty or not UTF-8."""
    text = content[3:] if content.startswith(BOM) else content
    if not text.strip(BLANK):
        raise InputError(f"{name}: the input is empty; give a FHIR R4 Bundle, resource or NDJSON")
    if text.startswith(GZIP):
        raise InputError(f"{name}: compressed with gzip; unpack it and give the JSON")
    if not text.isascii():
        try:
            check_utf8(text)
        except UnicodeDecodeError as error:
            raise InputError(f"{name}: not UTF-8 at byte {error.start}; FHIR JSON is UTF-8, convert the file") from None
    return text


def check_utf8(text: bytes) -> None:
    """Raises UnicodeDecodeError for bytes that are not UTF-8. In pieces it takes a third of the time of the whole."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(text), _PIECE):
            decoder.decode(text[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        text.decode()  # the place in the whole, not in the piece


def unreadable(error: Exception, name: str) -> str:
    """One line on why a text is not JSON."""
    if isinstance(error, RecursionError):
        return f"{name}: the JSON is nested too deep to be FHIR; check where the file comes from"
    why = " ".join(str(error).split()).removeprefix("JSON is malformed: ")
    return f"{name}: not JSON ({why}); give a FHIR R4 Bundle, resource or NDJSON"


def _entry_name(index: int) -> str:
    return f"Bundle.entry[{index}]"


def _inner_name(outer: str) -> Callable[[int], str]:
    return lambda index: f"{outer}.resource.entry[{index}]"


def typed_document(found: Any, text: Callable[[], bytes], name: str, place: Callable[[int], str]) -> Document:
    """The document of a Bundle or resource that has its shape; Bundles inside it stay closed. Raises InputError."""
    if not isinstance(found, Bundle):
        entries = Entries([Entry(None, found)], lambda _: name, lambda _: text())
        return Document(without_foreign(entries, name), False)
    return _of_bundle(found, text, place, name)


def _of_bundle(bundle: Bundle, text: Callable[[], bytes], place: Callable[[int], str], name: str) -> Document:
    """The usual case: everything has its shape."""
    base = _server(bundle.link) if bundle.link else None
    entries = Entries(bundle.entry or [], place, _original(text), base)
    if bundle.type == "history" or _NO_RESOURCE in entries.kinds:
        entries = _without_requests(entries, bundle.type)
    if not TELLING.isdisjoint(entries.kinds) and any(foreign_version(e.resource) for e in entries.items):
        entries = without_foreign(entries, name)
    incomplete = _incomplete(bundle.type, bundle.link, entries)
    return Document(entries, True, incomplete, bundle.link, bundle.total)


def _carefully(text: bytes, place: Callable[[int], str], name: str) -> Document:
    """A document with something wrong in it: entry by entry, so that only the wrong one is lost."""
    try:
        msgspec.json.decode(text, type=Raw)
        outside = _ENVELOPE.decode(text)
    except msgspec.ValidationError:
        raise InputError(f"{name}: JSON, but no FHIR resource; give a FHIR R4 Bundle, resource or NDJSON") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(unreadable(error, name)) from None
    kind = outside.resourceType
    if not kind:
        raise InputError(f"{name}: JSON without resourceType is no FHIR; give a FHIR R4 Bundle, resource or NDJSON")
    version = read(outside.fhirVersion, str) if outside.fhirVersion else None
    if version is not None and not version.startswith("4."):
        raise InputError(f"{name}: FHIR {version} is another version; give FHIR R4 (4.0.1)")
    if kind != "Bundle":
        entries = Entries([Entry(None, shape_of(text))], lambda _: name, lambda _: text)
        return Document(without_foreign(entries, name), False)
    check_one_list(text, name)
    raws = _entries_of(outside.entry, name)
    entries = Entries([_entry(raw) for raw in raws], place, _original(lambda: text), _server(outside.link))
    type_ = read(outside.type, str) if outside.type else None
    entries = without_foreign(_without_requests(entries, type_), name)
    return Document(entries, True, _incomplete(type_, outside.link, entries), outside.link, outside.total)


def _entries_of(raw: Raw, name: str) -> list[Raw]:
    if not raw or bytes(raw) == b"null":
        return []
    try:
        return _RAWS.decode(raw)
    except msgspec.ValidationError:
        if bytes(raw).lstrip(BLANK).startswith(b"{"):
            return [raw]
        raise InputError(f"{name}: Bundle.entry is no array; this is not a FHIR R4 Bundle") from None


def _entry(raw: Raw) -> Entry:
    try:
        return _ENTRY.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        outside = read(raw, _Outside)
    if outside is None or not outside.resource:
        return Entry(None, Broken("", None, ABSENT, "malformed: not an object with a resource", "Bundle.entry"))
    shaped = shape_of(outside.resource)
    return Entry(outside.fullUrl, shaped, outside.request, outside.response, outside.search)


def shape_of(raw: Raw | bytes) -> Any:
    """One resource as a typed shape, mended where it is not, Broken where it cannot be."""
    try:
        return _RESOURCE.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    identity = read(raw, _Identity) or _Identity()
    kind, subject = identity.resourceType or "", identity.subject or identity.patient
    if not kind:
        return Broken("", None, subject, "malformed: no resourceType", "Bundle.entry.resource")
    shape = _SHAPES.get(kind)
    if shape is None:
        if foreign_type(kind):
            return Broken(kind, identity.id, subject, "malformed: no resource type of FHIR R4", "resourceType")
        return UNREAD.get(kind, Unread)(identity.id, identity.subject, identity.patient)
    if outsized(raw):
        return Broken(kind, identity.id, subject, MALFORMED_NUMBER, kind)
    try:
        return read_resource(raw, shape)
    except ShapeError as error:
        return Broken(kind, identity.id, subject, f"malformed: {error}", str(error))


def _without_requests(entries: Entries, bundle_type: str | None) -> Entries:
    """Entries that only ask or answer (a DELETE, a GET, a response) hold no resource; a deletion is remembered."""
    kept: list[Entry] = []
    places: list[int] = []
    deleted: set[str] = set()
    alive: set[str] = set()
    for index, entry in enumerate(entries.items):
        resource = entry.resource
        if resource is not None and not isinstance(resource, Broken):
            alive.add(f"{type(resource).__name__}/{resource.id}")
        elif resource is None and (entry.request or entry.response):
            asked = read(entry.request, _Request) or _Request()
            named = "/".join((asked.url or "").partition("/_history")[0].split("/")[-2:])
            if bundle_type == "history" and asked.method == "DELETE" and named not in alive:
                deleted.add(named)
            continue
        elif resource is None:
            entry = Entry(entry.fullUrl, Broken("", None, ABSENT, "malformed: no resource", "Bundle.entry.resource"))
        kept.append(entry)
        places.append(index)
    return Entries(
        kept,
        lambda i: entries.place(places[i]),
        lambda i: entries.original(places[i]),
        entries.base,
        frozenset(deleted),
        len(entries) - len(kept),
    )


def _opened(document: Document) -> Document:
    """The document with Bundles inside it (the answer to a batch of searches) opened in their place."""
    entries, incomplete = document.entries, document.incomplete
    if not any(e.resource.__class__ is _INNER for e in entries.items):
        return document
    items: list[Entry] = []
    origins: list[tuple[Entries, int]] = []
    gaps, deleted = dict(incomplete), set(entries.deleted)
    for index, entry in enumerate(entries.items):
        if entry.resource.__class__ is _INNER:
            place = entries.place(index)
            inner = read_document(entries.original(index), place, _inner_name(place))
            items += inner.entries.items
            origins += [(inner.entries, i) for i in range(len(inner.entries))]
            gaps = dict(inner.incomplete) | gaps
            deleted |= inner.entries.deleted
        else:
            items.append(entry)
            origins.append((entries, index))
    opened = Entries(
        items,
        lambda i: origins[i][0].place(origins[i][1]),
        lambda i: origins[i][0].original(origins[i][1]),
        entries.base,
        frozenset(deleted),
    )
    return Document(opened, True, tuple(gaps.items()), document.link, document.total)


def _original(text: Callable[[], bytes]) -> Callable[[int], bytes]:
    raws: list[Raw] = []

    def original(index: int) -> bytes:
        if not raws:
            raws.extend(_RAWS.decode(_ENVELOPE.decode(text()).entry))
        outside = read(raws[index], _Outside)
        return bytes(outside.resource) if outside is not None else b"null"

    return original


def _server(link: Raw) -> str | None:
    """The server's base, from the searchset's own link."""
    for one in read_list(link, Link):
        if one.relation == "self" and one.url and one.url.startswith("http"):
            head = one.url.partition("?")[0].removesuffix("/_search").rstrip("/")
            before, _, last = head.rpartition("/")
            return before if last[:1].isupper() and last.isalpha() else head
    return None


def _incomplete(bundle_type: str | None, link: Raw, entries: Entries) -> tuple[tuple[str, str], ...]:
    """What a searchset admits that it did not give: the type searched, else every type."""
    if bundle_type != "searchset":
        return ()
    reasons = []
    for index, entry in enumerate(entries.items if OUTCOME in entries.kinds else ()):
        if entry.resource.__class__ is not OUTCOME:
            continue
        outcome = read(entries.original(index), _Outcome) or _Outcome()
        grave = [i for i in outcome.issue or () if i.severity in ("warning", "error", "fatal")]
        reasons += [f"{i.severity}: {i.code or 'unknown'}" for i in grave]
    if link and any(one.relation == "next" for one in read_list(link, Link)):
        reasons.append("the next page is not in this file")
    if not reasons:
        return ()
    url = next((o.url for o in read_list(link, Link) if o.relation == "self" and o.url), "")
    searched = _SEARCHED.search(url)
    kinds = [searched[1]] if searched and searched[1] in _SHAPES else sorted(_SHAPES)
    return tuple((kind, reasons[0]) for kind in kinds)
