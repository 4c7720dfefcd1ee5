"""What raw codes mean, remembered by their bytes: a record repeats the same code again and again."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec import Raw

from adapter.resources.datatypes import ABSENT, CodeableConcept
from adapter.resources.repair import given, read, read_list
from adapter.terminology import CONFLICT, UNKNOWN, Question, Terminology, Translation
from adapter.values import Interval

# Elements remembered of one code, and bytes of an element that is worth it: codes and quantities are shorter.
KEPT, LONGEST = 1 << 11, 1 << 9
NO_NOTES: tuple[str, ...] = ()
UNMET = "an answer not met before"
Kept = TypeVar("Kept")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A number as it was read; `reported` in `reported_unit`, `value` in the canonical `unit`."""

    value: Interval
    unit: str
    reported: Interval
    reported_unit: str
    detected: bool | None = None
    notes: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True, gc=False):
    """Limits of normal of one observation, canonical."""

    low: Decimal | None = None
    high: Decimal | None = None


NO_LIMITS = Limits()


class Asked:
    """What an Observation's code asks: its question, or the translation's reason why none; and what was read before.

    `values`, `ranges`, `words` and `interpreted` remember results by the bytes of the element. `silent` is the
    interpretation met last that answers nothing, `bounded` the range used last with its limits: the next Observation
    mostly repeats them, and to compare costs less than to look up.
    """

    __slots__ = (
        "bounded",
        "codings",
        "concept",
        "groups",
        "interpreted",
        "notes",
        "question",
        "ranges",
        "reading",
        "silent",
        "translation",
        "values",
        "words",
    )

    def __init__(
        self,
        translation: Translation,
        question: Question | None,
        groups: frozenset[str],
        codings: tuple[tuple[str | None, str | None, str | None], ...],
    ) -> None:
        self.translation = translation
        self.question = question
        self.concept = question.target if question is not None else ""
        self.reading = question.reading if question is not None else ""
        self.groups = groups
        self.notes = translation.notes
        self.codings = codings
        self.values: dict[bytes, Reading | str] = {}
        self.ranges: dict[bytes, Limits] = {}
        self.words: dict[bytes, str | None] = {}
        self.interpreted: dict[bytes, str | None] = {}
        self.silent = ABSENT
        self.bounded: tuple[Raw, Limits | None] = (ABSENT, NO_LIMITS)

    def answers_nothing(self, interpretation: Raw) -> bool:
        """Whether an interpretation says nothing under the question, as was found before, or is not there."""
        key = bytes(interpretation)
        if key and self.interpreted.get(key, UNMET) is not None:
            return False
        self.silent = Raw(key)
        return True

    def limits_met(self, range_: Raw) -> Limits | None:
        """The limits of a range that was met before; None of any other."""
        key = bytes(range_)
        found = self.ranges.get(key) if key else NO_LIMITS
        if found is not None:
            self.bounded = Raw(key), found
        return found


class Named(msgspec.Struct, frozen=True):
    """What a code of a drug, procedure, condition or body site is."""

    translation: Translation
    groups: frozenset[str]
    codings: tuple[tuple[str | None, str | None, str | None], ...]

    @property
    def concept(self) -> str | None:
        """The concept, None when the codings do not give one."""
        return self.translation.concept


