"""Rules on the shape of a module: its first line, its sizes, the names in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.tree import Source

FILE_LINES = 400
FUNCTION_LINES = 40
BANNED = frozenset({"utils", "helpers", "common", "manager", "processor", "handler", "base", "data", "info", "misc"})
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def first_line(source: Source) -> Iterator[str]:
    """A module begins with its docstring."""
    if not source.text.startswith('"""') or ast.get_docstring(source.tree()) is None:
        yield f"{source.name}:1 does not begin with a docstring: say in one noun phrase why the module exists"


def sizes(source: Source) -> Iterator[str]:
    """A file and a function fit into a reader's head."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{source.name} has {lines} lines, {FILE_LINES} at most: split it by what it decides"
    for found in _definitions(source):
        length = (found.end_lineno or found.lineno) - found.lineno + 1
        if not isinstance(found, ast.ClassDef) and length > FUNCTION_LINES:
            yield f"{source.name}:{found.lineno} {found.name} has {length} lines, {FUNCTION_LINES} at most"


def names(source: Source) -> Iterator[str]:
    """A name says what the thing is; a test's name is a sentence and may use any word."""
    for part in PurePosixPath(source.name).with_suffix("").parts:
        yield from _banned(part, source.name)
    for found in _definitions(source):
        if not found.name.startswith("test_"):
            yield from _banned(found.name, f"{source.name}:{found.lineno}")


def _banned(name: str, where: str) -> Iterator[str]:
    for word in sorted({word.lower() for word in WORD.findall(name)} & BANNED):
        yield f"{where} {name}: the word '{word}' says nothing, name what it is"


def _definitions(source: Source) -> list[Definition]:
    return [node for node in ast.walk(source.tree()) if isinstance(node, Definition)]
