"""Faults in the tables of units, spellings, limits of normal and site conversions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from adapter.errors import TableError
from adapter.terminology.code_checks import number, unknown_concept
from adapter.terminology.conversions import AMOUNT
from adapter.terminology.sheets import Problem, Sheets
from adapter.terminology.tables import Row
from adapter.terminology.units import IS_A_UNIT, factor_of, plain_unit

STATUSES = ("VERIFIED", "UNVERIFIED", "")
SEXES = ("", "male", "female")
Known = dict[str, dict[str, Row]]


def unit_problems(sheets: Sheets, concepts: Mapping[str, str]) -> Iterator[Problem]:
    """Everything wrong in units, unit aliases, limits of normal and conversions."""
    known: Known = {}
    yield from _units(sheets, concepts, known)
    yield from _aliases(sheets, known)
    yield from _limits(sheets, concepts, known)
    yield from _conversions(sheets, known)
    yield from _listed(sheets, known)


def _units(sheets: Sheets, concepts: Mapping[str, str], known: Known) -> Iterator[Problem]:
    for row in sheets.rows("units.csv"):
        yield from unknown_concept(row, "concept", concepts)
        yield from _factor(row)
        of_concept = known.setdefault(row["concept"], {})
        first = next(iter(of_concept.values()), row)
        if first["canonical"] != row["canonical"]:
            why = f"the canonical unit of {row['concept']} is {first['canonical']!r} ({first.place})"
            yield Problem(row.place, why)
        earlier = of_concept.setdefault(plain_unit(row["unit"]), row)
        if earlier is not row and (earlier["factor"] != row["factor"] or earlier["unit"] != row["unit"] or row.site):
            why = f"unit {row['unit']!r} of {row['concept']} stands at {earlier.place} already"
            yield Problem(row.place, why)


def _factor(row: Row) -> Iterator[Problem]:
    try:
        factor_of(row)
    except TableError as error:
        yield Problem(row.place, str(error).removeprefix(f"{row.place}: "))


def _aliases(sheets: Sheets, known: Known) -> Iterator[Problem]:
    """Each spelling of each concept means one unit."""
    meant: dict[tuple[str, str], Row] = {}
    listed = {plain for units in known.values() for plain in units}
    for row in sheets.rows("unit_aliases.csv"):
        plain, unit, only = plain_unit(row["alias"]), plain_unit(row["unit"]), row["concept"]
        if not plain:
            yield Problem(row.place, "the alias is missing")
        if row.site and plain != unit and plain in listed:
            yield Problem(row.place, f"{row['alias']!r} {IS_A_UNIT}")
        if only and only not in known:
            yield Problem(row.place, f"concept {only!r} has no units")
            continue
        holders = [c for c, units in known.items() if only in ("", c) and unit in units]
        if not holders:
            yield Problem(row.place, f"no concept has the unit {row['unit']!r}; add it to units.csv first")
        for concept in holders:
            earlier = meant.setdefault((concept, plain), row)
            own = known[concept].get(plain)
            if plain_unit(earlier["unit"]) != unit:
                why = f"{row['alias']!r} already means {earlier['unit']!r} for {concept} at {earlier.place}"
                yield Problem(row.place, why)
            elif own is not None and plain != unit:
                yield Problem(row.place, f"{row['alias']!r} is itself a unit of {concept} ({own.place})")


def _limits(sheets: Sheets, concepts: Mapping[str, str], known: Known) -> Iterator[Problem]:
    seen: dict[tuple[str, str, bool], Row] = {}
    for row in sheets.rows("normal_limits.csv"):
        yield from unknown_concept(row, "concept", concepts)
        if row["status"] not in STATUSES:
            yield Problem(row.place, f"status is {row['status']!r}, not VERIFIED, UNVERIFIED or empty")
        if row["sex"] not in SEXES:
            yield Problem(row.place, f"sex is {row['sex']!r}, not male, female or empty")
        canonical = next((unit["canonical"] for unit in known.get(row["concept"], {}).values()), None)
        if row["concept"] in concepts and row["unit"] != canonical:
            yield Problem(row.place, f"the unit must be the canonical {canonical!r}, not {row['unit']!r}")
        low, high = number(row, "low"), number(row, "high")
        yield from (bound for bound in (low, high) if isinstance(bound, Problem))
        if low is None and high is None:
            yield Problem(row.place, "neither low nor high is given")
        if isinstance(low, Decimal) and isinstance(high, Decimal) and low >= high:
            yield Problem(row.place, f"low {low} is not below high {high}")
        earlier = seen.setdefault((row["concept"], row["sex"], row.site), row)
        if earlier is not row:
            why = f"limits of {row['concept']} for sex {row['sex']!r} stand at {earlier.place} already"
            yield Problem(row.place, why)


def _conversions(sheets: Sheets, known: Known) -> Iterator[Problem]:
    amounts = {row["concept"] for row in sheets.rows("questions.csv") if row["reading"] == AMOUNT} & set(known)
    seen: dict[str, Row] = {}
    for row in sheets.rows("conversions.csv"):
        for column in ("concept", "target"):
            if row[column] not in amounts:
                why = f"{column} {row[column]!r} is no concept that is measured as an amount with units"
                yield Problem(row.place, why)
        yield from _factor(row)
        earlier = seen.setdefault(row["concept"], row)
        if earlier is not row or row["concept"] == row["target"]:
            yield Problem(row.place, f"{row['concept']!r} is converted already ({earlier.place}), or into itself")


def _listed(sheets: Sheets, known: Known) -> Iterator[Problem]:
    """The units that a site's code names are units of its concept: units.csv alone makes them so."""
    spelled = {plain_unit(row["alias"]) for row in sheets.rows("unit_aliases.csv")}
    for row in (row for row in sheets.rows("concepts.csv") if row.site):
        for part in filter(None, map(str.strip, row["ucum"].split("|"))):
            unit = plain_unit(part.split(" ")[0])
            if unit not in known.get(row["concept"], {}) and unit not in spelled:
                yield Problem(row.place, f"the unit {part!r} is not in units.csv for {row['concept']}: add it there")
    for row in sheets.rows("questions.csv"):
        bare = row["bare_text_unit"]
        if bare and plain_unit(bare) not in known.get(row["concept"], {}):
            yield Problem(row.place, f"bare_text_unit {bare!r} is no unit of {row['concept']}")
