"""Text from records made harmless: one line, no control or direction characters."""

from __future__ import annotations

import re

_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\s]+")


def one_line(text: str) -> str:
    """The text without line breaks, control and direction characters, blanks collapsed."""
    if text.isprintable() and "  " not in text:  # what the pattern looks for is not printable, blanks apart
        return text.strip()
    return _INVISIBLE.sub(" ", text).strip()
