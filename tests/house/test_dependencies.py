"""What the adapter imports is what the package declares, and nothing comes from the tools of developers."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement

from tests.house.tree import ROOT, Source, python_sources

PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def requirements(*extras: str) -> list[Requirement]:
    """What the package asks for, with what its extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [Requirement(line) for line in lines]


def declared() -> set[str]:
    """The distributions that the package asks for, as the package index spells them."""
    return {canonical(wanted.name) for wanted in requirements()}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def undeclared(source: Source) -> Iterator[str]:
    """Libraries that a module imports without the package asking for them."""
    owners = packages_distributions()
    for node in ast.walk(source.tree()):
        for library in _imported(node) - sys.stdlib_module_names - {"adapter"}:
            if not {canonical(owner) for owner in owners.get(library, ())} & declared():
                line = getattr(node, "lineno", 0)
                yield f"{source.name}:{line} imports {library}: pyproject.toml does not ask for it"


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {str(node.module).split(".")[0]} if isinstance(node, ast.ImportFrom) and not node.level else set()


def test_every_library_that_the_adapter_imports_is_declared() -> None:
    sources = [source for source in python_sources() if source.name.startswith("adapter/")]
    assert sources
    assert [complaint for source in sources for complaint in undeclared(source)] == []


def test_an_undeclared_library_is_caught() -> None:
    for line in ("import pytest\n", "from hypothesis import given\n", "import nowhere.at_all\n"):
        assert list(undeclared(Source("adapter/topic.py", f'"""A room."""\n\n{line}')))


def test_the_lock_pins_every_requirement_with_hashes_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = PIN.findall(lock)
    assert len(pins) > 50
    unmet = [
        str(wanted)
        for wanted in requirements("dev")
        if not any(name == canonical(wanted.name) and wanted.specifier.contains(version) for name, version in pins)
    ]
    assert unmet == []
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z0-9])", lock.strip()))
    assert "://" not in lock
