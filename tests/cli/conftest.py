"""The command as users start it, and synthetic patients as files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Protocol

import pytest

from adapter.sandbox.loading import write_patients
from adapter.sandbox.running import running_sandbox

AS_OF = "2024-05-01"
Ended = subprocess.CompletedProcess[bytes]


class Command(Protocol):
    """Starts `hcc-adapter` with some arguments and waits for its end."""

    def __call__(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Ended: ...


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """`hcc-adapter` in an empty working folder with a state of its own."""

    def run(*arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HCC_")}
        clean |= {"HCC_STATE": f"sqlite:///{tmp_path / 'state.db'}", **environment}
        return subprocess.run(
            [sys.executable, "-m", "adapter", *arguments],
            cwd=tmp_path, env=clean, input=stdin, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one Bundle file for each synthetic patient."""
    folder = tmp_path_factory.mktemp("patients")
    assert len(write_patients(folder, date.fromisoformat(AS_OF))) >= 10
    return folder


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an empty FHIR server."""
    with running_sandbox() as address:
        yield address


def lines(content: bytes) -> list[str]:
    """The lines of an output."""
    return content.decode().splitlines()
