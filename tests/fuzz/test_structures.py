"""Broken resources cost only themselves: no crash, no hang, nothing lost, no name told.

`FUZZ_SECONDS=600` looks for about ten minutes, at other inputs in each run.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from adapter.errors import InputError
from tests.fuzz.inputs import Given, inputs
from tests.fuzz.running import SECONDS, Outcome, again, evaluation, outcome, seconds
from tests.fuzz.structures import MARKER

EXAMPLES_A_SECOND = 90
USUAL_SECONDS = 25
HANGS = timedelta(seconds=30)
WORDS = (
    "malformed", "no-time", "no-unit", "unit", "code-conflict", "modifier-extension", "unresolved-reference",
    "no-value", "implausible",
)  # fmt: skip
FIVE = ("used", "rejected", "unmapped", "notCounted", "otherType")
TRIED = settings(
    max_examples=EXAMPLES_A_SECOND * seconds(USUAL_SECONDS),
    deadline=HANGS,
    derandomize=SECONDS not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
RUN = evaluation()


@TRIED
@given(inputs())
def test_a_broken_resource_costs_only_itself(found: Given) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = found.put(Path(folder))
        refused = ""
        try:
            result = outcome(RUN, source)
            assert b"".join(again(RUN, source)) == result.printed
        except InputError as error:
            refused = str(error)
    if refused:
        assert "\n" not in refused
        assert MARKER not in refused
        return
    check_told(result)
    check_counted(found, result)


def check_told(result: Outcome) -> None:
    """Reasons are the contract's, lines are whole, and no name is among them."""
    said = "\n".join(result.lines)
    assert MARKER not in said
    assert "please report" not in said
    assert "Traceback" not in said
    malformed = False
    for assessment in result.assessments:
        for entry in assessment["rejected"]:
            assert entry["reason"].startswith(WORDS), entry
            assert MARKER not in repr(entry)
            malformed |= entry["reason"].startswith("malformed")
    assert result.code == (1 if malformed or result.troubles or "malformed" in said else 0)


def check_counted(found: Given, result: Outcome) -> None:
    """Resources in = the five counts; a copy or a Medication that two patients share counts for each.

    A file none of whose lines is a resource is named, and so is each of its lines.
    """
    total = result.orphans
    for assessment in result.assessments:
        counts = assessment["input"]
        assert counts["resources"] == sum(counts[name] for name in FIVE)
        total += counts["resources"]
    given = found.resources - sum(
        count for name, (_, count) in found.files.items() if any(t.startswith(name) for t in result.troubles)
    )
    assert total >= given
    if len(result.assessments) < 2 and not result.troubles:
        assert total == given
