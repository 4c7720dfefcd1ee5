"""The report on feedback as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date

import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from adapter.cli.outcome import DONE, write
from adapter.errors import UsageError
from adapter.settings import load
from adapter.state import open_state
from adapter.state.standing import standing
from adapter.state.tally import Fate, tally

SCHEMA = "hcc-conversion/feedback/1"
COLUMNS = (
    "service", "rule", "cards", "times", "accepted", "overridden", "ignored", "silentCards", "silentTimes", "reasons",
)  # fmt: skip
_NUMBERS = COLUMNS[2:-1]


def show_report(state: str | None, *, form: str, since: str | None) -> int:
    """Prints the report. Raises UsageError: a wrong day, no state database."""
    day = _day(since)
    url = load({"state": state}).state
    if standing(url).version is None:
        raise UsageError("there is no state database at this address yet: name the one of the service (HCC_STATE)")
    with open_state(url) as memory:
        fates = tally(memory.shown.counted(day), memory.feedback.all(), day)
    rows = [dict(zip(COLUMNS, _cells(fate), strict=True)) for fate in fates]
    write({"json": _json, "csv": _csv, "table": _table}[form](rows, since))
    return DONE


def _day(since: str | None) -> str:
    try:
        return date.fromisoformat(since).isoformat() if since else ""
    except ValueError:
        raise UsageError(f"--since {since!r} is no date (2024-05-01)") from None


def _cells(fate: Fate) -> tuple[object, ...]:
    return tuple(msgspec.structs.asdict(fate)[_member(name)] for name in COLUMNS)


def _member(column: str) -> str:
    return {"silentCards": "silent_cards", "silentTimes": "silent_times"}.get(column, column)


def _json(rows: Sequence[dict[str, object]], since: str | None) -> bytes:
    told = {"schema": SCHEMA, "since": since, "rows": rows, "total": _total(rows)}
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"


def _csv(rows: Sequence[dict[str, object]], _: str | None) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*list(row.values())[:-1], _reasons(row["reasons"])] for row in rows)
    return text.getvalue().encode()


def _table(rows: Sequence[dict[str, object]], since: str | None) -> bytes:
    title = f"Cards shown since {since}" if since else "Cards shown"
    table = Table(title=title, title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*[str(cell) for cell in list(row.values())[:-1]], _reasons(row["reasons"]))
    table.add_section()
    table.add_row("all", "", *[str(number) for number in _total(rows).values()], "")
    console = Console(file=io.StringIO(), width=150, color_system=None)
    console.print(table)
    console.print(
        "A card counts once, by its newest report; ignored: no report. times: how often it was shown.\n"
        "silent: evaluated and counted in silent mode (HCC_CDS_SILENT), never shown, and in no other column."
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().encode()


def _total(rows: Sequence[dict[str, object]]) -> dict[str, int]:
    return {name: sum(int(str(row[name])) for row in rows) for name in _NUMBERS}


def _reasons(reasons: object) -> str:
    assert isinstance(reasons, dict)
    return "; ".join(f"{code}={count}" for code, count in reasons.items())
