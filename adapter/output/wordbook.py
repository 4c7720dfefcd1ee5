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

In any of these `{topic/name}` is a threshold or figure of the guideline with its unit, `{topic/name.number}` without.
A number in a criterion code is `#` in its key and `{}` in its name (`tki-#-days: "{} days"`): a site may change it.

Concept keys (drugs, procedures, laboratory tests) are words too: their names come from the terminology's tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

import yaml

from adapter.errors import TableError
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.thresholds import EDITIONS, Limit, Thresholds, load_thresholds
from adapter.output.amounts import amount, with_amounts
from adapter.values import Truth
from adapter.values.interval import plain
from adapter.values.truth import NOT_MET, UNKNOWN

LANGUAGES = ("en", "zh")
SECTIONS = ("findings", "criteria", "notes", "fragments", "words", "activities", "statements", "thresholds")
_COMMA = {"en": ", ", "zh": "、"}
_SPACE = {"en": " ", "zh": ""}
_DETAIL = re.compile(r"([a-z_-]+) \((.*)\)")
_COUNTED = re.compile(r"([0-9.]+) (\S+)")
_COUNT = re.compile(r"(?<=-)[0-9]+(?=-)")


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


@lru_cache(maxsize=1)
def _as_published() -> Thresholds:
    return load_thresholds(EDITIONS[0])


class Texts:
    """The words of one language; `names` are the concept names of the terminology.

    `thresholds` fill the numbers in the texts; those of the default edition where none are given.
    """

    def __init__(
        self, language: str = "en", names: Mapping[str, str] | None = None, thresholds: Thresholds | None = None
    ) -> None:
        self.language = language
        words = texts_of(language)
        self._texts = with_amounts(words, thresholds or _as_published(), words["words"])
        self._names = names or {}

    def said(self, finding: Finding) -> tuple[str, str]:
        """Summary and detail of a finding."""
        entry, values = self._entry(finding), _Values(self, finding)
        return _summary(entry, values, finding), _detail(entry, values)

    def summary(self, finding: Finding) -> str:
        """One sentence that says the finding."""
        return _summary(self._entry(finding), _Values(self, finding), finding)

    def detail(self, finding: Finding) -> str:
        """What it rests on and what to consider; never an order."""
        return _detail(self._entry(finding), _Values(self, finding))

    def _entry(self, finding: Finding) -> Mapping[str, Any]:
        """The texts of an outcome, else the topic-free ones."""
        findings = self._texts["findings"]
        own: Mapping[str, Any] | None = findings.get(finding.code, {}).get(finding.outcome)
        return own or findings.get("general", {}).get(finding.outcome) or {}

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

    def amount(self, limit: Limit) -> str:
        """A threshold's number and unit in words."""
        return amount(limit, self._texts["words"])

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
        named = self._texts["criteria"]
        count = _COUNT.search(code)
        if count and code not in named:
            pattern = named.get(_COUNT.sub("#", code, count=1))
            return self.word(code) if pattern is None else str(pattern).replace("{}", count[0])
        return str(named.get(code, self.word(code)))

    def note(self, note: str) -> str:
        """A note in words."""
        code, _, rest = note.partition(": ")
        detailed = _DETAIL.fullmatch(code)
        if detailed:
            code, rest = detailed[1], detailed[2]
        named = [str(self._texts["notes"].get(one, self.word(one))) for one in code.split("/")]
        told = self._told(rest) if rest else ""
        return "/".join(named) + (f" ({told})" if told else "")

    def _told(self, rest: str) -> str:
        """What follows a note's code: an amount, keys, or another note; free English is left out elsewhere."""
        counted = _COUNTED.fullmatch(rest)
        if counted:
            unit = str(self._texts["words"].get(f"unit-{counted[2]}", f"{{}} {counted[2]}"))
            return unit.replace("{}", counted[1])
        if ": " in rest or _DETAIL.fullmatch(rest):
            return self.note(rest)
        parts = rest.split(", ")
        if self.language != "en" and any(" " in part for part in parts):
            return ""
        return _COMMA[self.language].join(self.note(part) for part in parts)

    def phase(self, phase: str) -> str:
        """A phase in words."""
        return self.word(phase)

    def word(self, key: str) -> str:
        """A key in words; a key without words stays as it is."""
        found = self._texts["words"].get(key)
        if found is None:
            found = self._names.get(key) or self._texts["criteria"].get(key)
        return key if found is None else str(found)

    def criteria(self, finding: Finding, status: Truth) -> str:
        """The names of a finding's criteria of a status."""
        return _COMMA[self.language].join(self.criterion(c) for c in finding.criteria if c.status is status)

    def shown(self, value: Any) -> str:
        """A value of a finding in words."""
        if isinstance(value, tuple | list | frozenset):
            items = [str(v) for v in value]
            fragments = self._texts["fragments"]
            if items and all(i in fragments for i in items):
                return _SPACE[self.language].join(str(fragments[i]).strip() for i in items)
            return _COMMA[self.language].join(self.word(i) for i in items)
        if isinstance(value, str):
            return self.word(value)
        return "" if value is None else _number(value)


