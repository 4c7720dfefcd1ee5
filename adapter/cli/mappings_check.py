"""The command that checks the mapping tables."""

from __future__ import annotations

from pathlib import Path

from adapter.cli.outcome import DONE, say
from adapter.errors import UsageError
from adapter.settings import load
from adapter.terminology.checks import check_tables


def check_all(overlay: Path | None) -> int:
    """Prints the counts per table; errors and warnings go to stderr, one line each, and an error gives 2."""
    settings = load({"mappings": str(overlay) if overlay is not None else None})
    checked = check_tables(settings.mappings, settings.canonical_base)
    for problem in checked.problems:
        say(f"{'warning: ' if problem.warning else ''}{problem.place}: {problem.why}")
    if checked.errors:
        say(f"mapping tables: errors: {len(checked.errors)}; correct them, then check again")
        return UsageError.exit_code
    widest = max(len(count.table) for count in checked.counts)
    for count in checked.counts:
        site = f" + {count.site} of the site" if settings.mappings is not None else ""
        print(f"{count.table:<{widest}}  {count.shipped:>5}{site}")
    return DONE
