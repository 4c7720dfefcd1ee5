"""The two tables of the safety properties: what is favourable, and which exceptions guideline.md makes."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.safety.judging import Change, Favourable

HERE = Path(__file__).parent


class Allowance(NamedTuple):
    """Criteria (or outcomes) of a finding that a kind of fact may move, and the sentence that says so.

    `beside`: only in a record that holds this concept too. `patient`: the name of one who needs it.
    """

    finding: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    sentence: str
    beside: str | None = None
    patient: str = ""

    def covers(self, change: Change, kind: str) -> bool:
        """Whether a change is one of these; `*` stands for anything."""
        name = change.criterion or change.after or ""
        return (
            fnmatchcase(change.finding, self.finding)
            and any(fnmatchcase(name, one) for one in self.names)
            and any(fnmatchcase(kind, one) for one in self.kinds)
        )


@functools.cache
def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((HERE / name).read_text(encoding="utf-8"), yaml.CSafeLoader)
    return loaded


def favourable() -> Favourable:
    """What must fall when the newest value cannot be used."""
    table = _read("favourable.yaml")
    return Favourable(table["outcomes"], table["criteria"])


def spared() -> list[Allowance]:
    """Where a kind of fact is not the present state."""
    found = _read("favourable.yaml")["spared"]
    return [
        Allowance(s["finding"], tuple(s["names"]), tuple(s["concepts"]), s["sentence"], s.get("beside")) for s in found
    ]


def exceptions() -> list[Allowance]:
    """Where taking facts away may make a criterion met."""
    found = _read("exceptions.yaml")["exceptions"]
    return [
        Allowance(e["finding"], tuple(e["criteria"]), tuple(e["taken"]), e["sentence"], patient=e["patient"])
        for e in found
    ]


def not_covered(changes: list[tuple[str, Change]], allowed: list[Allowance], used: set[Allowance]) -> list[str]:
    """The (kind, change) pairs that no allowance covers, as text; `used` collects the allowances that did."""
    left = []
    for kind, change in changes:
        fitting = [one for one in allowed if one.covers(change, kind)]
        used.update(fitting)
        if not fitting:
            left.append(f"{kind}: {change}")
    return left
