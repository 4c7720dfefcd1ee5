"""The project's own files as the house rules see them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ("adapter", "tests", "mappings", "docker", ".ci", "docs")
ROOT_FILES = ("Makefile", "README.md", "CHANGELOG.md", "pyproject.toml", "requirements.lock", ".gitignore")
SUFFIXES = " .py .yaml .yml .csv .md .toml .java .xml .html .css .js .lock .sh .json"
TEXT = frozenset(SUFFIXES.split(sep=" "))
CLINICAL = ("adapter/guideline/", "adapter/timeline/", "adapter/normalize/", "adapter/values/")


@dataclass(frozen=True)
class Source:
    """One Python file: `name` is its path from the project's root."""

    name: str
    text: str

    def tree(self) -> ast.Module:
        """The parsed module."""
        return ast.parse(self.text)

    @property
    def clinical(self) -> bool:
        """Whether the file stands in a room where numbers and codes are forbidden."""
        return self.name.startswith(CLINICAL)


@cache
def python_sources() -> tuple[Source, ...]:
    """Every Python file of the adapter and its tests."""
    paths = [path for part in ("adapter", "tests", "docker") for path in (ROOT / part).rglob("*.py")]
    return tuple(Source(_name(path), path.read_text(encoding="utf-8")) for path in sorted(paths))


@cache
def text_files() -> tuple[tuple[str, str], ...]:
    """Name and content of every text file that the project keeps."""
    inside = [path for part in PARTS for path in (ROOT / part).rglob("*") if path.is_file()]
    paths = [*inside, *(ROOT / name for name in ROOT_FILES)]
    kept = [path for path in paths if path.suffix in TEXT and "__pycache__" not in path.parts]
    return tuple((_name(path), path.read_text(encoding="utf-8")) for path in sorted(kept))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
