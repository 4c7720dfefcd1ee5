"""One fuzzed input through the functions that the command calls, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from adapter.cli.evaluate import Evaluation, configured, wanted
from adapter.fhir.inputs import Share, read_input
from adapter.settings import load

AS_OF = "2024-05-01"
SECONDS = "FUZZ_SECONDS"
"""The environment variable that asks for a longer run, in seconds for each fuzzer."""


def seconds(default: int) -> int:
    """How long a fuzzer may look."""
    return int(os.environ.get(SECONDS, default))


@dataclass
class Outcome:
    """What the command would print, say and answer; `orphans`: resources that can be given to no patient."""

    printed: bytes = b""
    lines: list[str] = field(default_factory=list)
    code: int = 0
    orphans: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def assessments(self) -> list[dict[str, Any]]:
        """The printed assessments."""
        return [orjson.loads(line) for line in self.printed.splitlines()]


def evaluation() -> Evaluation:
    """A run with the settings' defaults."""
    settings = load({}, environment={})
    evaluator = configured(settings)
    return Evaluation(evaluator, settings, evaluator.as_of(AS_OF), "json")


def outcome(run: Evaluation, source: Path | str, stream: BinaryIO | None = None) -> Outcome:
    """The outcome of an input. Raises what the command would refuse the whole with."""
    found = Outcome()
    for share in read_input(str(source), stream):
        if share.trouble is not None:
            found.troubles.append(share.trouble)
        printed, lines, _, code = run.apart(share, False)
        found.printed += printed
        found.lines += lines
        found.code = max(found.code, code)
        found.orphans += orphans(run, share)
    return found


def orphans(run: Evaluation, share: Share) -> int:
    """How many resources of a share can be given to no patient; those of a pool come in a share of their own."""
    if share.trouble is not None:
        return 0
    found = run.evaluator.records(share.entries, incomplete=share.incomplete)
    return len(found.orphans) if share.patient is None or not found.patients else 0


def again(run: Evaluation, source: Path | str) -> Iterator[bytes]:
    """The assessments once more, by the library's own door."""
    for share in read_input(str(source), None):
        if share.trouble is None:
            records = run.evaluator.records(share.entries, incomplete=share.incomplete)
            for record in wanted(records, share):
                yield orjson.dumps(run.evaluator.shown(record, run.as_of, "en", share.incomplete)) + b"\n"
