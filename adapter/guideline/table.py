"""Kind and severity of every code and outcome, from the catalogue's table."""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib.resources import files

KINDS = frozenset({"assessment", "recommendation", "issue", "gap"})
SEVERITIES = frozenset({"info", "warning", "critical"})


@lru_cache(maxsize=1)
def catalogue_rows() -> dict[tuple[str, str], tuple[str, str]]:
    """(code, outcome) -> (kind, severity) as the table words them; conditional ones are sentences."""
    text = (files("adapter.guideline") / "catalogue.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(row["code"], row["outcome"]): (row["kind"], row["severity"]) for row in rows}


@lru_cache(maxsize=512)
def kind_and_severity(code: str, outcome: str, kind: str | None, severity: str | None) -> tuple[str, str]:
    """The kind and severity of an outcome; `unknown` belongs to every code (gap, info).

    Raises ValueError for an outcome that the table does not have, or a conditional one whose case was not given.
    """
    rows = catalogue_rows()
    row = rows.get((code, outcome))
    if row is None:
        if outcome != "unknown" or not any(known == code for known, _ in rows):
            raise ValueError(f"{code} has no outcome {outcome} in the catalogue")
        row = ("gap", "info")
    chosen = (kind if kind is not None else row[0], severity if severity is not None else row[1])
    if chosen[0] not in KINDS or chosen[1] not in SEVERITIES:
        raise ValueError(f"{code} {outcome}: kind and severity depend on the case and must be given")
    return chosen
