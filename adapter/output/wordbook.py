"""The wording of everything that a clinician reads, one folder of YAML files per language.

A file `adapter/output/texts/<language>/<topic>.yaml` has these sections, all optional:

findings:   code -> outcome -> {summary, detail}; `summary` is one sentence, `detail` may be longer. Both are filled by
            `str.format` with the finding's `params`, and `{activity}`, `{outcome}`, `{cause}`, `{missing}` (criteria
            that are unknown), `{failed}` (criteria not met), `{due_earliest}`, `{due_preferred}`, `{due_latest}`.
            The outcome `unknown` falls back to the topic-free text in `general.yaml`.
criteria:   criterion code -> its name in a sentence
notes:      note code -> words; what follows the code after `: ` is added in brackets
fragments:  key -> a sentence; a params value that is a tuple of such keys becomes these sentences, joined by a space
words:      key -> word (phases, modalities, regimen names, tests); a params value, or an item of a tuple, that is
such a key
            is replaced; other tuples are joined with commas
activities: code -> title of the CarePlan activity
statements: key of a statement (`C24-16`) -> the statement in our own words
thresholds: `topic/name` -> what the threshold means; English has it in the threshold's own YAML

Concept keys (drugs, procedures, laboratory tests) are words too: their names come from the terminology's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

import yaml

from adapter.errors import TableError
from adapter.guideline.model import Criterion, Finding
from adapter.values import Truth
from adapter.values.interval import plain

LANGUAGES = ("en", "zh")
SECTIONS = ("findings", "criteria", "notes", "fragments", "words", "activities", "statements", "thresholds")
_COMMA = {"en": ", ", "zh": "、"}
_SPACE = {"en": " ", "zh": ""}


@lru_cache(maxsize=2)
def texts_of(language: str) -> dict[str, dict[str, Any]]:
    """All sections of a language; raises TableError for an unknown section or a key that stands in two files."""
    merged: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    folder = files("adapter.output") / "texts" / language
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        read = yaml.load(file.read_bytes(), yaml.CSafeLoader) or {}
        for section, entries in read.items():
            if section not in merged:
                raise TableError(f"texts/{language}/{file.name}: the section {section} is unknown")
            twice = set(merged[section]) & set(entries)
            if twice:
                raise TableError(f"texts/{language}/{file.name}: {sorted(twice)[0]} stands in another file too")
            merged[section].update(entries)
    return merged


class Texts:
    """The words of one language; `names` are the concept names of the terminology."""

    def __init__(self, language: str = "en", names: Mapping[str, str] | None = None) -> None:
        self.language = language
        self._texts = texts_of(language)
        self._names = names or {}

    def summary(self, finding: Finding) -> str:
        """One sentence that says the finding."""
        return self._filled(finding, "summary")

    def detail(self, finding: Finding) -> str:
        """What it rests on and what to consider; never an order."""
        return self._filled(finding, "detail")

    def activity(self, code: str) -> str:
        """The title of a CarePlan activity."""
        return str(self._texts["activities"].get(code, self.word(code)))

    def statement(self, key: str) -> str:
        """A statement of the sources in our own words."""
        return str(self._texts["statements"].get(key, key))

    def fragment(self, key: str) -> str:
        """A sentence that stands by itself."""
        return str(self._texts["fragments"].get(key, key))

    def threshold(self, name: str, meaning: str) -> str:
        """What a threshold (`topic/name`) means; `meaning` is its English."""
        return str(self._texts["thresholds"].get(name, meaning))

    def template(self, code: str, outcome: str) -> str | None:
        """The summary of an outcome with its {placeholders}, None where the code has none of its own."""
        entry = self._texts["findings"].get(code, {}).get(outcome)
        return None if entry is None else str(entry.get("summary", ""))

    def weight(self, value: str) -> str:
        """A kind or severity of the catalogue, which may be a sentence."""
        return self.word(value) if " " in value else self.word(f"kind-{value}")

    def criterion(self, criterion: Criterion) -> str:
        """A criterion's name."""
        return self.criterion_name(criterion.code)

    def criterion_name(self, code: str) -> str:
        """The name of a criterion code; concept keys are named by the terminology."""
        return str(self._texts["criteria"].get(code, self.word(code)))

    def note(self, note: str) -> str:
        """A note in words."""
        code, _, rest = note.partition(": ")
        text = str(self._texts["notes"].get(code, self.word(code)))
        return f"{text} ({self.note(rest)})" if rest else text

    def phase(self, phase: str) -> str:
        """A phase in words."""
        return self.word(phase)

    def word(self, key: str) -> str:
        """A key in words; a key without words stays as it is."""
        found = self._texts["words"].get(key)
        if found is None:
            found = self._names.get(key) or self._texts["criteria"].get(key)
        return key if found is None else str(found)

    def _filled(self, finding: Finding, part: str) -> str:
        outcomes = self._texts["findings"].get(finding.code, {})
        entry = outcomes.get(finding.outcome) or self._texts["findings"].get("general", {}).get(finding.outcome)
        if entry is None or part not in entry:
            return "" if part == "detail" else f"{finding.code}: {finding.outcome}"
        return " ".join(_Filler(self._values(finding), self.word).format(str(entry[part])).split())

    def _values(self, finding: Finding) -> dict[str, str]:
        values = {key: self._shown(value) for key, value in finding.params.items()}
        values["activity"] = self.activity(finding.code)
        values["outcome"] = self.word(finding.outcome)
        values["cause"] = self.criterion_name(finding.cause or "")
        values["missing"] = self._criteria(finding, Truth.UNKNOWN)
        values["failed"] = self._criteria(finding, Truth.NOT_MET)
        if finding.due is not None:
            values["due_earliest"] = finding.due.earliest or ""
            values["due_preferred"] = finding.due.preferred or ""
            values["due_latest"] = finding.due.latest or ""
        return values

    def _criteria(self, finding: Finding, status: Truth) -> str:
        return _COMMA[self.language].join(self.criterion(c) for c in finding.criteria if c.status is status)

    def _shown(self, value: Any) -> str:
        if isinstance(value, tuple | list | frozenset):
            items = [str(v) for v in value]
            fragments = self._texts["fragments"]
            if items and all(i in fragments for i in items):
                return _SPACE[self.language].join(str(fragments[i]).strip() for i in items)
            return _COMMA[self.language].join(self.word(i) for i in items)
        if isinstance(value, str):
            return self.word(value)
        return "" if value is None else _number(value)


class _Filler(Formatter):
    """`str.format` that leaves out what a finding does not give, or says the word after the colon for it."""

    def __init__(self, values: Mapping[str, str], word: Callable[[str], str]) -> None:
        self._known = values
        self._word = word

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> str:
        return self._known.get(str(key), "")

    def format_field(self, value: Any, format_spec: str) -> str:
        return str(value) or (self._word(format_spec) if format_spec else "")


def _number(value: Any) -> str:
    return plain(value) if hasattr(value, "as_tuple") else str(value)
