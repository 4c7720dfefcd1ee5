"""How the value of each observation concept is read, and the answers that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from adapter.terminology.codes import plain_text
from adapter.terminology.systems import Systems
from adapter.terminology.tables import Row, Tables

READINGS = (
    "amount", "power", "score", "presence", "serology", "word", "response", "lesion", "event", "panel", "part",
)  # fmt: skip
TEXT = "text"


class Question(msgspec.Struct, frozen=True):
    """An observation concept: `reading` says how, `target` the concept of the fact, `low`/`high` plausible bounds.

    `answers`: (canonical system or `text`, code or plain text) -> word. `bare`: the unit that a text without unit has.
    """

    concept: str
    reading: str
    target: str
    answers: Mapping[tuple[str, str], str]
    low: Decimal | None
    high: Decimal | None
    whole: bool
    bare: str

    def word_of_text(self, text: str) -> str | None:
        """The answer that a text is, exactly."""
        return self.answers.get((TEXT, plain_text(text)))


def load_questions(tables: Tables, systems: Systems, concepts: set[str]) -> dict[str, Question]:
    """All questions by concept. Raises TableError."""
    sets = _answers(tables, systems)
    found: dict[str, Question] = {}
    for row in tables.rows("questions.csv"):
        question = _question(row, sets, concepts)
        if question.concept in found:
            raise row.wrong(f"concept {question.concept!r} stands there twice")
        found[question.concept] = question
    return found


def _answers(tables: Tables, systems: Systems) -> dict[str, dict[tuple[str, str], str]]:
    sets: dict[str, dict[tuple[str, str], str]] = {}
    for row in tables.rows("answers.csv"):
        system, code = row["system"], row["code"]
        key = (TEXT, plain_text(code)) if system == TEXT else (systems.canonical(system), code)
        if sets.setdefault(row["answers"], {}).setdefault(key, row["answer"]) != row["answer"]:
            raise row.wrong(f"{code!r} is already the answer {sets[row['answers']][key]!r} of {row['answers']}")
    return sets


def _question(row: Row, sets: dict[str, dict[tuple[str, str], str]], concepts: set[str]) -> Question:
    concept, target = row["concept"], row["target"] or row["concept"]
    for key in (concept, target):
        if key not in concepts:
            raise row.wrong(f"concept {key!r} is not in concepts.csv")
    if row["reading"] not in READINGS:
        raise row.wrong(f"reading {row['reading']!r} is none of {', '.join(READINGS)}")
    answers: dict[tuple[str, str], str] = {}
    for name in row["answers"].split():
        if name not in sets:
            raise row.wrong(f"answers.csv has no answers {name!r}")
        answers.update(sets[name])
    return Question(
        concept,
        row["reading"],
        target,
        answers,
        row.number("low"),
        row.number("high"),
        row["whole"] == "yes",
        row["bare_text_unit"],
    )
