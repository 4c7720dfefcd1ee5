"""The register of the sources' statements: where each stands, its grade, and what stands for it here.

Read strictly from `registry.yaml`; `coverage.csv` beside it is generated and says which cases prove what.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
import yaml

from adapter.errors import TableError
from adapter.guideline.table import catalogue_rows
from adapter.guideline.thresholds import topic_entries

PARTS = frozenset({"staging", "course"})
FOLDER = "adapter.guideline.statements"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One publication, its title as printed; `grading` names the scale by which it grades its statements.

    `title_zh`: the title of the Chinese edition, where there is one.
    """

    title: str
    title_zh: str | None = None
    year: int | None = None
    doi: str | None = None
    registration: str | None = None
    grading: str | None = None


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a statement stands; `around` = the text around that statement, `whole` = the publication as such."""

    section: str | None = None
    consensus: int | None = None
    statement: int | None = None
    around: int | None = None
    figure: str | None = None
    table: str | None = None
    whole: bool = False

    def parts(self) -> list[tuple[str, str]]:
        """(kind, number) of each part that is given, in reading order; the number is empty for `whole`."""
        named = [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "whole"]
        return [(name, str(value)) for name, value in named if value is not None] or [("whole", "")]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who reports a finding code: the module, and the topic whose thresholds it decides by.

    `values`: the beginning of their names, where the topic holds those of several codes.
    """

    module: str
    topic: str
    values: str = ""


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One statement, its grade as the source words it; has either `findings` (code -> criteria) or `not_computable`."""

    source: str
    place: Place
    basis: str | None = None
    evidence: str | None = None
    strength: str | None = None
    agreement: Decimal | None = None
    findings: dict[str, tuple[str, ...]] = {}
    thresholds: tuple[str, ...] = ()
    not_computable: str | None = None


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All sources, rules and statements, in the order in which they are listed."""

    reviewed: str
    sources: dict[str, Source]
    rules: dict[str, Rule]
    statements: dict[str, Statement]

    def about(self, code: str) -> dict[str, Statement]:
        """The statements that a finding code stands for."""
        return {key: one for key, one in self.statements.items() if code in one.findings}

    def criteria(self, code: str) -> tuple[str, ...]:
        """The named criteria of a finding code, over all statements."""
        return tuple(dict.fromkeys(name for one in self.about(code).values() for name in one.findings[code]))


class Covered(msgspec.Struct, frozen=True):
    """How many specification cases stand for a finding code under a statement, and the names of the first."""

    statement: str
    code: str
    module: str
    topic: str
    cases: int
    first: tuple[str, ...]


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The register. Raises TableError naming the key for anything unknown in it."""
    text = (files(FOLDER) / "registry.yaml").read_bytes()
    try:
        read = msgspec.convert(yaml.load(text, yaml.CSafeLoader), Registry, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise TableError(f"statements/registry.yaml: {' '.join(str(error).split())}; correct the file") from None
    for complaint in _complaints(read, topics()):
        raise TableError(f"statements/registry.yaml: {complaint}")
    return read


@lru_cache(maxsize=1)
def coverage() -> tuple[Covered, ...]:
    """The generated table of cases."""
    rows = csv.DictReader((files(FOLDER) / "coverage.csv").read_text(encoding="utf-8").splitlines())
    return tuple(
        Covered(
            statement=row["statement"],
            code=row["finding"],
            module=row["module"],
            topic=row["topic"],
            cases=int(row["cases"]),
            first=tuple(name for name in row["first cases"].split(" | ") if name),
        )
        for row in rows
    )


@lru_cache(maxsize=1)
def topics() -> Mapping[str, Mapping[str, Any]]:
    """Every threshold of every topic as plain data, read once."""
    return topic_entries()


def threshold_names(key: str) -> tuple[str, ...]:
    """The thresholds of a statement as `topic/name`: those that cite it, then those that it names besides."""
    cited = [
        f"{topic}/{name}"
        for topic, content in topics().items()
        for name, entry in content["values"].items()
        if key in citations(entry)
    ]
    return tuple(dict.fromkeys([*cited, *registry().statements[key].thresholds]))


def citations(entry: Mapping[str, Any]) -> list[str]:
    """The keys that a threshold cites, in the order of its editions."""
    found = [value["cite"] for value in entry["editions"].values() if not isinstance(value, str)]
    return list(dict.fromkeys(found))


def _complaints(read: Registry, known: Mapping[str, Any]) -> list[str]:
    codes = {code for code, _ in catalogue_rows()} | PARTS
    found = [f"{code} has no rule" for code in sorted(codes - set(read.rules))]
    found += [f"the rule {code} is no code of the catalogue" for code in sorted(set(read.rules) - codes)]
    found += [f"{code}: topic {rule.topic} is unknown" for code, rule in read.rules.items() if rule.topic not in known]
    for key, one in read.statements.items():
        found += [f"{key}: source {one.source} is unknown"] if one.source not in read.sources else []
        found += [f"{key}: {code} is no code of the catalogue" for code in one.findings if code not in codes]
        found += [f"{key}: there is no threshold {name}" for name in one.thresholds if not _known(name, known)]
        if bool(one.findings) == bool(one.not_computable):
            found.append(f"{key}: give findings or say why it is not computable, and not both")
    return found


def _known(name: str, known: Mapping[str, Any]) -> bool:
    topic, _, entry = name.partition("/")
    return topic in known and entry in known[topic]["values"]
