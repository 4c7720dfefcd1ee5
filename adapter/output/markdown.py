"""Plain text made safe inside GitHub-flavoured Markdown that a client may render with raw HTML."""

from __future__ import annotations

import re

from adapter.values.text import one_line

_INLINE = re.compile(r"([\\`*_\[\]|~#$^])")
# Addresses become links after escapes are taken off: only a blank before the mark keeps them text.
_LINKS = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=[wW]{3})\.|@")
_LEADING = re.compile(r"^([-+=]|\d+(?=[.)]))")
_ACTIVE = re.compile(r"[\\`*_\[\]|~#$@^&<>]|://|[wW]{3}\.|^[-+=\d]")
ELLIPSIS = "…"

__all__ = ["escaped", "one_line", "shortened"]


def escaped(text: str) -> str:
    """The text on one line, with nothing in it that Markdown or HTML would act on."""
    plain = one_line(text)
    if _ACTIVE.search(plain) is None:
        return plain
    line = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _INLINE.sub(r"\\\1", line)
    line = _LINKS.sub(r" \g<0>", line)
    return _LEADING.sub(_marker, line)


def _marker(match: re.Match[str]) -> str:
    mark = match[1]
    return f"\\{mark}" if not mark.isdigit() else f"{mark}\\"


def shortened(text: str, longest: int) -> str:
    """The text on one line of at most `longest` characters, cut at a blank where there is one nearby."""
    line = one_line(text)
    if len(line) <= longest:
        return line
    cut = line[: longest - len(ELLIPSIS)]
    blank = cut.rfind(" ")
    kept = cut[:blank] if blank > longest // 2 else cut
    return kept.rstrip(" ,;:.") + ELLIPSIS
