"""The mapping tables as they lie on disk, read to their end with every fault of form noted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from adapter.errors import TableError
from adapter.terminology.tables import (
    COLUMNS,
    NAMES,
    REVIEW,
    UNREADABLE,
    Row,
    overlay_files,
    shipped_folder,
    table_text,
)
from adapter.values.site_files import check_yaml

Lines = dict[tuple[Any, ...], int]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at `place` (`file:line`) and what to do; a `warning` does not make the tables unusable."""

    place: str
    why: str
    warning: bool = False


class Sheet(msgspec.Struct, frozen=True):
    """One CSV table, shipped or a `site`'s, with the rows that have the right form."""

    name: str
    place: str
    site: bool
    rows: tuple[Row, ...]
    columns: tuple[str, ...]


class Document(msgspec.Struct, frozen=True):
    """One YAML table; `lines` gives the line of each path of keys and indexes."""

    name: str
    place: str
    site: bool
    content: dict[str, Any]
    lines: Lines

    def at(self, *path: Any) -> str:
        """The place of a path, or of the nearest part of it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.place}:{self.lines.get(path, 1)}"


class Sheets(msgspec.Struct, frozen=True):
    """All tables, shipped ones first, and what is wrong with their form."""

    tables: tuple[Sheet, ...]
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a table, those of the site last."""
        for sheet in self.tables:
            if sheet.name == name:
                yield from sheet.rows

    def of(self, name: str) -> Iterator[Document]:
        """The documents of a name."""
        return (document for document in self.documents if document.name == name)


def read_sheets(overlay: Path | None) -> Sheets:
    """The shipped tables and those of an overlay folder; raises nothing for what they hold."""
    problems: list[Problem] = []
    places = [(shipped_folder().joinpath(name), name, False) for name in NAMES]
    if overlay is not None:
        places += [(path, path.name, True) for path in _overlay_files(overlay, problems)]
    tables: list[Sheet] = []
    documents: list[Document] = []
    for path, name, site in places:
        shown = str(path) if site else name
        try:
            text = table_text(path, shown, site)
            if site and name not in COLUMNS:
                check_yaml(text, shown)
        except TableError as error:
            problems.append(refused(error))
            continue
        if name in COLUMNS:
            tables.append(_sheet(text, name, shown, site, problems))
        elif (document := _document(text, name, shown, site, problems)) is not None:
            documents.append(document)
    return Sheets(tuple(tables), tuple(documents), tuple(problems))


def refused(error: TableError) -> Problem:
    """What a strict reader refuses, as a problem at its place."""
    place, _, why = str(error).partition(": ")
    return Problem(place if place.rpartition(":")[2].isdecimal() else f"{place}:1", why)


def _overlay_files(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        found, strange = overlay_files(folder)
    except TableError as error:
        problems.append(Problem(str(folder), str(error).partition(": ")[2]))
        return []
    if not found and not strange:
        problems.append(Problem(str(folder), f"holds no table; the tables are {', '.join(NAMES)}", warning=True))
    problems += [Problem(f"{path}:1", f"no table has this name; the tables are {', '.join(NAMES)}") for path in strange]
    return found


def _sheet(text: str, name: str, shown: str, site: bool, problems: list[Problem]) -> Sheet:
    allowed = (*COLUMNS[name], *REVIEW)
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[Row] = []
    header: list[str] = []
    try:
        header = next(reader, [])
        problems += _header(header, allowed, name, shown)
        blank = dict.fromkeys(allowed, "")
        for cells in reader:
            place = f"{shown}:{reader.line_num}"
            if any(cells) and len(cells) != len(header):
                problems.append(Problem(place, f"{len(cells)} cells in a table of {len(header)} columns"))
            elif any(cells):
                named = dict(zip(header, cells, strict=True))
                rows.append(Row({**blank, **{c: v for c, v in named.items() if c in blank}}, place, site))
    except csv.Error as error:
        problems.append(Problem(f"{shown}:{reader.line_num}", f"not the expected CSV: {error}"))
    return Sheet(name, shown, site, tuple(rows), tuple(header))


def _header(header: list[str], allowed: tuple[str, ...], name: str, shown: str) -> Iterator[Problem]:
    place, wanted = f"{shown}:1", ", ".join(allowed)
    for column in dict.fromkeys(header):
        if column not in allowed:
            yield Problem(place, f"the column {column!r} is unknown; the columns are {wanted}")
        if header.count(column) > 1:
            yield Problem(place, f"the column {column!r} stands there twice")
    if COLUMNS[name][0] not in header:
        yield Problem(place, f"the column {COLUMNS[name][0]!r} is missing; the columns are {wanted}")


def _document(text: str, name: str, shown: str, site: bool, problems: list[Problem]) -> Document | None:
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        if node is None:
            return Document(name, shown, site, {}, {})
        lines: Lines = {}
        content = _plain(node, (), lines, shown, problems)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(Problem(f"{shown}:{line}", f"not the expected YAML: {error.problem or error.context}"))
        return None
    except (yaml.YAMLError, *UNREADABLE) as error:
        problems.append(Problem(f"{shown}:1", f"not the expected YAML: {' '.join(str(error).split())}"))
        return None
    if not isinstance(content, dict):
        problems.append(Problem(f"{shown}:1", "a mapping was expected at the top"))
        return None
    return Document(name, shown, site, content, lines)


def _plain(node: yaml.Node, path: tuple[Any, ...], lines: Lines, shown: str, problems: list[Problem]) -> Any:
    """A YAML node as plain values, its lines noted; a key that stands there twice is a problem."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(inner, (*path, index), lines, shown, problems) for index, inner in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return yaml.safe_load(yaml.serialize(node)) if node.tag != "tag:yaml.org,2002:str" else node.value
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = _plain(key_node, (*path, "key"), {}, shown, problems)
        key = key if isinstance(key, str | int | float | bool) else str(key)
        line = key_node.start_mark.line + 1
        if key in found:
            problems.append(Problem(f"{shown}:{line}", f"the key {key!r} stands there twice"))
        lines[(*path, key)] = line
        found[key] = _plain(value_node, (*path, key), lines, shown, problems)
    return found
