"""The readiness report as tables on a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from itertools import groupby
from typing import Any, Literal, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapter.cli.overview import WIDTH_WITHOUT_TERMINAL
from adapter.output.readiness_report import ConceptLine, Report
from adapter.output.readiness_words import ReadinessWords
from adapter.output.wordbook import Texts

WIDEST, WIDE = 40, 150


class Column(NamedTuple):
    """One column: the key of its title, what it shows of a line, and whether a narrow terminal leaves it out."""

    title: str
    cell: Callable[[Any], str]
    number: bool = False
    wide: bool = False


def screen(report: Report, texts: Texts, *, terminal: bool) -> str:
    """The report as text: coloured and as wide as the terminal where there is one, else plain and wide."""
    shown = terminal and sys.stdout is not None and sys.stdout.isatty()
    width = Console().width if shown else WIDTH_WITHOUT_TERMINAL
    into = io.StringIO()
    console = Console(file=into, width=width, force_terminal=shown, no_color=not shown, highlight=False, markup=False)
    words = ReadinessWords(texts)
    console.print(words.say("title"), style="bold")
    for name, told in words.facts(report):
        console.print(f"  {name}: {told}")
    if warning := words.warning(report):
        console.print(warning, style="bold")
    console.print(_findings(report, words, wide=width >= WIDE))
    console.print(_inputs(report, words, wide=width >= WIDE))
    return into.getvalue()


def _findings(report: Report, words: ReadinessWords, *, wide: bool) -> Table:
    """A line a finding, grouped by topic."""

    columns = (
        Column("finding", lambda line: f"  {words.finding(line.code)}", wide=True),
        Column("code", lambda line: line.code),
        Column("complete", words.complete),
        Column("weakest", lambda line: words.weakest(line)[0]),
        Column("why", lambda line: words.weakest(line)[1]),
        Column("decided", lambda line: str(line.decided), number=True),
        Column("undecided", lambda line: str(line.undecided), number=True),
        Column("not-reported", lambda line: str(line.not_reported), number=True),
    )
    table, kept = _table("findings", columns, words, wide=wide)
    for topic, lines in groupby(report.findings, lambda line: line.topic):
        table.add_section()
        if wide:
            table.add_row(words.topic(topic), style="bold")
        for line in lines:
            table.add_row(*(column.cell(line) for column in kept))
    return table


def _inputs(report: Report, words: ReadinessWords, *, wide: bool) -> Table:
    """A line an input."""

    def codes(line: ConceptLine) -> str:
        return str(line.unknown_codes or "")

    columns = (
        Column("input", lambda line: words.input(line.concept), wide=True),
        Column("code", lambda line: line.concept),
        Column("patients", lambda line: str(line.patients), number=True),
        Column("facts", lambda line: str(line.facts), number=True, wide=True),
        Column("unit-share", words.unit, number=True),
        Column("fresh", words.fresh),
        Column("age", words.age, number=True, wide=True),
        Column("lacking", lambda line: words.states(line.states)),
        Column("rejected", lambda line: words.rejected(line.rejected), wide=True),
        Column("codes", codes, number=True, wide=True),
    )
    table, kept = _table("inputs", columns, words, wide=wide)
    for line in report.concepts:
        table.add_row(*(column.cell(line) for column in kept))
    return table


def _table(title: str, columns: tuple[Column, ...], words: ReadinessWords, *, wide: bool) -> tuple[Table, list[Column]]:
    """An empty table, and the columns that it has."""
    kept = [column for column in columns if wide or not column.wide]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=words.say(title), title_justify="left")
    for column in kept:
        side: Literal["left", "right"] = "right" if column.number else "left"
        limit = WIDEST if column.title == "input" else None
        table.add_column(words.say(column.title), justify=side, no_wrap=column.title == "code", max_width=limit)
    return table, kept