class Vocabulary:
    """A terminology with a memory. `known`: what codes met before ask, by their bytes."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.known: dict[bytes, Asked] = {}
        self._named: dict[str, dict[bytes, Named]] = {}
        self._allowed = {
            "condition": terminology.conditions,
            "procedure": terminology.procedures,
            "drug": terminology.drugs,
            "site": terminology.sites,
            "method": frozenset(terminology.concepts),
        }
        self._questions = frozenset(terminology.questions)

    def asked(self, raw: Raw) -> Asked:
        """What the code of an Observation or component asks."""
        key = bytes(raw)
        found = self.known.get(key)
        if found is None:
            found = self._ask(raw)
            keep(self.known, key, found)
        return found

    def asking(self, concept: str) -> Asked:
        """The question of a concept, as if a code had asked it."""
        key = concept.encode()
        found = self.known.get(key)
        if found is None:
            translation = Translation(concept, "", frozenset((concept,)))
            found = Asked(translation, self.terminology.questions[concept], self.groups((concept,)), ())
            keep(self.known, key, found)
        return found

    def named(self, kind: str, raw: Raw) -> Named:
        """What a code of a kind (`condition`, `procedure`, `drug`, `site`, `method`) is."""
        memory = self._named.get(kind)
        if memory is None:
            memory = self._named[kind] = {}
        key = bytes(raw)
        found = memory.get(key)
        if found is None:
            found = self._name(kind, raw)
            keep(memory, key, found)
        return found

    def groups(self, concepts: Iterable[str]) -> frozenset[str]:
        """All groups of some concepts."""
        return frozenset().union(*(self.terminology.groups(c) for c in concepts))

    def words(self, question: Question, concept: CodeableConcept | None) -> str | None:
        """The answer of a coded value: its codings, else its text; `code-conflict` when they differ; None = unknown."""
        if concept is None:
            return None
        canonical = self.terminology.systems.canonical
        found = {
            question.answers.get((canonical(c.system), c.code)) for c in concept.coding or () if c.system and c.code
        }
        found.discard(None)
        if len(found) > 1:
            return CONFLICT
        if found:
            return found.pop()
        return question.word_of_text(concept.text) if concept.text else None

    def _ask(self, raw: Raw) -> Asked:
        concept = read(raw, CodeableConcept)
        if concept is None:
            reason = "malformed: no CodeableConcept" if given(raw) else UNKNOWN
            return Asked(Translation(None, reason), None, frozenset(), ())
        codings = _codings(concept)
        translation = self.terminology.codes.translate(((s, c) for s, c, _ in codings), self._questions)
        question = self.terminology.questions.get(translation.concept) if translation.concept else None
        named = translation.concepts | ({question.target} if question else frozenset())
        return Asked(translation, question, self.groups(named), codings)

    def _name(self, kind: str, raw: Raw) -> Named:
        concepts = read_list(raw, CodeableConcept)
        codings = tuple(c for concept in concepts for c in _codings(concept))
        if not concepts and given(raw):
            return Named(Translation(None, "malformed: no CodeableConcept"), frozenset(), ())
        translation = self.terminology.codes.translate(((s, c) for s, c, _ in codings), self._allowed[kind])
        if kind == "drug" and translation.reason == UNKNOWN:
            translation = self._drug_by_name(concepts)
        return Named(translation, self.groups(translation.concepts), codings)

    def _drug_by_name(self, concepts: list[CodeableConcept]) -> Translation:
        texts = [c.text for c in concepts] + [d.display for c in concepts for d in c.coding or ()]
        drugs = {self.terminology.drug_by_name(text) for text in texts if text}
        drugs.discard(None)
        names = frozenset(d for d in drugs if d)
        if len(names) > 1:
            return Translation(None, CONFLICT, names)
        return Translation(next(iter(names)), "", names, ("by-name",)) if names else Translation(None, UNKNOWN)


@functools.lru_cache(maxsize=4)
def vocabulary_of(terminology: Terminology) -> Vocabulary:
    """The vocabulary of a terminology, one for all records of a run."""
    return Vocabulary(terminology)


def _codings(concept: CodeableConcept) -> tuple[tuple[str | None, str | None, str | None], ...]:
    found = tuple((c.system, c.code, c.display) for c in concept.coding or () if c.code or c.display)
    return found or (((None, None, concept.text),) if concept.text else ())


def keep(memory: dict[bytes, Kept], key: bytes, found: Kept) -> None:
    """Remember what tables decide, never without bound, and never an element that may hold somebody's own words."""
    if len(key) > LONGEST or b'"extension"' in key:
        return
    if len(memory) >= KEPT:
        memory.clear()
    memory[key] = found
