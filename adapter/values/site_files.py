"""The files that a site gives: regular ones of modest size only, and YAML that cannot unfold without end."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import yaml

from adapter.errors import TableError

MOST_MEBIBYTES = 1 << 4
MOST_BYTES = MOST_MEBIBYTES << 20
MOST_DEPTH = 1 << 6


def read_site_file(path: Path, name: str | None = None) -> bytes:
    """The whole content; `name` is what errors call the file.

    Raises TableError for what cannot be read, is no regular file (a FIFO or a device may never end) or is too large.
    """
    shown = name or str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TableError(f"{shown}: is no regular file; give a file, or take it away")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise TableError(f"{shown}: cannot be read ({error.strerror}); change its permissions or place") from None
    if len(content) > MOST_BYTES:
        raise TableError(f"{shown}: is larger than {MOST_MEBIBYTES} MiB; give only what the site adds")
    return content


def check_yaml(text: str | bytes, name: str) -> None:
    """Raises TableError with file and line for an alias or for deep nesting; wrong YAML is left to its reader."""
    depth = 0
    try:
        for event in _events(text):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent):
                raise TableError(f"{name}:{line}: the alias *{event.anchor} cannot stand here; write its value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise TableError(f"{name}:{line}: nested too deep; compare the example in the documentation")
    except yaml.YAMLError:
        return


def _events(text: str | bytes) -> Iterator[yaml.Event]:
    found: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
    return found
