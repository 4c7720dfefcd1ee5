"""The rules by which findings become cards: families, what concerns an order, what can be ordered."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import msgspec
import yaml

from adapter.guideline.model import Finding
from adapter.values.truth import MET

INTERVAL = "interval."
"""How the codes of the intervals before an operation begin."""


class Remedy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be ordered for a finding: concepts by criterion, by the fact that a note names, or as a whole."""

    intent: str
    outcomes: tuple[str, ...] = ()
    criteria: dict[str, str] = {}
    notes: dict[str, str] = {}
    always: tuple[str, ...] = ()


class CardRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`card_rules.yaml` as it stands."""

    most: int
    suggestions: int
    sources: int
    listed: int
    families: dict[str, str]
    concerns: dict[str, tuple[str, ...]]
    told: dict[str, tuple[str, ...]]
    operations: frozenset[str]
    orders: dict[str, Remedy]


@lru_cache(maxsize=1)
def card_rules() -> CardRules:
    """The rules, read once."""
    read = yaml.load((files("adapter.output") / "card_rules.yaml").read_bytes(), yaml.CSafeLoader)
    return msgspec.convert(read, CardRules)


def topic_of(code: str) -> str:
    """What stands before the dot of a finding code."""
    return code.partition(".")[0]


def family(finding: Finding) -> str:
    """The card that a finding belongs to."""
    topic = topic_of(finding.code)
    return card_rules().families.get(topic, topic)


def concerned(code: str) -> tuple[str, ...]:
    """The groups of orders that a finding code concerns."""
    rules = card_rules().concerns
    return rules.get(code) or rules.get(topic_of(code), ())


def told_at_order(finding: Finding) -> bool:
    """Whether a finding of severity info is worth a line when something is ordered."""
    return finding.outcome in card_rules().told.get(finding.code, ())


def missing_tests(finding: Finding) -> tuple[str, ...]:
    """The concepts to order so that a finding can be decided, or what it asks for is done."""
    remedy = card_rules().orders.get(finding.code)
    if remedy is None or (remedy.outcomes and finding.outcome not in remedy.outcomes):
        return ()
    open_ones = [c for c in finding.criteria if c.status is not MET]
    found = [remedy.criteria[c.code] for c in open_ones if c.code in remedy.criteria]
    named = [note.partition(":")[0] for c in open_ones for note in c.notes]
    found += [remedy.notes[fact] for fact in named if fact in remedy.notes]
    return tuple(dict.fromkeys((*found, *remedy.always)))


def intent(finding: Finding) -> str:
    """The intent of what is ordered for a finding; only where `missing_tests` gives something."""
    return card_rules().orders[finding.code].intent
