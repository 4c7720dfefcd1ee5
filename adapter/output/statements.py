"""The source, strength and evidence level of a guideline statement, for what is written into a record."""

from __future__ import annotations

from collections.abc import Iterable

from adapter.guideline.statements import Source, Statement, registry

REGISTRATION = "urn:prepare:"
WORDS = {"en": ("recommendation {}", "evidence {}"), "zh": ("推荐强度 {}", "证据 {}")}


def citation(key: str, language: str = "en") -> str:
    """A statement's key, source and grade on one line (`C24-16: ..., recommendation C, evidence level 3`)."""
    statement = registry().statements.get(key)
    source = registry().sources.get(statement.source if statement else key.partition("-")[0])
    if source is None:
        return key
    return ", ".join([f"{key}: {source.title}", *(_grades(statement, language) if statement else ())])


def source_uri(statements: Iterable[str]) -> str | None:
    """The address of the first statement's source that has one."""
    for key in statements:
        uri = _uri(registry().sources.get(key.partition("-")[0]))
        if uri is not None:
            return uri
    return None


def _grades(statement: Statement, language: str) -> Iterable[str]:
    strength, evidence = WORDS[language]
    if statement.strength:
        yield strength.format(_without(statement.strength, "recommendation"))
    if statement.evidence:
        yield evidence.format(_without(statement.evidence, "evidence").replace("-", " "))


def _without(grade: str, word: str) -> str:
    """The grade without the word that every grade of its kind has (`Recommendation C`, `low-quality evidence`)."""
    return " ".join(part for part in grade.split() if part.lower() != word)


def _uri(source: Source | None) -> str | None:
    if source is None:
        return None
    if source.doi:
        return f"https://doi.org/{source.doi}"
    return f"{REGISTRATION}{source.registration}" if source.registration else None
