"""The ledger of codes and units that the tables do not settle, as table, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from adapter.guideline.inputs import readers
from adapter.terminology import Terminology
from adapter.terminology.strangers import Count
from adapter.terminology.suggestions import Suggester, Suggestion, best_of, is_drug
from adapter.values.text import one_line

SCHEMA = "hcc-conversion/unmapped/1"
COLUMNS = (
    "reason", "count", "patients", "system", "code", "display", "units", "concepts", "suggested", "score",
    "rules", "example", "first_seen", "last_seen",
)  # fmt: skip
CONCEPTS, DRUG_NAMES = "concepts", "drug_names"
OVERLAY_COLUMNS = {
    CONCEPTS: ("concept", "system", "code", "display", "why", "reviewed_by", "reviewed_on"),
    DRUG_NAMES: ("name", "concept", "why", "reviewed_by", "reviewed_on"),
}
SHOWN_RULES, WIDEST = 4, 60
FORMULA = ("=", "+", "-", "@")


class Entry(msgspec.Struct, frozen=True):
    """One line of the ledger: what was counted, what it may be, and the findings that would read it.

    `suggested`: the likely concept of an unknown code, never applied. `rules` are those of the suggested concept where
    no concept is named.
    """

    met: Count
    suggestions: tuple[Suggestion, ...]
    suggested: Suggestion | None
    rules: tuple[str, ...]


def entries(counts: Iterable[Count], terminology: Terminology) -> tuple[Entry, ...]:
    """The ledger's lines in the order of the counts."""
    suggester = Suggester(terminology)
    return tuple(_entry(count, suggester, terminology) for count in counts)


def _entry(count: Count, suggester: Suggester, terminology: Terminology) -> Entry:
    suggestions = suggester.suggest(count)
    best = best_of(suggestions)
    concepts = count.concepts or ((best.concept,) if best is not None else ())
    named = {concept for concept in concepts if concept in terminology.concepts}
    return Entry(count, suggestions, best, readers({g for c in named for g in terminology.groups(c)}))


def as_json(found: Sequence[Entry], **said: Any) -> dict[str, Any]:
    """The ledger as JSON; `said` is what is told of the whole."""
    return {"schema": SCHEMA, **said, "codes": [_json(entry) for entry in found]}


def _json(entry: Entry) -> dict[str, Any]:
    met = entry.met
    shown: dict[str, Any] = {
        "system": met.system,
        "code": met.code,
        "display": met.display,
        "reason": met.reason,
        "count": met.count,
        "patients": met.patients,
        "units": list(met.units),
        "example": met.example,
        "concepts": list(met.concepts),
        "suggested": None if entry.suggested is None else msgspec.to_builtins(entry.suggested),
        "rules": list(entry.rules),
        "rulesBySuggestion": bool(entry.rules) and not met.concepts,
    }
    if met.first_seen is not None:
        shown |= {"firstSeen": met.first_seen, "lastSeen": met.last_seen}
    return shown


def as_csv(found: Iterable[Entry]) -> str:
    """The ledger as CSV with a header; a cell that a spreadsheet would run as a formula gets an apostrophe."""
    return _csv(COLUMNS, ([_cell(text) for text in _texts(entry)] for entry in found))


def overlay_table(entry: Entry) -> str | None:
    """The table (CONCEPTS, DRUG_NAMES) in which a site can settle a line as suggested, None where no table can.

    A code without system is never matched, and a text only where it is the name of a drug.
    """
    met = entry.met
    if entry.suggested is None:
        return None
    if met.system and met.code:
        return CONCEPTS
    return DRUG_NAMES if met.display and is_drug(met.example) else None


def as_overlay(found: Iterable[Entry], table: str) -> str:
    """Rows for a site's own table, one for each line that it can settle as suggested; the reviewer is left empty."""
    rows = (_row(e.met, e.suggested, table) for e in found if e.suggested is not None and overlay_table(e) == table)
    return _csv(OVERLAY_COLUMNS[table], rows)


def _row(met: Count, suggested: Suggestion, table: str) -> list[str | None]:
    named = [met.display, suggested.concept]
    coded = [suggested.concept, met.system, met.code, _cell(met.display or "")]
    return [*(coded if table == CONCEPTS else named), f"suggested ({suggested.score}): {suggested.why}", "", ""]


def as_table(found: Iterable[Entry]) -> Iterator[str]:
    """The ledger for a terminal: one line a code, and below it what it may be and which findings would read it."""
    for entry in found:
        met = entry.met
        name = " ".join(filter(None, (met.system, met.code))) or "(no code)"
        called = f'  "{_short(met.display)}"' if met.display else ""
        units = f"  units: {', '.join(map(_short, met.units))}" if met.units else ""
        yield f"{met.count:>6} x  {met.reason:<14} {one_line(name)}{called}{units}"
        yield f"{'':>9} {met.patients} patients, e.g. {one_line(met.example)}"
        if met.concepts:
            yield f"{'':>9} about: {', '.join(met.concepts)}"
        for suggestion in entry.suggestions:
            yield f"{'':>9} perhaps {suggestion.concept} ({suggestion.score}): {suggestion.why}"
        if entry.rules:
            by = "" if met.concepts else " (if the first suggestion is right)"
            yield f"{'':>9} would be read by{by}: {_rules(entry.rules)}"


def suggestions_json(found: Iterable[Entry]) -> list[dict[str, Any]]:
    """Every unknown code that has suggestions, with all of them."""
    return [
        {**_json(entry), "suggestions": msgspec.to_builtins(entry.suggestions)} for entry in found if entry.suggestions
    ]


def _rules(rules: Sequence[str]) -> str:
    more = len(rules) - SHOWN_RULES
    return ", ".join(rules[:SHOWN_RULES]) + (f" and {more} more" if more > 0 else "")


def _texts(entry: Entry) -> list[str]:
    met, best = entry.met, entry.suggested
    return [
        met.reason,
        str(met.count),
        str(met.patients),
        met.system or "",
        met.code or "",
        met.display or "",
        " | ".join(met.units),
        " ".join(met.concepts),
        best.concept if best else "",
        str(best.score) if best else "",
        " ".join(entry.rules),
        met.example,
        met.first_seen or "",
        met.last_seen or "",
    ]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return into.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _short(text: str) -> str:
    clean = one_line(text)
    return clean if len(clean) <= WIDEST else clean[: WIDEST - 1] + "…"
