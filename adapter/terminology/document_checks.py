"""Faults in groups.yaml and systems.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapter.terminology.check_digits import KINDS
from adapter.terminology.sheets import Document, Problem, Sheets

GROUP_KEYS = ("cite", "concepts", "groups")
SYSTEM_KEYS: dict[str, tuple[str, ...]] = {
    "systems": ("url", "names", "extensible", "check_digit"),
    "classes": ("system", "prefix", "except", "concept"),
    "normal_range": ("system", "code"),
    "sexes": ("sex", "system", "code"),
    "calendar": ("units", "months", "days"),
}
NEEDED = {"systems": ("url",), "classes": ("system", "prefix", "concept"), "calendar": ("units",)}


def document_problems(sheets: Sheets, concepts: Mapping[str, str]) -> Iterator[Problem]:
    """Everything wrong in the groups and the code systems."""
    names = {name for document in sheets.of("groups.yaml") for name in document.content}
    for document in sheets.of("groups.yaml"):
        for name, group in document.content.items():
            yield from _group(document, name, group, names, concepts)
    yield from _circles(sheets)
    for document in sheets.of("systems.yaml"):
        yield from _systems(document, concepts)


def _group(
    document: Document, name: str, group: Any, names: set[str], concepts: Mapping[str, str]
) -> Iterator[Problem]:
    if not isinstance(group, dict):
        yield Problem(document.at(name), f"group {name!r} is a mapping of {', '.join(GROUP_KEYS)}")
        return
    for key in group:
        if key not in GROUP_KEYS:
            yield Problem(document.at(name, key), f"the key {key!r} is unknown; a group has {', '.join(GROUP_KEYS)}")
    for key, known, what in (("concepts", set(concepts), "concept"), ("groups", names, "group")):
        for index, member in enumerate(_items(group.get(key))):
            if not isinstance(member, str) or member not in known:
                place = document.at(name, key, index)
                yield Problem(place, f"group {name!r} names the unknown {what} {member!r}")
    if not document.site and not group.get("cite"):
        yield Problem(document.at(name), f"group {name!r} cites nothing")


def _circles(sheets: Sheets) -> Iterator[Problem]:
    inner: dict[str, set[str]] = {}
    for document in sheets.of("groups.yaml"):
        for name, group in document.content.items():
            nested = group.get("groups") if isinstance(group, dict) else None
            inner.setdefault(name, set()).update(str(one) for one in _items(nested))
    for document in sheets.of("groups.yaml"):
        for name in document.content:
            reached, front = set[str](), set(inner[name])
            while front:
                reached |= front
                front = {far for near in front for far in inner.get(near, ())} - reached
            if name in reached:
                yield Problem(document.at(name), f"group {name!r} contains itself")


def _systems(document: Document, concepts: Mapping[str, str]) -> Iterator[Problem]:
    for key, entries in document.content.items():
        if key == "ucum":
            continue
        if key not in SYSTEM_KEYS:
            known = ", ".join((*SYSTEM_KEYS, "ucum"))
            yield Problem(document.at(key), f"the key {key!r} is unknown; systems.yaml has {known}")
            continue
        if not isinstance(entries, list):
            yield Problem(document.at(key), f"{key} is a list")
            continue
        for index, entry in enumerate(entries):
            yield from _entry(document, key, index, entry, concepts)


def _entry(document: Document, key: str, index: int, entry: Any, concepts: Mapping[str, str]) -> Iterator[Problem]:
    place = document.at(key, index)
    if not isinstance(entry, dict):
        yield Problem(place, f"an entry of {key} is a mapping of {', '.join(SYSTEM_KEYS[key])}")
        return
    for inner in entry:
        if inner not in SYSTEM_KEYS[key]:
            known = ", ".join(SYSTEM_KEYS[key])
            yield Problem(document.at(key, index, inner), f"the key {inner!r} is unknown; {key} have {known}")
    for needed in NEEDED.get(key, SYSTEM_KEYS[key]):
        if not entry.get(needed):
            yield Problem(place, f"{needed} is missing")
    if key == "classes" and str(entry.get("concept")) not in concepts:
        why = f"the concept {entry.get('concept')!r} is not in concepts.csv"
        yield Problem(document.at(key, index, "concept"), why)
    if entry.get("check_digit") not in (None, *KINDS):
        yield Problem(document.at(key, index, "check_digit"), f"check_digit is one of {', '.join(KINDS)}")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
