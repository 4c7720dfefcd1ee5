"""A site's own factors between two concepts that no general factor converts, such as AFP in units and in mass."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from adapter.terminology.questions import Question
from adapter.terminology.tables import Row, Tables
from adapter.terminology.units import Units, factor_of

AMOUNT = "amount"


def apply_conversions(tables: Tables, units: Units, questions: dict[str, Question]) -> None:
    """Read each converted concept as its target: canonical value x factor = canonical value of the target.

    Raises TableError with file and line.
    """
    done: set[str] = set()
    for row in tables.rows("conversions.csv"):
        concept, target = row["concept"], row["target"]
        numerator, denominator = _factor(row, units, questions, done)
        units.retarget(concept, units.canonical(target) or "", numerator, denominator)
        questions[concept] = msgspec.structs.replace(questions[concept], target=target)
        done.add(concept)


def _factor(row: Row, units: Units, questions: dict[str, Question], done: set[str]) -> tuple[Decimal, Decimal]:
    """The factor of a row whose concepts can be converted at all."""
    concept, target = row["concept"], row["target"]
    for key in (concept, target):
        if key not in questions or questions[key].reading != AMOUNT or units.canonical(key) is None:
            raise row.wrong(f"{key!r} is no concept that is measured as an amount with units")
    if concept == target or concept in done or target in done:
        raise row.wrong(f"{concept!r} is converted already, or into itself")
    if questions[target].target != target:
        raise row.wrong(f"{target!r} is itself read as {questions[target].target!r}")
    return factor_of(row)
