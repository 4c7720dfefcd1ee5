"""A criterion and a stage on one line of plain text, for cards and the terminal."""

from __future__ import annotations

from adapter.guideline.model import ChildPugh, Criterion, Stage
from adapter.output.phrases import Phrases
from adapter.output.wordbook import Texts


def criterion_line(criterion: Criterion, texts: Texts) -> str:
    """Name: verdict (value unit; threshold; day) [notes], in the marks and words of the language."""
    phrases = Phrases(texts)
    notes = phrases.joined(texts.note(note) for note in criterion.notes)
    return phrases.criterion(criterion, noted=False) + (f" [{notes}]" if notes else "")


def stage_short(stage: Stage | ChildPugh, texts: Texts) -> str:
    """The stage, all that are possible where it is undecided, `-` where there is none."""
    return "/".join(texts.word(one) for one in stage.possible) or "-"
