"""Likely concepts of a code that no table knows, by its name and unit: proposals for a person, never applied."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

import msgspec
from rapidfuzz import fuzz

from adapter.terminology import Terminology
from adapter.terminology.strangers import Count, units_in

EXACT, ABBREVIATED, CONTAINED = 100.0, 92.0, 0.95
LEAST, MOST = 78.0, 3
UNIT_FITS, UNIT_UNKNOWN, UNIT_FOREIGN = 6.0, -10.0, -30.0
SHORT = 4
DRUG = "drug"
KINDS = {
    "Observation": "observation",
    "Condition": "condition",
    "Procedure": "procedure",
    "ServiceRequest": "procedure",
    "Appointment": "procedure",
    "ImagingStudy": "procedure",
    "DiagnosticReport": "procedure",
    "DocumentReference": "procedure",
    "MedicationRequest": DRUG,
    "MedicationStatement": DRUG,
    "MedicationAdministration": DRUG,
    "MedicationDispense": DRUG,
}
OTHER_SPECIMEN = ("urine", "urinary", "尿", "脑脊液", "腹水", "胸水", "ascitic fluid", "pleural fluid")
_SPECIMEN = re.compile(r"\[.*?\]|\b(?:in|by|from) (?:serum|plasma|blood|body fluid|platelet poor).*", re.IGNORECASE)
_NOT_WORDS = re.compile(r"[^\w\u4e00-\u9fff]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]{2,}")


class Suggestion(msgspec.Struct, frozen=True):
    """A concept that a code may stand for: `score` 0 to 100, `why` in words."""

    concept: str
    score: int
    why: str


class Suggester:
    """The names of all concepts, compared with what a record calls a code."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology
        self._names: dict[str, dict[str, tuple[str, ...]]] = {}

    def suggest(self, count: Count) -> tuple[Suggestion, ...]:
        """At most three likely concepts of an unknown code, the best first; none for any other reason."""
        kind = KINDS.get(count.example.partition("/")[0])
        if count.reason != "unknown" or kind is None:
            return ()
        called = [_plain(text) for text in (count.display, count.code) if text]
        judged = (self._judged(concept, names, called, count.units) for concept, names in self._of_kind(kind).items())
        found = [suggestion for suggestion in judged if suggestion is not None and suggestion.score >= LEAST]
        return tuple(sorted(found, key=lambda s: (-s.score, s.concept))[:MOST])

    def _of_kind(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Concept -> its plain names, of the concepts that a record of this kind can hold."""
        if kind not in self._names:
            concepts = self._terminology.of_kind(kind)
            if kind == "observation":
                concepts &= {k for k, q in self._terminology.questions.items() if q.reading != "part"}
            self._names[kind] = {concept: tuple(self._called(concept)) for concept in sorted(concepts)}
        return self._names[kind]

    def _called(self, concept: str) -> Iterator[str]:
        rows = (row.display for row in self._terminology.codes.rows if row.concept == concept)
        names = [self._terminology.concept_name(concept, lang) for lang in ("en", "zh")]
        names += self._terminology.suggestion_names.get(concept, ())
        plain = (_plain(_SPECIMEN.sub(" ", name)) for name in (concept.replace("_", " "), *names, *rows) if name)
        yield from dict.fromkeys(filter(None, plain))

    def _judged(
        self, concept: str, names: tuple[str, ...], called: list[str], units: tuple[str, ...]
    ) -> Suggestion | None:
        best = max(((_likeness(text, name), name) for text in called for name in names), default=(0.0, ""))
        score, why = best[0], f"called like {best[1]!r}"
        if other := next((sign for sign in _signs(called) if sign not in best[1]), ""):
            score, why = score + UNIT_FOREIGN, f"{why}, but of another specimen ({other})"
        if units and self._terminology.units.canonical(concept) is not None:
            weight, told = self._unit(concept, units)
            score, why = score + weight, f"{why}, {told}"
        return Suggestion(concept, round(min(score, EXACT)), why) if score > 0 else None

    def _unit(self, concept: str, units: tuple[str, ...]) -> tuple[float, str]:
        """What the units seen say of a concept: one fits, or a known one does not; an unknown one says little."""
        spellings = [unit for shown in units for unit in units_in(shown)]
        if fits := next((unit for unit in spellings if self._fits(unit, concept)), None):
            return UNIT_FITS, f"unit {fits} fits"
        if any(self._terminology.units.named(unit) for unit in spellings):
            return UNIT_FOREIGN, f"but unit {units[0]} is none of its units"
        return UNIT_UNKNOWN, f"unit {units[0]} unknown"

    def _fits(self, unit: str, concept: str) -> bool:
        return not isinstance(self._terminology.unit(concept, None, None, unit), str)


def is_drug(reference: str) -> bool:
    """Whether a resource, named by its reference, tells of a drug."""
    return KINDS.get(reference.partition("/")[0]) == DRUG


def _signs(called: list[str]) -> Iterator[str]:
    """Words that speak of another specimen than blood."""
    return (sign for sign in OTHER_SPECIMEN if any(sign in text for text in called))


def _likeness(text: str, name: str) -> float:
    """How alike two plain names are, 0 to 100; an abbreviation must stand as a word of its own."""
    if text == name:
        return EXACT
    if len(name) <= SHORT and not _CHINESE.search(name):
        return ABBREVIATED if name in text.split() else 0.0
    found = max(fuzz.token_sort_ratio(text, name), CONTAINED * _contained(text, name))
    return float(found)


def _contained(text: str, name: str) -> float:
    """A Chinese name is written without blanks, so that it is looked for anywhere; another one word by word."""
    if _CHINESE.search(name):
        return fuzz.partial_ratio(name, text) if len(name) <= len(text) else 0.0
    words = set(name.split())
    return EXACT if words and words <= set(text.split()) else 0.0


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_NOT_WORDS.sub(" ", folded).replace("_", " ").split())


def best_of(suggestions: Iterable[Suggestion]) -> Suggestion | None:
    """The best of some suggestions, None where there is none or two are equally good."""
    found = list(suggestions)
    if not found or (len(found) > 1 and found[0].score == found[1].score):
        return None
    return found[0]
