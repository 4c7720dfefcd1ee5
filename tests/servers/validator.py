"""The HAPI reference validator as one process that answers resource by resource."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import hapi_build
from tests.servers.need import Unavailable, tail

GRAVE = frozenset({"error", "fatal"})


@dataclass(frozen=True)
class Issue:
    """One message of the validator about one resource."""

    resource: str
    severity: str
    location: str
    message: str


class Validator:
    """Call it with resources (dicts) to get their errors; empty means that all are valid R4."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def __call__(self, resources: Iterable[Mapping[str, Any]]) -> list[Issue]:
        """The issues of severity error or fatal, in the order of the resources."""
        return [issue for issue in self.messages(resources) if issue.severity in GRAVE]

    def messages(self, resources: Iterable[Mapping[str, Any]]) -> list[Issue]:
        """All messages, warnings and information too."""
        return [issue for resource in resources for issue in self._ask(resource)]

    def _ask(self, resource: Mapping[str, Any]) -> list[Issue]:
        assert self._process.stdin is not None and self._process.stdout is not None
        name = f"{resource.get('resourceType')}/{resource.get('id', '?')}"
        self._process.stdin.write(json.dumps(resource) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise AssertionError(f"the validator ended while it read {name}:\n{tail(self._log)}")
        return [Issue(name, line["severity"], line["location"] or "", line["message"]) for line in json.loads(answer)]


@contextmanager
def running_validator(folder: Path) -> Iterator[Validator]:
    """The validator while it runs; `folder` takes its log. Raises Unavailable when it does not start."""
    log = folder / "validator.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            hapi_build.command("validate"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            encoding="utf-8",
        )
        with process:
            validator = Validator(process, log)
            try:
                validator.messages([{"resourceType": "Basic", "code": {"text": "warm-up"}}])
            except (AssertionError, OSError) as failure:
                raise Unavailable(f"the reference validator did not start: {failure}") from failure
            yield validator
