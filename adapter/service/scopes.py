"""SMART scopes of a caller's token, in the syntax of version 1 and of version 2."""

from __future__ import annotations

import re

_SCOPE = re.compile(r"(?:patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.*)?")


# Version 1 says `read`, where version 2 tells reading by id (`r`) from searching (`s`).
_ALL = ("read", "*")
READ_BY_ID = ("Patient", "Medication")


def permits(scope: str, kind: str) -> tuple[bool, bool]:
    """Whether a type may be read, and whether in part only (`?category=...`).

    A scope that names no resource type permits none; only an empty one, which says nothing, leaves it to the server.
    """
    matches = [match for match in map(_SCOPE.fullmatch, scope.split()) if match]
    if not matches:
        return not scope.strip(), False
    needed = "r" if kind in READ_BY_ID else "s"
    readable = [m for m in matches if m[1] in ("*", kind) and (m[2] in _ALL or (m[2] != "write" and needed in m[2]))]
    return bool(readable), bool(readable) and all(m[3] for m in readable)
