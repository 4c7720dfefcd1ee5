"""Where an address leads: to which server, and whether under a base on it."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

UNFIT = re.compile(r"[\s\\\x00-\x1f\x7f]")
_DECODINGS = 3


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address; None for one that has none, or that readers take for different hosts."""
    if UNFIT.search(url.partition("?")[0]):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are the same scheme, host and port."""
    found = origin(one)
    return found is not None and found == origin(other)


def below(url: str, base: str) -> bool:
    """Whether an address is a base's or under it on the same server, however that server reads dots in a path."""
    if not same_origin(url, base):
        return False
    path, home = _resolved(url), _resolved(base)
    return path is not None and home is not None and (path == home or path.startswith(f"{home.rstrip('/')}/"))


def _resolved(url: str) -> str | None:
    """The path without its dots; None when servers may read it in several ways.

    Servers differ in how often they decode (%252e), in what `..;x` and an empty segment before `..` are.
    """
    path = urlsplit(url).path
    try:
        for _ in range(_DECODINGS):
            path = unquote(path, errors="strict")
        if unquote(path) != path:
            return None
    except UnicodeDecodeError:
        return None
    segments = [part.partition(";")[0] for part in path.replace("\\", "/").split("/")]
    if ".." in segments and "" in segments[1:]:
        return None
    return posixpath.normpath("/" + "/".join(segments).lstrip("/"))
