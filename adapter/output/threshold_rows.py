"""Thresholds of the editions side by side, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.cells import cell_len

from adapter.guideline.statements import topics
from adapter.guideline.thresholds import Limit, Thresholds
from adapter.output.wordbook import Texts


def threshold_rows(names: Iterable[str], texts: Texts, editions: Mapping[str, Thresholds]) -> Iterator[str]:
    """A heading, the columns, for each `topic/name` its values, meaning and citations, and what the marks mean."""
    listed = list(names)
    if not listed:
        return
    rows = [[name, *(_value(_limit(name, known), texts) for known in editions.values())] for name in listed]
    head = ["", *(texts.word(f"page-edition-{edition}") for edition in editions)]
    widths = [max(cell_len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    yield from ("", texts.word("page-thresholds"), _line(head, widths))
    for name, row in zip(listed, rows, strict=True):
        yield _line(row, widths)
        yield f"    {texts.threshold(name, _meaning(name))} [{_cited(name, texts, editions)}]"
    marks = " ".join(cell for row in rows for cell in row[1:])
    yield from (f"  {texts.word(mark)}" for sign, mark in _MARKS if sign in marks)


_MARKS = (("*", "page-exclusive"), ("[project]", "page-choice"), ("[figure]", "page-figure"))


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    return ("  " + "  ".join(padded)).rstrip()


def _limit(name: str, known: Thresholds) -> Limit | None:
    topic, _, entry = name.partition("/")
    return known.limit(topic, entry) if known.has(topic, entry) else None


def _value(limit: Limit | None, texts: Texts) -> str:
    if limit is None:
        return "-"
    marks = ("*" if limit.exclusive else "") + (" [project]" if limit.project else "")
    return texts.amount(limit) + marks + (" [figure]" if limit.figure else "")


def _meaning(name: str) -> str:
    topic, _, entry = name.partition("/")
    return str(topics()[topic]["values"][entry]["meaning"])


def _cited(name: str, texts: Texts, editions: Mapping[str, Thresholds]) -> str:
    """Key and place of each edition's number, each once; places are worded in English, other languages go without."""
    limits = [limit for limit in (_limit(name, known) for known in editions.values()) if limit is not None]
    if texts.language != "en":
        return "; ".join(dict.fromkeys(limit.cite for limit in limits))
    return "; ".join(dict.fromkeys(f"{limit.cite}, {limit.place}" for limit in limits))
