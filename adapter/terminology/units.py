"""Units per concept by allow-list, with exact factors to the canonical unit."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

import msgspec

from adapter.terminology.systems import Systems
from adapter.terminology.tables import Row, Tables
from adapter.values import Interval

NO_UNIT = "no-unit"
WRONG_UNIT = "unit"
KEPT = 1 << 13
# No two units of one quantity are further apart; a factor beyond is a slip that would lose every value it meets.
LEAST_FACTOR, MOST_FACTOR = Decimal("1e-12"), Decimal("1e12")
IS_A_UNIT = "is itself a unit; give it a row with its factor in units.csv"
_FACTOR = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)(?:/([0-9]{1,30}(?:\.[0-9]{1,30})?))?")


class Unit(msgspec.Struct, frozen=True):
    """A unit of one concept: value in `canonical` = value in `ucum` x `numerator` / `denominator`.

    `by_site`: `canonical` is that of another concept, reached by a factor of the site's own (conversions.csv).
    """

    ucum: str
    canonical: str
    numerator: Decimal
    denominator: Decimal
    by_site: bool = False

    def convert(self, value: Interval) -> Interval:
        """The value in the canonical unit."""
        if self.denominator == 1:
            return value if self.numerator == 1 else value.scaled(self.numerator)
        low = None if value.low is None else value.low * self.numerator / self.denominator
        high = None if value.high is None else value.high * self.numerator / self.denominator
        return Interval(low, high, value.low_open, value.high_open)


class Units:
    """Which unit texts a concept accepts."""

    def __init__(self, tables: Tables, systems: Systems, concepts: set[str]) -> None:
        self._systems = systems
        self._units: dict[str, dict[str, Unit]] = {}
        self._named: dict[str, set[str]] = {}
        self._listed: dict[str, str] = {}
        self._rows: dict[tuple[str, str], Unit] = {}
        self._found: dict[tuple[str, str | None, str | None, str | None], Unit | str] = {}
        for row in tables.rows("units.csv"):
            self._add(row, concepts)
        for row in tables.rows("unit_aliases.csv"):
            self._alias(row)

    def find(self, concept: str, system: str | None, code: str | None, text: str | None) -> Unit | str:
        """The unit of a Quantity, or the reason why there is none (`no-unit`, `unit: ...`)."""
        key = (concept, system, code, text)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= KEPT:
                self._found.clear()
            found = self._found[key] = self._find(*key)
        return found

    def _find(self, concept: str, system: str | None, code: str | None, text: str | None) -> Unit | str:
        known = self._units.get(concept)
        if known is None:
            return f"{WRONG_UNIT}: {concept} has no units"
        written = plain_unit(text) if text else ""
        if code and system and self._systems.is_ucum(system):
            return self._by_code(concept, known, plain_unit(code), written)
        if written:
            found = known.get(written)
            return found if found is not None else f"{WRONG_UNIT}: not a unit of {concept}"
        return known.get("", NO_UNIT)

    def canonical(self, concept: str) -> str | None:
        """The canonical unit of a concept, None when it has no units."""
        known = self._units.get(concept)
        return next(iter(known.values())).canonical if known else None

    def rows(self) -> dict[tuple[str, str], Unit]:
        """All listed units by (concept, UCUM text), without aliases."""
        return dict(self._rows)

    def retarget(self, concept: str, canonical: str, numerator: Decimal, denominator: Decimal) -> None:
        """From now on the units of a concept convert to another canonical unit, by a factor on the present one."""
        changed = {
            unit: Unit(unit.ucum, canonical, unit.numerator * numerator, unit.denominator * denominator, by_site=True)
            for unit in self._units[concept].values()
        }
        self._units[concept] = {text: changed[unit] for text, unit in self._units[concept].items()}
        self._rows.update({(concept, unit.ucum): unit for unit in changed.values()})
        self._found.clear()

    def named(self, text: str) -> set[str]:
        """The UCUM units that a text is known to name, for whatever concept."""
        return self._named.get(plain_unit(text), set())

    def _by_code(self, concept: str, known: dict[str, Unit], code: str, written: str) -> Unit | str:
        found = known.get(code)
        if found is None:
            return f"{WRONG_UNIT}: not a unit of {concept}"
        if not written or written == code:
            return found
        other = known.get(written)
        if other is not None:
            same = other.numerator * found.denominator == found.numerator * other.denominator
            return found if same else f"{WRONG_UNIT}: code and text are different units"
        if self._named.get(written, {found.ucum}) - {found.ucum}:
            return f"{WRONG_UNIT}: code and text are different units"
        return found

    def _add(self, row: Row, concepts: set[str]) -> None:
        concept = row["concept"]
        if concept not in concepts:
            raise row.wrong(f"concept {concept!r} is not in concepts.csv")
        known = self._units.setdefault(concept, {})
        unit = Unit(row["unit"], row["canonical"], *factor_of(row))
        earlier = known.get(plain_unit(unit.ucum))
        if earlier is not None and earlier != unit:
            raise row.wrong(f"unit {unit.ucum!r} of {concept} is already listed with another factor")
        if known and next(iter(known.values())).canonical != unit.canonical:
            raise row.wrong(f"the canonical unit of {concept} is {next(iter(known.values())).canonical!r}")
        known[plain_unit(unit.ucum)] = unit
        self._rows[(concept, unit.ucum)] = unit
        if unit.ucum:
            self._listed.setdefault(plain_unit(unit.ucum), unit.ucum)
            self._named.setdefault(plain_unit(unit.ucum), set()).add(unit.ucum)

    def _alias(self, row: Row) -> None:
        only, plain, used = row["concept"], plain_unit(row["alias"]), False
        if row.site and (other := self._listed.get(plain, row["unit"])) != row["unit"]:
            raise row.wrong(f"{row['alias']!r} {IS_A_UNIT} ({other!r})")
        for (concept, ucum), unit in self._rows.items():
            if ucum == row["unit"] and only in ("", concept):
                meant = self._units[concept].setdefault(plain, unit)
                if meant != unit:
                    raise row.wrong(f"{row['alias']!r} already means {meant.ucum!r} for {concept}")
                used = True
        if not used:
            raise row.wrong(f"no concept has the unit {row['unit']!r}")
        self._named.setdefault(plain, set()).add(row["unit"])


def factor_of(row: Row) -> tuple[Decimal, Decimal]:
    """Numerator and denominator of a row's `factor` (`17.1`, `1/60`). Raises TableError."""
    match = _FACTOR.fullmatch(row["factor"])
    if match is None:
        why = "is not positive" if row["factor"].startswith("-") else "is no number such as 17.1 or 1/60"
        raise row.wrong(f"factor {row['factor'][:40]!r} {why}")
    numerator, denominator = Decimal(match[1]), Decimal(match[2] or 1)
    if not numerator or not denominator:
        raise row.wrong(f"factor {row['factor']!r} is not positive")
    if not LEAST_FACTOR <= numerator / denominator <= MOST_FACTOR:
        raise row.wrong(f"factor {row['factor']!r} is not between {LEAST_FACTOR} and {MOST_FACTOR}: correct it")
    return numerator, denominator


def plain_unit(text: str) -> str:
    """A unit text as it is compared: NFKC, no blanks, either micro sign as u, letter case ignored."""
    folded = unicodedata.normalize("NFKC", text).replace("\u03bc", "u").replace("\u00b5", "u")
    return "".join(folded.split()).casefold()
