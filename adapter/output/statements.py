"""The source, strength and evidence level of a guideline statement, for what is written into a record."""

from __future__ import annotations

from collections.abc import Iterable

from adapter.guideline.statements import Source, registry

REGISTRATION = "urn:prepare:"
WORDS = {
    "en": ("statement {}", "{}"),
    "zh": ("第 {} 条", "{}"),
}


def citation(key: str, language: str = "en") -> str:
    """A statement's key, source and grade as the source words it, on one line; the key alone where it is not known."""
    statement = registry().statements.get(key)
    source = registry().sources.get(statement.source if statement else key.partition("-")[0])
    if source is None:
        return key
    grades = (statement.strength, statement.evidence) if statement else ()
    return f"{key}: {', '.join(part for part in (source.title, *grades) if part)}"


def source_uri(statements: Iterable[str]) -> str | None:
    """The address of the first statement's source that has one."""
    for key in statements:
        uri = _uri(registry().sources.get(key.partition("-")[0]))
        if uri is not None:
            return uri
    return None


def _uri(source: Source | None) -> str | None:
    if source is None:
        return None
    if source.doi:
        return f"https://doi.org/{source.doi}"
    return f"{REGISTRATION}{source.registration}" if source.registration else None
