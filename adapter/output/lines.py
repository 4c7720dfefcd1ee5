"""A criterion and a stage on one line of plain text, for cards and the terminal."""

from __future__ import annotations

from adapter.guideline.model import ChildPugh, Criterion, Stage
from adapter.output.assessment import number
from adapter.output.wordbook import Texts


def criterion_line(criterion: Criterion, texts: Texts) -> str:
    """Name: verdict (value unit; threshold; day); notes."""
    found = criterion.value
    shown = texts.word(found) if isinstance(found, str) else str(number(found)).lower()
    value = "" if found is None else f"{shown} {criterion.unit or ''}".strip()
    facts = "; ".join(part for part in (value, criterion.threshold, criterion.at) if part)
    parts = [f"{texts.criterion(criterion)}: {texts.word(criterion.status.value)}", f"({facts})" if facts else ""]
    notes = "; ".join(texts.note(note) for note in criterion.notes)
    return " ".join(part for part in (*parts, f"[{notes}]" if notes else "") if part)


def stage_short(stage: Stage | ChildPugh, texts: Texts) -> str:
    """The stage, all that are possible where it is undecided, `-` where there is none."""
    return "/".join(texts.word(one) for one in stage.possible) or "-"
