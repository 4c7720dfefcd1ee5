"""Strict readers of the mapping tables, shipped ones and a site's overlay."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from adapter.errors import TableError

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
NOT_UTF8 = "not UTF-8; save the file as UTF-8 (spreadsheets: CSV UTF-8)"


class Row:
    """One row of a table with the place that an error names."""

    __slots__ = ("cells", "place", "site")

    def __init__(self, cells: dict[str, str], place: str, site: bool) -> None:
        self.cells = cells
        self.place = place
        self.site = site

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

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
        if self.overlay is not None and (self.overlay / name).is_file():
            yield from _rows(self.overlay / name, COLUMNS[name], True)

    def documents(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The YAML documents of a name with their file names. Raises TableError."""
        yield name, _document(self.shipped.joinpath(name))
        if self.overlay is not None and (self.overlay / name).is_file():
            yield str(self.overlay / name), _document(self.overlay / name)


def shipped_folder() -> Traversable:
    """The tables inside the installed package, else those of the repository."""
    packaged = resources.files("adapter").joinpath("_mappings")
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[2] / "mappings"


def _check_overlay(folder: Path) -> None:
    if not folder.is_dir():
        raise TableError(f"{folder}: the folder of overlay tables does not exist; correct HCC_MAPPINGS")
    for path in sorted(folder.iterdir()):
        if path.suffix in (".csv", ".yaml", ".yml") and path.name not in NAMES:
            known = ", ".join(NAMES)
            raise TableError(f"{path}: no table has this name; the tables are {known}")


def _rows(path: Traversable, columns: tuple[str, ...], site: bool) -> Iterator[Row]:
    name = str(path) if site else path.name
    reader = csv.reader(_text(path, name).splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        unknown = [c for c in header if c not in (*columns, *REVIEW)]
        if unknown or columns[0] not in header:
            wanted = ", ".join(columns)
            raise TableError(f"{name}:1: columns {unknown or header} are not those of the table ({wanted})")
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


def _text(path: Traversable, name: str) -> str:
    """The text of a table. Raises TableError when it cannot be read, naming the line that is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableError(f"{name}: cannot be read ({error.strerror}); change its permissions") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(f"{name}:{line}: {NOT_UTF8}") from None


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


def _document(path: Traversable) -> dict[str, Any]:
    text = _text(path, str(path))
    try:
        found = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise TableError(f"{path}: not the expected YAML: {' '.join(str(error).split())}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TableError(f"{path}: a mapping was expected at the top")
    return found
