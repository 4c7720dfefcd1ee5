"""The commands that show the guideline: statements, criteria, thresholds per edition, citations."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal

import typer

guideline = typer.Typer(
    help="The guideline: statements, criteria, thresholds per edition, with citations.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Language = Annotated[Literal["en", "zh"] | None, typer.Option("--lang", help="Language of texts.")]


@guideline.command("list")
def list_all(lang: Language = None) -> int:
    """Every statement and every finding code."""
    from adapter.output.guideline_page import listing
    from adapter.pipeline import evaluator
    from adapter.settings import load

    settings = load({"lang": lang})
    print(listing(evaluator(mappings=settings.mappings).texts(settings.lang)))
    return 0


@guideline.command()
def show(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A statement (C24-16) or a finding code (interval.tki).")],
    lang: Language = None,
) -> int:
    """One statement or finding code: wording, place, grade, criteria, thresholds of each edition, cases."""
    from adapter.errors import UsageError
    from adapter.guideline.thresholds import EDITIONS, load_thresholds
    from adapter.output.guideline_page import names, shown
    from adapter.pipeline import evaluator
    from adapter.settings import load

    settings = load({"lang": lang})
    editions = {edition: load_thresholds(edition, settings.thresholds) for edition in EDITIONS}
    page = shown(code, evaluator(mappings=settings.mappings).texts(settings.lang), editions)
    if page is None:
        near = get_close_matches(code, names(), n=1, cutoff=0)[0]
        raise UsageError(f"{code!r} is no statement and no finding code; the nearest is {near}; see guideline list")
    print(page)
    return 0
