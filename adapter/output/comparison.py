"""Whether what a server holds says the same as what would be written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from adapter.output.checked import without_empty

# Times of a run and what is derived from the rest: they keep their value while nothing else changes.
_IGNORED: dict[str, frozenset[str]] = {
    "CarePlan": frozenset({"created"}),
    "DetectedIssue": frozenset({"identifiedDateTime"}),
    "Provenance": frozenset({"recorded", "activity"}),
    "DocumentReference": frozenset({"date"}),
    "Communication": frozenset({"sent"}),
}
_ALWAYS = frozenset({"id", "meta", "text"})
_VERSION = re.compile(r"/_history/[^/]+$")


def same(one: Mapping[str, Any], other: Mapping[str, Any], base: str = "") -> bool:
    """Whether two resources say the same; `base` is the server's, whose absolute references equal relative ones.

    Ignores meta, narrative, order of lists, times of the run, versions in references (servers strip them) and the
    words of a reference.
    """
    return canonical(one, base) == canonical(other, base)


def content_hash(resource: Mapping[str, Any], base: str = "") -> str:
    """A short hash of what `same` compares."""
    return hashlib.sha256(canonical(resource, base).encode()).hexdigest()[:32]


def canonical(resource: Mapping[str, Any], base: str = "") -> str:
    """The compared part of a resource as text."""
    ignored = _ALWAYS | _IGNORED.get(str(resource.get("resourceType")), frozenset())
    kept = {key: value for key, value in resource.items() if key not in ignored}
    return _text(_plain(without_empty(kept), base))


def _plain(value: Any, base: str) -> Any:
    if isinstance(value, dict):
        literal = isinstance(value.get("reference"), str)
        named = literal or (set(value) <= {"type", "identifier", "display"} and "identifier" in value)
        members = {key: _plain(member, base) for key, member in value.items() if not (named and key == "display")}
        return {**members, "reference": _reference(value["reference"], base)} if literal else members
    if isinstance(value, list):
        return sorted((_plain(item, base) for item in value), key=_text)
    return value


def _reference(text: str, base: str) -> str:
    local = text.removeprefix(f"{base}/") if base else text
    return _VERSION.sub("", local)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
