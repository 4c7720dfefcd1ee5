"""Why each row of a mapping table is so, and who reviewed it when: its own columns, else reviews.yaml of its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from adapter.terminology.sheets import Document, Problem, Sheet, Sheets
from adapter.terminology.tables import COLUMNS, DOCUMENTS, REVIEWS, Row

TABLE_KEYS = ("why", "why_column", "reviewed_by", "reviewed_on", "how", "except")
EXCEPT_KEYS = ("column", "value", "how", "reviewed_by", "reviewed_on")
IN_COLUMNS = f"fill the columns, or say it in {REVIEWS}"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def review_problems(sheets: Sheets) -> Iterator[Problem]:
    """Faults of reviews.yaml, and rows without a reason or a reviewer: an error if shipped, a warning of a site's."""
    for document in sheets.of(REVIEWS):
        yield from _document(document)
    for sheet in sheets.tables:
        yield from _sheet(sheet, _told(sheets, sheet.name, sheet.site))
    for document in sheets.documents:
        if document.name != REVIEWS:
            told = _told(sheets, document.name, document.site)
            where = f"say it in a {REVIEWS} beside it, under tables: {document.name}:"
            yield from _missing(f"{document.place}:1", told, document.site, where)


def is_day(text: object) -> bool:
    """Whether a text is a calendar day as ISO 8601 writes it."""
    try:
        return isinstance(text, str) and _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _told(sheets: Sheets, name: str, site: bool) -> dict[str, Any]:
    """What reviews.yaml of the same folder says of a table."""
    for document in sheets.of(REVIEWS):
        tables = document.content.get("tables")
        if document.site == site and isinstance(tables, dict) and isinstance(tables.get(name), dict):
            return dict(tables[name])
    return {}


def _document(document: Document) -> Iterator[Problem]:
    for key in document.content:
        if key != "tables":
            yield Problem(document.at(key), f"the key {key!r} is unknown; reviews.yaml holds tables")
    tables = document.content.get("tables") or {}
    if not isinstance(tables, dict):
        yield Problem(document.at("tables"), "tables is a mapping from file name to its review")
        return
    for name, review in tables.items():
        if name not in (*COLUMNS, *DOCUMENTS):
            yield Problem(document.at("tables", name), f"{name!r} is no table")
        elif not isinstance(review, dict):
            yield Problem(document.at("tables", name), f"the review of {name} is a mapping of {', '.join(TABLE_KEYS)}")
        else:
            yield from _review(document, ("tables", name), review)


def _review(document: Document, path: tuple[Any, ...], review: dict[str, Any]) -> Iterator[Problem]:
    yield from _keys(document, path, review, TABLE_KEYS)
    column = review.get("why_column")
    if column is not None and column not in (*COLUMNS.get(path[1], ()), "cite"):
        yield Problem(document.at(*path, "why_column"), f"{path[1]} has no column {column!r}")
    exceptions = review.get("except") or []
    for index, one in enumerate(exceptions if isinstance(exceptions, list) else []):
        if isinstance(one, dict):
            yield from _keys(document, (*path, "except", index), one, EXCEPT_KEYS)


def _keys(
    document: Document, path: tuple[Any, ...], found: dict[str, Any], known: tuple[str, ...]
) -> Iterator[Problem]:
    for key in found:
        if key not in known:
            yield Problem(document.at(*path, key), f"the key {key!r} is unknown; known are {', '.join(known)}")
    day = found.get("reviewed_on")
    if day is not None and not is_day(day):
        yield Problem(document.at(*path, "reviewed_on"), f"reviewed_on {day!r} is no date; write it as '2026-03-01'")


def _sheet(sheet: Sheet, told: dict[str, Any]) -> Iterator[Problem]:
    for row in sheet.rows:
        if row["reviewed_on"] and not is_day(row["reviewed_on"]):
            yield Problem(row.place, f"reviewed_on {row['reviewed_on']!r} is no date; write it as 2026-03-01")
        own = {name: row[name] for name in ("why", "reviewed_by", "reviewed_on") if row[name]}
        if column_text := _cell(row, str(told.get("why_column", ""))) or _cell(row, "source"):
            own.setdefault("why", column_text)
        if _excepted(row, told):
            continue
        yield from _missing(row.place, {**told, **own}, sheet.site)


def _cell(row: Row, column: str) -> str:
    return row.cells.get(column, "")


def _excepted(row: Row, told: dict[str, Any]) -> bool:
    """Whether reviews.yaml says that the review does not hold for the row."""
    exceptions = told.get("except")
    return any(
        isinstance(one, dict) and one.get("how") and _cell(row, str(one.get("column"))) == str(one.get("value"))
        for one in (exceptions if isinstance(exceptions, list) else [])
    )


def _missing(place: str, review: dict[str, Any], site: bool, where: str = IN_COLUMNS) -> Iterator[Problem]:
    lacking = [name for name in ("why", "reviewed_by", "reviewed_on") if not str(review.get(name) or "").strip()]
    if "why" in lacking and review.get("why_column") == "cite":
        lacking.remove("why")
    if lacking:
        yield Problem(place, f"{', '.join(lacking)} is missing; {where}", site)
