"""Code tables as answers: which concept a coding is, which groups it is in, what a unit means."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from adapter.errors import TableError
from adapter.terminology.codes import (
    AMBIGUOUS,
    CONFLICT,
    UNKNOWN,
    CodeRow,
    Codes,
    Meaning,
    Translation,
    plain_text,
)
from adapter.terminology.conversions import apply_conversions
from adapter.terminology.questions import Question, load_questions
from adapter.terminology.systems import DEFAULT_BASE, LOCAL, Systems
from adapter.terminology.tables import Tables
from adapter.terminology.units import NO_UNIT, Unit, Units

__all__ = [
    "AMBIGUOUS",
    "CONFLICT",
    "LOCAL",
    "NO_UNIT",
    "UNKNOWN",
    "CodeRow",
    "Limit",
    "Meaning",
    "Question",
    "Terminology",
    "Translation",
    "Unit",
    "load_terminology",
    "plain_text",
]


class Limit(msgspec.Struct, frozen=True):
    """Limits of normal in the canonical unit; `assumed` for the cited default table, False for the site's own."""

    low: Decimal | None
    high: Decimal | None
    source: str
    assumed: bool


class Terminology:
    """All mapping tables, read once."""

    def __init__(self, tables: Tables, canonical_base: str) -> None:
        self.systems = Systems(tables, canonical_base)
        self.codes = Codes(tables, self.systems)
        self.concepts: frozenset[str] = frozenset(self.codes.kinds)
        keys = set(self.concepts)
        self.units = Units(tables, self.systems, keys)
        self.questions: dict[str, Question] = load_questions(tables, self.systems, keys)
        apply_conversions(tables, self.units, self.questions)
        self.statuses = _statuses(tables)
        self._members = _members(tables, keys)
        self._groups: dict[str, frozenset[str]] = {}
        self._drugs: dict[str, str] = {}
        self._drug_names: dict[tuple[str, str], str] = {}
        self._read_drug_names(tables)
        self.suggestion_names = _suggestion_names(tables, keys)
        self._limits = _limits(tables, self.units, keys)
        self.drugs = self.of_kind("drug")
        self.procedures = self.of_kind("procedure")
        self.conditions = self.of_kind("condition")
        self.sites = self.of_kind("site")

    @property
    def local_system(self) -> str:
        """URL of the project's own CodeSystem; the concept key is the code."""
        return self.systems.local

    def of_kind(self, kind: str) -> frozenset[str]:
        """Concepts that are used as `drug`, `procedure`, `condition`, `site`, `observation`, `answer` or `other`."""
        return frozenset(key for key, kinds in self.codes.kinds.items() if kind in kinds)

    def translate(
        self, codings: Iterable[tuple[str | None, str | None]], allowed: Iterable[str] | None = None
    ) -> Translation:
        """The one concept of some (system, code) pairs, or the reason why there is none."""
        return self.codes.translate(codings, frozenset(allowed) if allowed is not None else None)

    def groups(self, concept: str) -> frozenset[str]:
        """All groups of a concept, its own key among them."""
        found = self._groups.get(concept)
        if found is None:
            names = (name for name, members in self._members.items() if concept in members)
            found = self._groups[concept] = frozenset((concept, *names))
        return found

    @property
    def group_names(self) -> frozenset[str]:
        """The groups of groups.yaml."""
        return frozenset(self._members)

    def members(self, group: str) -> frozenset[str]:
        """The concepts of a group; a concept key is a group of its own."""
        return self._members.get(group, frozenset((group,)))

    def unit(self, concept: str, system: str | None, code: str | None, text: str | None) -> Unit | str:
        """The unit of a Quantity of a concept, or the reason (`no-unit`, `unit: ...`) why it has none."""
        return self.units.find(concept, system, code, text)

    def preferred_coding(self, concept: str) -> tuple[str, str, str]:
        """(system, code, display) to write for a concept: PREFERRED, else the first in the table that decides."""
        rows = [r for r in self.codes.rows if r.concept == concept and r.decides and r.verified]
        for row in (*(r for r in rows if r.preferred), *rows):
            return (self.local_system if row.system == LOCAL else row.system), row.code, row.display
        return self.local_system, concept, self.concept_name(concept, "en")

    def concept_name(self, concept: str, lang: str) -> str:
        """What a concept is called in `en` or `zh`; English where there is no Chinese name."""
        drug = self._drug_names.get((concept, lang))
        if drug is not None:
            return drug
        if lang == "zh" and concept in self.codes.chinese:
            return self.codes.chinese[concept]
        return self.codes.english.get(concept) or concept.replace("_", " ")

    def drug_by_name(self, text: str) -> str | None:
        """The drug whose INN, English or Chinese name the text is, exactly but for case, width and outer blanks."""
        return self._drugs.get(plain_text(text))

    def normal_limits(self) -> dict[tuple[str, str], Limit]:
        """(concept, sex) -> limits of normal; sex `male`, `female`, or `""` when it does not matter."""
        return dict(self._limits)

    def _read_drug_names(self, tables: Tables) -> None:
        for row in tables.rows("drug_names.csv"):
            name, concept = plain_text(row["name"]), row["concept"]
            if concept not in self.concepts:
                raise row.wrong(f"concept {concept!r} is not in concepts.csv")
            if self._drugs.setdefault(name, concept) != concept:
                raise row.wrong(f"the name {row['name']!r} already means {self._drugs[name]}")
            self._drug_names.setdefault((concept, row["lang"]), row["name"])


