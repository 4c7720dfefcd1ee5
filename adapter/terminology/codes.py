"""From codings to concepts: each coding stands for a set of concepts, a resource for what they have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

import msgspec

from adapter.terminology.systems import Systems
from adapter.terminology.tables import Row, Tables

UNKNOWN = "unknown"
AMBIGUOUS = "ambiguous"
CONFLICT = "code-conflict"
NOTHING: frozenset[str] = frozenset()
# What a whole resource may be. Answers, body sites and statuses are read only in their own place.
SUBJECTS = frozenset({"observation", "condition", "procedure", "drug"})


class CodeRow(msgspec.Struct, frozen=True):
    """One row of concepts.csv that names a code."""

    concept: str
    system: str
    code: str
    display: str
    preferred: bool
    decides: bool
    verified: bool


class Meaning(msgspec.Struct, frozen=True):
    """What one code stands for. `decides` False: it settles nothing alone; `several`: listed under several concepts."""

    concepts: frozenset[str]
    decides: bool

    @property
    def several(self) -> bool:
        """The code itself lists its alternatives; else a code that does not decide may also mean anything else."""
        return len(self.concepts) > 1


class Translation(msgspec.Struct, frozen=True):
    """A resource's concept, or `reason` why there is none (`unknown`, `ambiguous`, `code-conflict`).

    `concepts`: all that the codings name. `notes`: `by-prefix`, `by-name`.
    """

    concept: str | None
    reason: str
    concepts: frozenset[str] = NOTHING
    notes: tuple[str, ...] = ()


class Codes:
    """The codes of concepts.csv and of an overlay."""

    def __init__(self, tables: Tables, systems: Systems) -> None:
        self._systems = systems
        self.rows: list[CodeRow] = []
        self.kinds: dict[str, set[str]] = {}
        self.chinese: dict[str, str] = {}
        self.english: dict[str, str] = {}
        self._meanings: dict[tuple[str, str], Meaning] = {}
        for row in tables.rows("concepts.csv"):
            self._add(row)

    def meaning(self, system: str, code: str) -> tuple[Meaning | None, bool]:
        """What a code stands for, and whether it was found as the extension of a listed code."""
        canonical, code = self._systems.canonical(system), code.strip()
        if canonical in self._systems.extensible:
            return self._by_prefix(canonical, code.upper())
        found = self._meanings.get((canonical, code))
        if found is None:
            for of, prefix, excepted, concept in self._systems.classes:
                if of == canonical and code.startswith(prefix) and code not in excepted:
                    return Meaning(frozenset((concept,)), True), False
        return found, False

    def translate(
        self, codings: Iterable[tuple[str | None, str | None]], allowed: Collection[str] | None = None
    ) -> Translation:
        """The one concept of the codings, among the `allowed` ones.

        A code of another kind of resource contradicts a code that is allowed; alone it is as good as unknown.
        """
        meanings: list[Meaning] = []
        strangers: list[Meaning] = []
        notes: tuple[str, ...] = ()
        for system, code in codings:
            if not system or not code:
                continue
            meaning, extended = self.meaning(system, code)
            if meaning is not None and allowed is not None:
                kept = frozenset(c for c in meaning.concepts if c in allowed)
                if not kept and self._contradicts(meaning):
                    strangers.append(meaning)
                meaning = Meaning(kept, meaning.decides) if kept else None
            if meaning is not None:
                meanings.append(meaning)
                notes = ("by-prefix",) if extended else notes
        found = _intersection(meanings, notes)
        if meanings and any(stranger.decides or stranger.several for stranger in strangers):
            about = frozenset().union(*(meaning.concepts for meaning in meanings))
            return Translation(None, CONFLICT, about, notes)
        return found

    def _contradicts(self, meaning: Meaning) -> bool:
        return any(self.kinds[concept] & SUBJECTS for concept in meaning.concepts)

    def _by_prefix(self, system: str, code: str) -> tuple[Meaning | None, bool]:
        exact = self._meanings.get((system, code))
        if exact is not None:
            return exact, False
        for length in range(len(code) - 1, 2, -1):
            rest = code[length:]
            found = self._meanings.get((system, code[:length]))
            if found is not None and _is_extension(code[:length], rest):
                return found, True
        return None, False

    def _add(self, row: Row) -> None:
        concept, resource = row["concept"], row["resource"]
        if not concept or not (resource or concept in self.kinds):
            raise row.wrong("a row needs a concept, and a new concept its resource")
        if row["decides"] not in ("yes", "no", ""):
            raise row.wrong(f"decides is {row['decides']!r}, not yes or no")
        self.kinds.setdefault(concept, set()).add(_kind(resource))
        self._name(row)
        if not row["code"]:
            return
        system = self._systems.canonical(row["system"])
        code = row["code"].upper() if system in self._systems.extensible else row["code"]
        decides = row["decides"] != "no"
        key = (system, code)
        earlier = self._meanings.get(key)
        if earlier is not None and concept not in earlier.concepts:
            if row.site:
                raise row.wrong(f"code {code!r} already stands for {', '.join(sorted(earlier.concepts))}")
            self._meanings[key] = Meaning(earlier.concepts | {concept}, earlier.decides and decides)
        elif earlier is None:
            self._meanings[key] = Meaning(frozenset((concept,)), decides)
        preferred, verified = "PREFERRED" in row["note"], row["status"] != "UNVERIFIED"
        self.rows.append(CodeRow(concept, row["system"], row["code"], row["display"], preferred, decides, verified))

    def _name(self, row: Row) -> None:
        concept = row["concept"]
        if row["note"].startswith("zh: "):
            name = row["note"][len("zh: ") :].split(". ")[0].rstrip(".")
            self.chinese.setdefault(concept, name)
        if row["display"] and (concept not in self.english or "PREFERRED" in row["note"]):
            self.english[concept] = row["display"]


def _kind(resource: str) -> str:
    if resource == "Medication":
        return "drug"
    if resource == "Observation.bodySite":
        return "site"
    if resource == "Observation.value":
        return "answer"
    if resource == "Condition":
        return "condition"
    if resource.startswith("Observation"):
        return "observation" if resource in ("Observation", "Observation.method") else "other"
    procedural = ("Procedure", "ImagingStudy", "DocumentReference")
    return "procedure" if any(part in resource for part in procedural) else "other"


def _is_extension(listed: str, rest: str) -> bool:
    """Whether `rest` only adds extension characters: digits and letters, after a dot only where the code had none."""
    if rest.startswith(".") and "." not in listed:
        rest = rest[1:]
    return rest.isalnum() and rest.isascii()


def _intersection(meanings: list[Meaning], notes: tuple[str, ...]) -> Translation:
    """The intersection. A code too general to decide narrows what others leave, but never contradicts them."""
    if not meanings:
        return Translation(None, UNKNOWN)
    every = frozenset().union(*(m.concepts for m in meanings))
    firm = [m.concepts for m in meanings if m.decides or m.several]
    left = frozenset.intersection(*firm) if firm else NOTHING
    if firm and not left:
        return Translation(None, CONFLICT, every, notes)
    for general in meanings:
        if not general.decides and left & general.concepts:
            left &= general.concepts
    if len(left) == 1:
        return Translation(next(iter(left)), "", left, notes)
    return Translation(None, AMBIGUOUS, every, notes)


def plain_text(text: str) -> str:
    """A name or answer as it is compared: NFKC, trimmed, letter case ignored."""
    return unicodedata.normalize("NFKC", text).strip().casefold()
