"""The fixed phrases of a patient's story, and amounts, bounds and lists in one language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from adapter.guideline.model import Criterion, Finding, Value
from adapter.output.assessment import number
from adapter.output.wordbook import Texts

MOST_STATEMENTS = 3
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEY = re.compile(r"\b[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+\b")


@lru_cache(maxsize=1)
def story_table() -> Mapping[str, Any]:
    """`story.yaml` as it stands."""
    read: dict[str, Any] = yaml.load((files("adapter.output") / "story.yaml").read_bytes(), yaml.CSafeLoader)
    return read


@lru_cache(maxsize=2)
def _replacements(language: str) -> tuple[re.Pattern[str], tuple[tuple[re.Pattern[str], str], ...]]:
    """A language's replacements inside amounts, and one pattern that finds where any of them has work to do."""
    listed = story_table()[language]["phrases"]
    return re.compile("|".join(p for p, _ in listed)), tuple((re.compile(p), words) for p, words in listed)


class Phrases:
    """The story's own words of one language, beside the texts of the findings."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._own: Mapping[str, Any] = story_table()[texts.language]

    def say(self, key: str, **values: object) -> str:
        """A fixed phrase, filled."""
        return str(self._own[key]).format(**values)

    def listed(self, items: Iterable[str]) -> str:
        """The items, each once, with the language's comma."""
        return str(self._own["comma"]).join(dict.fromkeys(items))

    def joined(self, parts: Iterable[str | None]) -> str:
        """The parts that there are, with the language's semicolon."""
        return str(self._own["semicolon"]).join(part for part in parts if part)

    def fact(self, key: str) -> str:
        """The name of a fact that is missing; a criterion's name where it is no fact of its own."""
        found = self._own["facts"].get(key)
        return self.texts.criterion_name(key) if found is None else str(found)

    def topic(self, finding: Finding) -> str:
        """What a finding is about."""
        name = self.texts.activity(finding.code)
        return f"{name}{self.say('reason', reason=self.texts.criterion_name(finding.cause))}" if finding.cause else name

    def amount(self, text: str) -> str:
        """A value or a bound as a clinician writes it."""
        worded = _KEY.sub(lambda found: self.texts.word(found[0]), text)
        any_of_them, each = _replacements(self.texts.language)
        if any_of_them.search(worded):
            for pattern, replacement in each:
                worded = pattern.sub(replacement, worded)
        return worded

    def criterion(self, criterion: Criterion, noted: bool = True) -> str:
        """Name: verdict (value; limit; day; notes where `noted`)."""
        value, limit = criterion.value, criterion.threshold
        found = "" if value is None else self._found(value)
        shown = self.amount(f"{found} {criterion.unit or ''}".strip()) if found else ""
        bound = self.say("limit", threshold=self.amount(limit)) if limit else ""
        facts = self.joined([shown, bound, criterion.at, *(self._notes(criterion) if noted else ())])
        verdict = f"{self.texts.criterion(criterion)}{self.say('colon')}{self.texts.word(criterion.status.value)}"
        return verdict + (self.say("reason", reason=facts) if facts else "")

    def _found(self, value: Value) -> str:
        if not isinstance(value, str):
            return str(number(value)).lower()
        return ", ".join(self.texts.word(part) for part in value.split(", "))

    def _notes(self, criterion: Criterion) -> Iterator[str]:
        """The notes that have words, without what follows their codes but for a day."""
        for note in criterion.notes:
            code, _, rest = note.partition(": ")
            if self.texts.note(code) != code:
                yield self.texts.note(note if _DAY.fullmatch(rest) else code)

    def cited(self, finding: Finding) -> str:
        """The statements in brackets, the first few of many."""
        keys = finding.statements
        if not keys:
            return ""
        rest = f" +{len(keys) - MOST_STATEMENTS}" if len(keys) > MOST_STATEMENTS else ""
        return f" [{', '.join(keys[:MOST_STATEMENTS])}{rest}]"