def load_terminology(overlay: Path | None = None, canonical_base: str = DEFAULT_BASE) -> Terminology:
    """The shipped tables with a site's overlay folder. Raises TableError naming file, line and key."""
    return Terminology(Tables(overlay), canonical_base)


def _suggestion_names(tables: Tables, concepts: set[str]) -> dict[str, tuple[str, ...]]:
    """Concept -> names in daily use; nothing is ever translated by them, they only propose."""
    found: dict[str, tuple[str, ...]] = {}
    for row in tables.rows("suggestion_names.csv"):
        if row["concept"] not in concepts:
            raise row.wrong(f"concept {row['concept']!r} is not in concepts.csv")
        found[row["concept"]] = (*found.get(row["concept"], ()), row["name"])
    return found


def _statuses(tables: Tables) -> dict[tuple[str, str], dict[str, str]]:
    """(resource type, element) -> code -> how it counts."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in tables.rows("statuses.csv"):
        codes = found.setdefault((row["resource"], row["element"]), {})
        if codes.setdefault(row["code"], row["counts"]) != row["counts"]:
            raise row.wrong(f"{row['code']!r} already counts as {codes[row['code']]!r}")
    return found


def _members(tables: Tables, concepts: set[str]) -> dict[str, frozenset[str]]:
    raw: dict[str, tuple[set[str], set[str]]] = {}
    for place, document in tables.documents("groups.yaml"):
        for name, group in document.items():
            keys, nested = raw.setdefault(name, (set(), set()))
            _check_group(place, name, group, concepts)
            keys.update(group.get("concepts", ()))
            nested.update(group.get("groups", ()))
            if unknown := set(group.get("groups", ())) - set(raw) - set(document):
                raise TableError(f"{place}: group {name!r} names the unknown group {sorted(unknown)[0]!r}")
    return {name: frozenset(_expand(name, raw, ())) for name in raw}


def _check_group(place: str, name: str, group: Any, concepts: set[str]) -> None:
    if not isinstance(group, dict) or set(group) - {"cite", "concepts", "groups"}:
        raise TableError(f"{place}: group {name!r} may hold only cite, concepts and groups")
    for key in ("concepts", "groups"):
        members = group.get(key, [])
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            raise TableError(f"{place}: {key} of group {name!r} is a list of names")
    if unknown := set(group.get("concepts", ())) - concepts:
        raise TableError(f"{place}: group {name!r} names the unknown concept {sorted(unknown)[0]!r}")


def _expand(name: str, raw: dict[str, tuple[set[str], set[str]]], above: tuple[str, ...]) -> set[str]:
    if name in above:
        raise TableError(f"groups.yaml: group {name!r} contains itself")
    keys, nested = raw[name]
    return keys.union(*(_expand(other, raw, (*above, name)) for other in nested))


def _limits(tables: Tables, units: Units, concepts: set[str]) -> dict[tuple[str, str], Limit]:
    found: dict[tuple[str, str], Limit] = {}
    for row in tables.rows("normal_limits.csv"):
        concept = row["concept"]
        if concept not in concepts or row["sex"] not in ("", "male", "female"):
            raise row.wrong(f"concept {concept!r} or sex {row['sex']!r} is unknown (male, female or empty)")
        if row["unit"] != units.canonical(concept):
            raise row.wrong(f"the unit must be the canonical {units.canonical(concept)!r}, not {row['unit']!r}")
        earlier = found.get((concept, row["sex"]))
        if earlier is not None and (earlier.assumed is not row.site):
            raise row.wrong(f"limits of {concept} for sex {row['sex']!r} stand there twice")
        found[(concept, row["sex"])] = Limit(row.number("low"), row.number("high"), row["source"], not row.site)
    return found
