"""The reasons that a clinician can choose when overriding a card."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from adapter.terminology.tables import Tables

Coding = dict[str, str]


@lru_cache(maxsize=8)
def override_reasons(language: str, overlay: Path | None = None) -> tuple[Coding, ...]:
    """The Codings of the table in its order, shipped ones first, each once, with the display in `en` or `zh`.

    Raises TableError for a row without system, code or English words.
    """
    found: dict[tuple[str, str], Coding] = {}
    for row in Tables(overlay).rows("override_reasons.csv"):
        system, code = row["system"], row["code"]
        if not (system and code and row["en"]):
            raise row.wrong("a reason needs a system, a code and English words")
        found.setdefault((system, code), {"code": code, "system": system, "display": row[language] or row["en"]})
    return tuple(found.values())
