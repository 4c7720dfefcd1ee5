"""SMART scopes of a caller's token, in the syntax of version 1 and of version 2."""

from __future__ import annotations

import re

_SCOPE = re.compile(r"(?:patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.*)?")


def permits(scope: str, kind: str) -> tuple[bool, bool]:
    """Whether a type may be read, and whether in part only (`?category=...`).

    A scope that names no resource type permits none; only an empty one, which says nothing, leaves it to the server.
    """
    matches = [match for match in map(_SCOPE.fullmatch, scope.split()) if match]
    if not matches:
        return not scope.strip(), False
    readable = [m for m in matches if m[1] in ("*", kind) and (m[2] in ("read", "*") or "r" in m[2] or "s" in m[2])]
    if kind != "Patient":
        readable = [m for m in readable if m[2] in ("read", "*") or "s" in m[2]]
    return bool(readable), bool(readable) and all(m[3] for m in readable)
