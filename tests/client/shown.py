"""What must be among the cards, and what must not."""

from __future__ import annotations

from collections.abc import Sequence

from tests.client.reading import mentions
from tests.client.search import Json


def found(cards: Sequence[Json], pattern: str, *indicators: str) -> list[Json]:
    """The cards about it, one at least."""
    hits = mentions(cards, pattern, *indicators)
    assert hits, f"no {indicators} card about {pattern}: {[(one['indicator'], one['summary']) for one in cards]}"
    return hits


def none(cards: Sequence[Json], pattern: str, *indicators: str) -> None:
    """Nothing is said about it."""
    assert [(one["indicator"], one["summary"]) for one in mentions(cards, pattern, *indicators)] == []


def critical(cards: Sequence[Json], wanted: bool = True) -> None:
    """Whether there is a critical card about bevacizumab."""
    if wanted:
        found(cards, "bevacizumab", "critical")
    else:
        none(cards, "bevacizumab", "critical")
