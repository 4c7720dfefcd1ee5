"""Code systems under all their names, whole classes of codes, and calendar units."""

from __future__ import annotations

from typing import Any

from adapter.errors import TableError
from adapter.terminology.tables import Tables

LOCAL = "LOCAL"
SHIPPED = "systems.yaml"
DEFAULT_BASE = "https://hcc-conversion.org/fhir"


class Systems:
    """`canonical` gives the one name of a system; `local` is the URL of the project's own CodeSystem."""

    def __init__(self, tables: Tables, canonical_base: str) -> None:
        self.local = canonical_base.rstrip("/") + "/CodeSystem/concept"
        self._names: dict[str, str] = {}
        self._cache: dict[str, str] = {}
        self.extensible: set[str] = set()
        # A site's own names of systems whose codes are extended, as they stand in its records.
        self.national: list[str] = []
        self.check_digits: dict[str, str] = {}
        self.classes: list[tuple[str, str, frozenset[str], str]] = []
        self.normal_range: set[tuple[str, str]] = set()
        self.sexes: dict[tuple[str, str], str] = {}
        self.calendar: dict[str, tuple[int, int]] = {}
        self._ucum = ""
        for url in (self.local, DEFAULT_BASE + "/CodeSystem/concept", LOCAL):
            self._names[_plain(url)] = LOCAL
        for place, document in tables.documents("systems.yaml"):
            try:
                self._add(document)
                if place != SHIPPED:
                    self._nationals(document)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise TableError(f"{place}: wrong at {error}; compare mappings/systems.yaml") from error

    def _nationals(self, document: dict[str, Any]) -> None:
        for system in document.get("systems", ()):
            if self.canonical(system["url"]) in self.extensible:
                self.national += [str(name) for name in system.get("names", ())]

    def canonical(self, system: str) -> str:
        """The system's one name; an unlisted system is its own."""
        found = self._cache.get(system)
        if found is None:
            plain = _plain(system)
            found = self._cache[system] = self._names.get(plain, plain)
        return found

    def is_ucum(self, system: str) -> bool:
        """Whether a Quantity's code in this system is a UCUM unit."""
        return self.canonical(system) == self._ucum

    def _add(self, document: dict[str, Any]) -> None:
        unknown = set(document) - {"systems", "ucum", "classes", "normal_range", "sexes", "calendar"}
        if unknown:
            raise KeyError(f"unknown key {sorted(unknown)[0]}")
        for system in document.get("systems", ()):
            url = _plain(system["url"])
            target = self._names.get(url, url)
            for name in (url, *map(_plain, system.get("names", ()))):
                if self._names.setdefault(name, target) != target:
                    raise ValueError(f"{name} is already another system")
            if system.get("extensible"):
                self.extensible.add(target)
            if "check_digit" in system:
                self.check_digits[target] = str(system["check_digit"])
        if "ucum" in document:
            self._ucum = self.canonical(document["ucum"])
        for entry in document.get("classes", ()):
            except_codes = frozenset(map(str, entry.get("except", ())))
            prefix, concept = entry["prefix"], entry["concept"]
            if not isinstance(prefix, str) or not isinstance(concept, str):
                raise TypeError("classes: prefix and concept are texts")
            self.classes.append((self.canonical(entry["system"]), prefix, except_codes, concept))
        for entry in document.get("normal_range", ()):
            self.normal_range.add((self.canonical(entry["system"]), str(entry["code"])))
        for entry in document.get("sexes", ()):
            self.sexes[(self.canonical(entry["system"]), str(entry["code"]))] = entry["sex"]
        for entry in document.get("calendar", ()):
            for unit in entry["units"]:
                self.calendar[str(unit)] = (int(entry.get("months", 0)), int(entry.get("days", 0)))


def _plain(system: str) -> str:
    """A system's URL without the differences that do not matter."""
    text = system.strip().rstrip("/")
    if text.startswith("https://"):
        return "http://" + text[len("https://") :]
    if text[:1].isdigit():
        return "urn:oid:" + text
    return text
