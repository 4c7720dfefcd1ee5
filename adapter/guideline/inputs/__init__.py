"""Which facts each finding reads and how fresh they must be, for whoever asks what a code or a gap would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import yaml

from adapter.errors import TableError

EVER = "ever"


class Inputs(msgspec.Struct, frozen=True):
    """What one finding reads: `reads` concept or group -> freshness limit (`topic/name`), None where any age counts.

    `person`: elements of Patient (`birth`, `sex`).
    """

    code: str
    reads: Mapping[str, str | None]
    person: tuple[str, ...] = ()


class _Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sets: tuple[str, ...] = ()
    reads: dict[str, str] = {}
    person: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    everything: dict[str, str]
    sets: dict[str, _Read]
    findings: dict[str, _Read]


@cache
def inputs() -> Mapping[str, Inputs]:
    """By finding code, in the order of the file; what every finding rests on is in `everything`."""
    sets, findings = _document().sets, _document().findings
    return {code: Inputs(code, _reads(read, sets, ()), read.person) for code, read in findings.items()}


@cache
def everything() -> Mapping[str, str | None]:
    """The facts of phase and course, on which every finding rests."""
    return {name: _limit(limit) for name, limit in _document().everything.items()}


def readers(names: Iterable[str]) -> tuple[str, ...]:
    """The finding codes that read one of some concepts or groups themselves, sorted; all when phase or course do."""
    wanted = frozenset(names)
    direct = [code for code, found in inputs().items() if not wanted.isdisjoint(found.reads)]
    return tuple(sorted(inputs() if not wanted.isdisjoint(everything()) else direct))


def _reads(read: _Read, sets: Mapping[str, _Read], above: tuple[str, ...]) -> dict[str, str | None]:
    """A finding's own limits prevail over those of its sets."""
    found: dict[str, str | None] = {}
    for name in read.sets:
        if name not in sets or name in above:
            raise TableError(f"inputs.yaml: the set {name!r} is unknown or contains itself")
        found.update(_reads(sets[name], sets, (*above, name)))
    found.update({name: _limit(limit) for name, limit in read.reads.items()})
    return found


def _limit(limit: str) -> str | None:
    return None if limit == EVER else limit


@cache
def _document() -> _Document:
    text = files(__name__).joinpath("inputs.yaml").read_bytes()
    raw: Any = yaml.load(text, yaml.CSafeLoader)
    try:
        return msgspec.convert(raw, _Document)
    except msgspec.ValidationError as error:
        raise TableError(f"inputs.yaml: {error}; correct the file") from None