def _summary(entry: Mapping[str, Any], values: _Values, finding: Finding) -> str:
    return values.fill(entry["summary"]) if "summary" in entry else f"{finding.code}: {finding.outcome}"


def _detail(entry: Mapping[str, Any], values: _Values) -> str:
    return values.fill(entry["detail"]) if "detail" in entry else ""


class _Values:
    """What the placeholders of a finding's texts stand for; made only when a text asks."""

    def __init__(self, texts: Texts, finding: Finding) -> None:
        self._texts = texts
        self._finding = finding
        self._known: dict[str, str] = {}

    def fill(self, template: str) -> str:
        """The text with its placeholders filled.

        What the finding does not give is left out, or the word after the placeholder's colon is said for it.
        """
        said = []
        for literal, name, otherwise in _parsed(str(template)):
            said.append(literal)
            if name is not None:
                said.append(self._value(name) or (self._texts.word(otherwise) if otherwise else ""))
        return " ".join("".join(said).split())

    def _value(self, name: str) -> str:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._made(name)
        return found

    def _made(self, name: str) -> str:
        texts, finding = self._texts, self._finding
        made = _MADE.get(name)
        if made is not None:
            return made(texts, finding)
        return texts.shown(finding.params[name]) if name in finding.params else ""


@lru_cache(maxsize=4096)
def _parsed(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """Literal text, placeholder and word after its colon, as `str.format` reads them."""
    return tuple((literal, name, spec or "") for literal, name, spec, _ in Formatter().parse(template))


def _imprecise(texts: Texts, finding: Finding) -> str:
    """What is missing where every criterion is known and only the day of a record is not."""
    return texts.note(_IMPRECISE) if _IMPRECISE in finding.notes else ""


_IMPRECISE = "date-imprecise"
_MADE: dict[str, Callable[[Texts, Finding], str]] = {
    "activity": lambda texts, finding: texts.activity(finding.code),
    "outcome": lambda texts, finding: texts.word(finding.outcome),
    "cause": lambda texts, finding: texts.criterion_name(finding.cause or ""),
    "missing": lambda texts, finding: texts.criteria(finding, UNKNOWN) or _imprecise(texts, finding),
    "failed": lambda texts, finding: texts.criteria(finding, NOT_MET),
    "due_earliest": lambda _, finding: (finding.due and finding.due.earliest) or "",
    "due_preferred": lambda _, finding: (finding.due and finding.due.preferred) or "",
    "due_latest": lambda _, finding: (finding.due and finding.due.latest) or "",
}


def _number(value: Any) -> str:
    return plain(value) if hasattr(value, "as_tuple") else str(value)
