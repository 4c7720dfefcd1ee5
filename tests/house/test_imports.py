"""The import contracts, run by import-linter over the project and over copies that break them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

BREAKING = {
    "a room imports from above": ("values/truth.py", "import adapter.cli\n", "adapter.values"),
    "a room imports from its neighbour": ("service/__init__.py", "import adapter.sync\n", "adapter.service"),
    "a room stands outside the order": ("extra.py", '"""A new room."""\n', "adapter.extra"),
    "the guideline reaches the network": ("guideline/__init__.py", "import requests\n", "requests"),
    "the timeline reaches the database": ("timeline/__init__.py", "import sqlalchemy\n", "sqlalchemy"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the project's contracts over the `adapter` package in `folder`."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def copy(folder: Path) -> Path:
    shutil.copytree(ROOT / "adapter", folder / "adapter", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_import_keeps_the_order_of_the_rooms() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("what", BREAKING)
def test_the_contracts_catch(what: str, tmp_path: Path) -> None:
    place, line, named = BREAKING[what]
    broken = copy(tmp_path) / "adapter" / place
    broken.write_text((broken.read_text() if broken.exists() else "") + line)
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "1 broken" in done.stdout, done.stdout + done.stderr
    assert named in done.stdout, done.stdout + done.stderr
