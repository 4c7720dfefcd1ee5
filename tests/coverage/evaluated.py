"""What the specification cases make the evaluators say: per finding code the statements and criteria named."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from adapter.pipeline import evaluate_bundle
from tests.cases.facts import bundle_of, facts_of, read_cases
from tests.coverage.make_coverage import CASES


class Said(NamedTuple):
    """Everything that all cases together made visible, by finding code."""

    statements: dict[str, set[str]]
    criteria: dict[str, set[str]]
    outcomes: dict[str, set[str]]


@cache
def said_by_all_cases() -> Said:
    """Each case evaluated once."""
    said = Said(defaultdict(set), defaultdict(set), defaultdict(set))
    for finding in findings_of_all_cases():
        code = finding["code"]
        said.statements[code].update(finding["statements"])
        said.outcomes[code].add(finding["outcome"])
        for criterion in finding["criteria"]:
            said.criteria[code].add(criterion["code"])
            said.statements[code].update(criterion.get("statements") or ())
    return said


@cache
def findings_of_all_cases(language: str = "en") -> tuple[dict[str, Any], ...]:
    """Every finding of every case, worded in a language."""
    return tuple(_findings(language))


def _findings(language: str) -> Iterator[dict[str, Any]]:
    for path in sorted(CASES.glob("*.yaml")):
        topic = read_cases(path)
        for case in topic["cases"]:
            for assessment in _assessments(topic, case, language):
                yield from assessment["findings"]


def _assessments(topic: dict[str, Any], case: dict[str, Any], language: str) -> list[dict[str, Any]]:
    return evaluate_bundle(
        json.dumps(bundle_of(facts_of(topic, case))).encode(),
        as_of=str(case["as-of"]),
        edition=str(case.get("edition", "2024")),
        complete=bool(case.get("complete", False)),
        options=frozenset(case.get("options") or ()),
        time_zone=str(case.get("time-zone", "UTC")),
        lang=language,
    )
