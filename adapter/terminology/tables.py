"""Strict readers of the mapping tables, shipped ones and a site's overlay."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from adapter.errors import TableError
from adapter.values.site_files import check_yaml, read_site_file

COLUMNS: dict[str, tuple[str, ...]] = {
    "concepts.csv": (
        "concept", "resource", "system", "code", "display", "ucum", "note", "decides", "status", "evidence",
    ),
    "questions.csv": ("concept", "reading", "target", "answers", "low", "high", "whole", "bare_text_unit"),
    "answers.csv": ("answers", "system", "code", "answer", "source"),
    "units.csv": ("concept", "unit", "canonical", "factor", "source"),
    "unit_aliases.csv": ("alias", "unit", "concept", "note"),
    "drug_names.csv": ("name", "concept", "lang", "source"),
    "normal_limits.csv": ("concept", "sex", "low", "high", "unit", "source", "status"),
    "statuses.csv": ("resource", "element", "code", "counts"),
    "conversions.csv": ("concept", "target", "factor", "source"),
    "suggestion_names.csv": ("name", "concept", "source"),
    "override_reasons.csv": ("system", "code", "en", "zh", "source"),
}  # fmt: skip
# Any table may say in these columns why a row is so and who reviewed it when; reviews.yaml says it for whole tables.
REVIEW = ("why", "reviewed_by", "reviewed_on")
DOCUMENTS = ("groups.yaml", "systems.yaml")
REVIEWS = "reviews.yaml"
NAMES = (*COLUMNS, *DOCUMENTS, REVIEWS)
SUFFIXES = (".csv", ".yaml", ".yml")
NOT_UTF8 = "not UTF-8; save the file as UTF-8 (spreadsheets: CSV UTF-8)"
NUL = "holds a NUL byte; save the file as UTF-8 text again"
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
# What reading a YAML text can end in besides its own errors: a day that is none, a number without end, a key of parts.
UNREADABLE = (ValueError, TypeError, ArithmeticError, RecursionError)


class Row:
    """One row of a table with the place that an error names."""

    __slots__ = ("cells", "place", "site")

    def __init__(self, cells: dict[str, str], place: str, site: bool) -> None:
        self.cells = cells
        self.place = place
        self.site = site

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def number(self, column: str) -> Decimal | None:
        """A cell as a number, None when it is empty. Raises TableError for what is no plain number."""
        text = self.cells[column]
        if text and not _NUMBER.fullmatch(text):
            raise self.wrong(f"{column} {text[:40]!r} is no number such as 40 or 0.5")
        return Decimal(text) if text else None

    def wrong(self, why: str) -> TableError:
        """The error of this row."""
        return TableError(f"{self.place}: {why}")


class Tables:
    """The shipped tables, then those of the overlay folder, which only add rows."""

    def __init__(self, overlay: Path | None = None) -> None:
        self.shipped = shipped_folder()
        self.overlay = overlay
        if overlay is not None:
            _check_overlay(overlay)

    def rows(self, name: str) -> Iterator[Row]:
        """All rows of a CSV table, shipped ones first. Raises TableError with file and line."""
        yield from _rows(self.shipped.joinpath(name), COLUMNS[name], False)
        if self.overlay is not None and os.path.lexists(self.overlay / name):
            yield from _rows(self.overlay / name, COLUMNS[name], True)

    def documents(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The YAML documents of a name with their file names. Raises TableError."""
        yield name, _document(self.shipped.joinpath(name), False)
        if self.overlay is not None and os.path.lexists(self.overlay / name):
            yield str(self.overlay / name), _document(self.overlay / name, True)


def shipped_folder() -> Traversable:
    """The tables inside the installed package, else those of the repository."""
    packaged = resources.files("adapter").joinpath("_mappings")
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[2] / "mappings"


def overlay_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The tables in a site's folder, and the files there that look like tables but have no table's name.

    Raises TableError for a folder that cannot be listed.
    """
    if not folder.is_dir():
        raise TableError(f"{folder}: the folder of overlay tables does not exist; correct HCC_MAPPINGS")
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise TableError(f"{folder}: cannot be read ({error.strerror}); change its permissions") from None
    return [path for path in found if path.name in NAMES], [path for path in found if path.name not in NAMES]


def _check_overlay(folder: Path) -> None:
    for path in overlay_files(folder)[1]:
        raise TableError(f"{path}: no table has this name; the tables are {', '.join(NAMES)}")


def _rows(path: Traversable, columns: tuple[str, ...], site: bool) -> Iterator[Row]:
    name = str(path) if site else path.name
    reader = csv.reader(table_text(path, name, site).splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        unknown = [c for c in header if c not in (*columns, *REVIEW)]
        if unknown or columns[0] not in header:
            wanted = ", ".join(columns)
            raise TableError(f"{name}:1: columns {unknown or header} are not those of the table ({wanted})")
        if doubled := [c for c in header if header.count(c) > 1]:
            raise TableError(f"{name}:1: the column {doubled[0]!r} stands there twice")
        blank = dict.fromkeys((*columns, *REVIEW), "")
        for cells in reader:
            if not any(cells):
                continue
            place = f"{name}:{reader.line_num}"
            if len(cells) != len(header):
                raise TableError(f"{place}: {len(cells)} cells in a table of {len(header)} columns")
            yield Row({**blank, **dict(zip(header, cells, strict=True))}, place, site)
    except csv.Error as error:
        raise TableError(f"{name}:{reader.line_num}: not the expected CSV: {error}") from None


def table_text(path: Traversable, name: str, site: bool) -> str:
    """The text of a table. Raises TableError when it cannot be read, naming the line that is no UTF-8 text."""
    if site:
        content = read_site_file(Path(str(path)), name)
    else:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise TableError(f"{name}: cannot be read ({error.strerror}); install the adapter again") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{name}:{_line_of(content, error.start)}: {NOT_UTF8}") from None
    if "\0" in text:
        raise TableError(f"{name}:{_line_of(content, content.index(0))}: {NUL}")
    return text


def _line_of(content: bytes, place: int) -> int:
    return content[:place].count(b"\n") + 1


class _Loader(yaml.CSafeLoader):
    """A YAML loader to which a duplicate key is an error."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: the key {key!r} stands there twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _document(path: Traversable, site: bool) -> dict[str, Any]:
    text = table_text(path, str(path), site)
    if site:
        check_yaml(text, str(path))
    try:
        found = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, *UNREADABLE) as error:
        raise TableError(f"{path}: not the expected YAML: {' '.join(str(error).split())}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TableError(f"{path}: a mapping was expected at the top")
    return found
