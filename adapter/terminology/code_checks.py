"""Faults in the tables of codes, names, answers and statuses: what stands twice, means two things, is mistyped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from adapter.errors import TableError
from adapter.terminology.check_digits import NAMES, wrong_digit
from adapter.terminology.codes import plain_text
from adapter.terminology.questions import READINGS, TEXT
from adapter.terminology.sheets import Problem, Sheets
from adapter.terminology.systems import LOCAL, Systems
from adapter.terminology.tables import Row

ANSWER = "Observation.value"
STATUSES = ("VERIFIED", "UNVERIFIED", LOCAL, "")


def code_problems(sheets: Sheets, systems: Systems, concepts: Mapping[str, str]) -> Iterator[Problem]:
    """Everything wrong in concepts, drug names, answers, questions and statuses; `concepts`: key -> resource."""
    yield from _concepts(sheets, systems, concepts)
    yield from _drug_names(sheets, concepts)
    sets: dict[str, set[str]] = {}
    yield from _answers(sheets, systems, sets)
    yield from _questions(sheets, concepts, frozenset(sets))
    yield from _statuses(sheets)
    for row in sheets.rows("suggestion_names.csv"):
        yield from unknown_concept(row, "concept", concepts)


def unknown_concept(row: Row, column: str, concepts: Mapping[str, str]) -> Iterator[Problem]:
    """The concept of a row is none of concepts.csv."""
    if row[column] not in concepts:
        yield Problem(row.place, f"{column} {row[column]!r} is not in concepts.csv")


def number(row: Row, column: str) -> Decimal | Problem | None:
    """A cell as a number, None when it is empty."""
    try:
        return row.number(column)
    except TableError as error:
        return Problem(row.place, str(error).removeprefix(f"{row.place}: "))


def _concepts(sheets: Sheets, systems: Systems, concepts: Mapping[str, str]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], list[Row]] = {}
    for row in sheets.rows("concepts.csv"):
        yield from _concept(row, concepts)
        if not row["code"]:
            continue
        if not row["system"]:
            yield Problem(row.place, "a code without system is never matched; name the system")
        yield from _digit(row, systems)
        system = systems.canonical(row["system"])
        code = row["code"].upper() if system in systems.extensible else row["code"]
        earlier = seen.setdefault((system, code), [])
        yield from _again(row, earlier, concepts)
        earlier.append(row)


def _concept(row: Row, concepts: Mapping[str, str]) -> Iterator[Problem]:
    if not row["concept"]:
        yield Problem(row.place, "the concept is missing")
    elif row["concept"] not in concepts:
        yield Problem(row.place, f"concept {row['concept']!r} is new: name its resource, or correct the key")
    if row["decides"] not in ("yes", "no", ""):
        yield Problem(row.place, f"decides is {row['decides']!r}, not yes or no")
    if row["status"] not in STATUSES:
        yield Problem(row.place, f"status is {row['status']!r}, not {', '.join(filter(None, STATUSES))} or empty")
    for column in ("concept", "system", "code"):
        if row[column] != row[column].strip():
            yield Problem(row.place, f"{column} {row[column]!r} has blanks at its ends, so that it would never match")


def _again(row: Row, earlier: list[Row], concepts: Mapping[str, str]) -> Iterator[Problem]:
    """A code that stands there already: twice the same, or two things of which each decides alone."""
    same = next((e for e in earlier if e["concept"] == row["concept"]), None)
    other = next((e for e in earlier if e["concept"] != row["concept"]), None)
    if same is not None:
        yield Problem(row.place, f"code {row['code']!r} for {row['concept']} stands at {same.place} already")
    elif other is not None and concepts.get(row["concept"]) != ANSWER:
        undecided = row["decides"] == other["decides"] == "no"
        if row.site or not undecided:
            why = f"code {row['code']!r} already stands for {other['concept']} at {other.place}"
            yield Problem(row.place, f"{why}; one code cannot decide for two things")


def _digit(row: Row, systems: Systems) -> Iterator[Problem]:
    kind = systems.check_digits.get(systems.canonical(row["system"]))
    if kind in NAMES and wrong_digit(kind, row["code"]):
        yield Problem(row.place, f"{row['code']!r} has a wrong check digit ({NAMES[kind]}): it is mistyped")


def _drug_names(sheets: Sheets, concepts: Mapping[str, str]) -> Iterator[Problem]:
    seen: dict[str, Row] = {}
    for row in sheets.rows("drug_names.csv"):
        yield from unknown_concept(row, "concept", concepts)
        if row["concept"] in concepts and concepts[row["concept"]] != "Medication":
            yield Problem(row.place, f"{row['concept']!r} is no drug")
        if row["lang"] not in ("en", "zh", ""):
            yield Problem(row.place, f"lang is {row['lang']!r}, not en, zh or empty (any)")
        name = plain_text(row["name"])
        if not name:
            yield Problem(row.place, "the name is missing")
        earlier = seen.setdefault(name, row)
        if earlier["concept"] != row["concept"]:
            yield Problem(row.place, f"the name {row['name']!r} already means {earlier['concept']} at {earlier.place}")


def _answers(sheets: Sheets, systems: Systems, sets: dict[str, set[str]]) -> Iterator[Problem]:
    seen: dict[tuple[str, str, str], Row] = {}
    for row in sheets.rows("answers.csv"):
        for column in ("answers", "system", "code", "answer"):
            if not row[column].strip():
                yield Problem(row.place, f"{column} is missing")
        sets.setdefault(row["answers"], set()).add(row["answer"])
        text = row["system"] == TEXT
        system = TEXT if text else systems.canonical(row["system"])
        if not text:
            yield from _digit(row, systems)
        key = (row["answers"], system, plain_text(row["code"]) if text else row["code"])
        earlier = seen.setdefault(key, row)
        if earlier["answer"] != row["answer"]:
            why = f"{row['code']!r} is already the answer {earlier['answer']!r} of {row['answers']} at {earlier.place}"
            yield Problem(row.place, why)


def _questions(sheets: Sheets, concepts: Mapping[str, str], sets: frozenset[str]) -> Iterator[Problem]:
    seen: dict[str, Row] = {}
    for row in sheets.rows("questions.csv"):
        yield from unknown_concept(row, "concept", concepts)
        if row["target"]:
            yield from unknown_concept(row, "target", concepts)
        if row["reading"] not in READINGS:
            yield Problem(row.place, f"reading {row['reading']!r} is none of {', '.join(READINGS)}")
        for name in row["answers"].split():
            if name not in sets:
                yield Problem(row.place, f"answers.csv has no answers {name!r}")
        yield from (p for column in ("low", "high") if isinstance(p := number(row, column), Problem))
        earlier = seen.setdefault(row["concept"], row)
        if earlier is not row:
            yield Problem(row.place, f"concept {row['concept']!r} stands at {earlier.place} already")


def _statuses(sheets: Sheets) -> Iterator[Problem]:
    words = {row["counts"] for row in sheets.rows("statuses.csv") if not row.site}
    seen: dict[tuple[str, str, str], Row] = {}
    for row in sheets.rows("statuses.csv"):
        if row["counts"] not in words:
            yield Problem(row.place, f"counts is {row['counts']!r}, not one of {', '.join(sorted(words))}")
        earlier = seen.setdefault((row["resource"], row["element"], row["code"]), row)
        if earlier["counts"] != row["counts"]:
            why = f"{row['code']!r} already counts as {earlier['counts']!r} at {earlier.place}"
            yield Problem(row.place, why)
