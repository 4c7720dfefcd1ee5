"""The whole check of the mapping tables: every fault of the shipped ones and of a site's, with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from adapter.errors import TableError
from adapter.terminology import load_terminology
from adapter.terminology.code_checks import code_problems
from adapter.terminology.document_checks import document_problems
from adapter.terminology.reviews import review_problems
from adapter.terminology.sheets import Problem, Sheets, read_sheets, refused
from adapter.terminology.systems import DEFAULT_BASE, Systems
from adapter.terminology.tables import NAMES, Tables
from adapter.terminology.unit_checks import unit_problems


class Count(msgspec.Struct, frozen=True):
    """How many rows (of a YAML table: entries) are shipped and how many the site adds."""

    table: str
    shipped: int
    site: int


class Checked(msgspec.Struct, frozen=True):
    """What the tables hold and what is wrong with them, in the order of files and lines."""

    counts: tuple[Count, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What makes the tables unusable."""
        return tuple(problem for problem in self.problems if not problem.warning)


def check_tables(overlay: Path | None, canonical_base: str = DEFAULT_BASE) -> Checked:
    """Check everything; what the strict loader would refuse besides is a problem too."""
    sheets = read_sheets(overlay)
    problems = [*sheets.problems, *_content(sheets, overlay, canonical_base)]
    if not any(not problem.warning for problem in problems):
        problems += _loaded(overlay, canonical_base)
    ordered = sorted(dict.fromkeys(problems), key=lambda p: (p.warning, _order(p.place)))
    return Checked(tuple(_counts(sheets)), tuple(ordered))


def _content(sheets: Sheets, overlay: Path | None, canonical_base: str) -> Iterator[Problem]:
    concepts: dict[str, str] = {}
    for row in sheets.rows("concepts.csv"):
        if row["concept"] and row["resource"]:
            concepts.setdefault(row["concept"], row["resource"])
    yield from code_problems(sheets, _systems(overlay, canonical_base), concepts)
    yield from unit_problems(sheets, concepts)
    yield from document_problems(sheets, concepts)
    yield from review_problems(sheets)


def _systems(overlay: Path | None, canonical_base: str) -> Systems:
    """The code systems with the site's names; without them where the site's file does not hold."""
    try:
        return Systems(Tables(overlay), canonical_base)
    except TableError:
        return Systems(Tables(), canonical_base)


def _loaded(overlay: Path | None, canonical_base: str) -> Iterator[Problem]:
    try:
        load_terminology(overlay, canonical_base)
    except TableError as error:
        yield refused(error)


def _counts(sheets: Sheets) -> Iterator[Count]:
    for name in NAMES:
        held = {True: 0, False: 0}
        for sheet in sheets.tables:
            held[sheet.site] += len(sheet.rows) if sheet.name == name else 0
        for document in sheets.of(name):
            held[document.site] += len(document.content)
        yield Count(name, held[False], held[True])


def _order(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (place, 0)
