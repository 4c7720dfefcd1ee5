"""Rules on any text file: no place of one machine, no package index, nothing left for later."""

from __future__ import annotations

import re
from collections.abc import Iterator

LINES = {
    "a place of one machine": re.compile(r"(?<![\w.}])/(?:root|home|Users|work)/(?!\.)[\w.]"),
    "a folder beside the project": re.compile(r"\.\./shared|(?<![\w/])\.librar[y]/"),
    "the address of a package index": re.compile(
        r"(?:index-url|find-links)[ =]+\S*://|trusted-hos[t]|<(?:mirror|repository)>"
    ),
    "work left for later": re.compile(r"\b(?:TO(?:-?)DO|FIX(?:-?)ME|XX[X])\b"),
}


def words(name: str, text: str) -> Iterator[str]:
    """What no file of the project may say."""
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, pattern in LINES.items():
            if pattern.search(line):
                yield f"{name}:{number} names {kind}"
