"""The readable text inside a written resource."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from adapter.output.markdown import one_line


def narrative(title: str, lines: Sequence[str]) -> dict[str, Any]:
    """A generated Narrative: a paragraph and a list."""
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    listed = f"<ul>{items}</ul>" if items else ""
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{_safe(title)}</p>{listed}</div>'
    return {"status": "generated", "div": div}


def _safe(text: str) -> str:
    return escape(one_line(text), quote=False)
