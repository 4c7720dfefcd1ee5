"""The command that reports what became of the cards."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

ReportFormat = Literal["table", "json", "csv"]

feedback = typer.Typer(
    help="What clinicians did with the cards of the CDS Hooks services.", rich_markup_mode=None, no_args_is_help=True
)


@feedback.callback()
def entry() -> None:
    """What clinicians did with the cards of the CDS Hooks services."""


@feedback.command()
def report(
    state: Annotated[str | None, typer.Option("--state", metavar="URL", help="SQLAlchemy URL of the state.")] = None,
    format: Annotated[ReportFormat, typer.Option(help="table, json or csv.")] = "table",
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Cards shown from this day (UTC) on.")] = None,
) -> int:
    """Cards shown, accepted, overridden with reasons, ignored: per service and rule; no patient."""
    from adapter.cli.feedback_report import show_report

    return show_report(state, form=format, since=since)
