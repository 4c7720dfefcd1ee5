"""The words of a finding that stay true until a fact changes: nothing in them moves with the day of the run."""

from __future__ import annotations

import re

from adapter.guideline.model import Criterion, Due, Finding
from adapter.output.assessment import number
from adapter.output.statements import citation
from adapter.output.wordbook import Texts

_SPANS = frozenset({"s", "min", "h", "d", "day", "days", "wk", "mo", "a", "year", "years"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOVING_NOTES = frozenset({"ongoing", "must-stop-by", "planned", "date-imprecise"})
_MOVING_PARAM = re.compile(r"(?:^|_)(?:age|aged|ago|elapsed|today)(?:_|$)")


def lasting(finding: Finding) -> bool:
    """Whether the finding's sentences and dates are the same tomorrow while no fact changes.

    They are not when an exposure that still goes on counts up to as-of (notes `ongoing` and `must-stop-by`), when a
    dose without a date counts as given at as-of (`planned`), when a date that is a whole month is cut at as-of
    (`date-imprecise`), or when a value that fills the texts is an age or a time passed by (its name has the word age,
    aged, ago, elapsed or today).
    """
    if any(_code(note) in _MOVING_NOTES for note in _notes(finding)):
        return False
    return not any(_MOVING_PARAM.search(name) for name in finding.params)


def lasting_due(finding: Finding) -> Due | None:
    """The finding's dates, None when they move with the day of the run."""
    return finding.due if finding.due is not None and lasting(finding) else None


def sentence(finding: Finding, texts: Texts) -> str:
    """The finding in one or more sentences."""
    if lasting(finding):
        return " ".join(f"{texts.summary(finding)} {texts.detail(finding)}".split())
    said = [_note(note, texts) for note in dict.fromkeys(_notes(finding)) if _code(note) in _MOVING_NOTES]
    return "; ".join([f"{texts.activity(finding.code)}: {texts.word(finding.outcome)}", *said])


def rationale(finding: Finding, texts: Texts) -> str:
    """Markdown: each criterion, then each statement with its strength and evidence level."""
    going_on = any(_code(note) in _MOVING_NOTES for note in _notes(finding))
    lines = [f"- {_criterion(criterion, texts, going_on)}" for criterion in finding.criteria]
    lines += [f"- {citation(key, texts.language)}" for key in finding.statements]
    return "\n".join(lines)


def _criterion(criterion: Criterion, texts: Texts, going_on: bool) -> str:
    facts = [criterion.threshold, None if going_on else criterion.at, _value(criterion)]
    notes = [_note(note, texts) for note in criterion.notes]
    shown = "; ".join(fact for fact in [*facts, *notes] if fact)
    return f"{texts.criterion(criterion)}: {texts.word(criterion.status.value)}{f' ({shown})' if shown else ''}"


def _value(criterion: Criterion) -> str | None:
    # A span of time may be an age, which nothing written may hold; the dates say it as well.
    if criterion.value is None or criterion.unit in _SPANS:
        return None
    return f"{str(number(criterion.value)).lower()} {criterion.unit or ''}".strip()


def _notes(finding: Finding) -> list[str]:
    return [*finding.notes, *(note for criterion in finding.criteria for note in criterion.notes)]


def _note(note: str, texts: Texts) -> str:
    code, _, rest = note.partition(": ")
    return texts.note(note) if _DAY.fullmatch(rest) else texts.note(code)


def _code(note: str) -> str:
    return note.partition(":")[0]
