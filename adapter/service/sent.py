"""The JSON of a hook call: its members as plain JSON, its prefetch as typed resources in the same pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from adapter.errors import InputError
from adapter.fhir.documents import ANY_DOCUMENT, BOM, Bundle, check_utf8
from adapter.fhir.entry_lists import check_one_list, lists_of_entries
from adapter.resources.datatypes import ABSENT
from adapter.service.body import parse_object
from adapter.service.refusals import Refusal

_PREFETCH = "prefetch"


class Sent(msgspec.Struct, frozen=True):
    """What was sent under one key of prefetch: its JSON, and typed where all of it has its shape."""

    text: Callable[[], bytes]
    typed: Any = None


class _Members(msgspec.Struct, gc=False):
    """The members of a hook call that are small, raw."""

    hook: Raw = ABSENT
    hookInstance: Raw = ABSENT
    context: Raw = ABSENT
    fhirServer: Raw = ABSENT
    fhirAuthorization: Raw = ABSENT


class _Typed(_Members, gc=False):
    """A call whose prefetch is as it should be."""

    prefetch: dict[str, ANY_DOCUMENT | None] | None = None


class _Raw(_Members, gc=False):
    """A call with anything in its prefetch."""

    prefetch: dict[str, Raw] | None = None


class _Context(msgspec.Struct, gc=False):
    """The draft orders, raw."""

    draftOrders: Raw = ABSENT


_CONTEXT = msgspec.json.Decoder(_Context)
_TYPED = msgspec.json.Decoder(_Typed)
_RAW = msgspec.json.Decoder(_Raw)
_WRONG = (msgspec.MsgspecError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError)


def parse_call(body: bytes) -> dict[str, Any]:
    """The members of a hook call, `prefetch` as `Sent` by key (None for null). Refusal 400: no JSON."""
    text = body.removeprefix(BOM)
    try:
        if not text.isascii():
            check_utf8(text)
        found = _typed(text)
        return _raw(text) if found is None else found
    except _WRONG:
        return _slowly(body)


def _typed(text: bytes) -> dict[str, Any] | None:
    """The call in one pass, None where something in its prefetch wants a closer look."""
    try:
        call = _TYPED.decode(text)
    except msgspec.MsgspecError:
        return None
    sent = call.prefetch or {}
    bundles = sum(1 for one in sent.values() if isinstance(one, Bundle) and one.entry is not None)
    # More than one a Bundle: some Bundle may have two lists of entries, of which one would be lost.
    if lists_of_entries(text) - lists_of_entries(bytes(call.context)) > bundles:
        return None
    raws = cache(partial(_RAW.decode, text))
    values = {key: None if one is None else Sent(partial(_of, raws, key), one) for key, one in sent.items()}
    return _joined(call, values)


def _raw(text: bytes) -> dict[str, Any]:
    """The call with its prefetch as JSON, to be read with care."""
    call = _RAW.decode(text)
    return _joined(call, {key: _as_sent(bytes(raw)) for key, raw in (call.prefetch or {}).items()})


def _check_drafts(context: Raw) -> None:
    """Refusal 400 for draft orders with two lists, of which one would be lost."""
    if lists_of_entries(bytes(context)) < 2:
        return
    try:
        check_one_list(bytes(_CONTEXT.decode(context).draftOrders), "context.draftOrders")
    except InputError as error:
        raise Refusal(400, str(error)) from None


def _joined(call: _Typed | _Raw, prefetch: dict[str, Sent | None]) -> dict[str, Any]:
    _check_drafts(call.context)
    found = {name: orjson.loads(bytes(raw)) for name in _Members.__struct_fields__ if (raw := getattr(call, name))}
    return {**found, _PREFETCH: prefetch} if call.prefetch is not None else found


def _of(raws: Callable[[], _Raw], key: str) -> bytes:
    return bytes((raws().prefetch or {})[key])


def _slowly(body: bytes) -> dict[str, Any]:
    """The same for a body with something wrong in it, which is said."""
    found = parse_object(body)
    prefetch = found.get(_PREFETCH)
    if isinstance(prefetch, dict):
        found[_PREFETCH] = {key: _as_sent(orjson.dumps(value)) for key, value in prefetch.items()}
    return found


def _as_sent(text: bytes) -> Sent | None:
    return None if text == b"null" else Sent(lambda: text)
