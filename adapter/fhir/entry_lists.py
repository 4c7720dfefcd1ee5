"""A Bundle with two lists of entries: JSON readers keep the last one, so the resources of the first would be lost."""

from __future__ import annotations

import json

import msgspec
from msgspec import Raw

from adapter.errors import InputError
from adapter.resources.datatypes import ABSENT

_KEY = b'"entry"'


class _Outermost(msgspec.Struct, gc=False):
    entry: Raw = ABSENT


_OUTERMOST = msgspec.json.Decoder(_Outermost)


def check_one_list(text: bytes, name: str) -> None:
    """Raises InputError for a Bundle with two `entry`: the resources of the first would be lost without a word."""
    if lists_of_entries(text) < 2:
        return
    if text.count(_KEY) - 1 == bytes(_OUTERMOST.decode(text).entry).count(_KEY):
        return
    pairs = json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str)
    if [key for key, _ in pairs].count("entry") > 1:
        raise InputError(f"{name}: Bundle.entry stands there twice; put all entries into one list")


def lists_of_entries(text: bytes) -> int:
    """How many lists of entries may begin in a JSON text, at most; from the end the search is several times faster."""
    found, end = 0, len(text)
    while (end := text.rfind(_KEY, 0, end)) >= 0:
        found += 1
    return found
