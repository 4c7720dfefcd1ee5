"""The source, strength and evidence level of a guideline statement, for what is written into a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, Any]]:
    read = yaml.load((files("adapter.output") / "statements.yaml").read_bytes(), yaml.CSafeLoader)
    return {"sources": read["sources"], "grades": read["grades"]}


def citation(key: str, language: str = "en") -> str:
    """A statement's key, source and grade on one line (`C24-16: ..., recommendation C (weak), evidence level 3`)."""
    source = _table()["sources"].get(key.partition("-")[0], {})
    grade = _table()["grades"].get(key)
    parts = [source.get(language) or source.get("en") or ""]
    if grade is not None:
        words = ("推荐强度 {}", "证据 {}") if language == "zh" else ("recommendation {}", "evidence {}")
        parts += [words[0].format(grade["strength"]), words[1].format(grade["evidence"])]
    said = ", ".join(part for part in parts if part)
    return f"{key}: {said}" if said else key


def source_uri(statements: Iterable[str]) -> str | None:
    """The address of the first statement's source that has one."""
    for key in statements:
        uri = _table()["sources"].get(key.partition("-")[0], {}).get("uri")
        if uri:
            return str(uri)
    return None
