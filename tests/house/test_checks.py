"""The linter and the type checker over the project, and the lines that break them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_ruff_finds_nothing() -> None:
    done = run("ruff", "check", ".")
    assert done.returncode == 0, done.stdout


def test_mypy_finds_nothing() -> None:
    done = run("mypy")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("line", ["import os\n", "x = 1;y = 2\n", "def f(x: list[int] = []) -> None: ...\n"])
def test_ruff_catches(line: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(f'"""A room."""\n\n{line}')
    done = run("ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), str(tmp_path))
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("line", ["def f(x): ...\n", "x: int = 'a'\n", "def f(x: list) -> None: ...\n"])
def test_mypy_catches(line: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(f'"""A room."""\n\n{line}')
    cache = str(tmp_path / "cache")
    done = run("mypy", "--config-file", "pyproject.toml", "--cache-dir", cache, str(tmp_path / "broken.py"))
    assert done.returncode == 1, done.stdout
