"""Rules on clinical knowledge: numbers stand in YAML, codes and units in tables, never in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.tree import Source

HARMLESS = frozenset({-1, 0, 1, 2})
# The calendar's own numbers: the epoch's year, months, hours, minutes, seconds, digits and parts of a second.
EXEMPT: dict[str, frozenset[float]] = {"adapter/values/when.py": frozenset({1970, 12, 24, 60, 6, 59_999_999})}
URL = re.compile(r"(?:https?://|urn:oid:)\S")
CODES = {
    "LOINC": re.compile(r"\d{1,6}-\d"),
    "SNOMED CT or RxNorm": re.compile(r"\d{5,18}"),
    "ATC": re.compile(r"[A-Z]\d{2}[A-Z]{1,2}(?:\d{2})?"),
    "ICD-10": re.compile(r"[A-Z]\d{2}\.\d{1,4}"),
}
CLOCK = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "perf_counter"), ("time", "localtime"),
    ("uuid", "uuid1"), ("uuid", "uuid4"), ("os", "urandom"),
}  # fmt: skip
CHANCE = frozenset({"random", "secrets"})
PURE_ROOMS = "values/ timeline/ guideline/ resources/ terminology normalize/ output/ pipeline errors"
TIMELESS = tuple(f"adapter/{room}" for room in PURE_ROOMS.split())


def numbers(source: Source) -> Iterator[str]:
    """No number but -1, 0, 1 and 2 stands in the Python of a clinical room, not even as text for Decimal."""
    if not source.clinical:
        return
    tree = source.tree()
    allowed = HARMLESS | EXEMPT.get(source.name, frozenset())
    places = _unclinical(tree)
    for node in ast.walk(tree):
        value = _number(node)
        if value is not None and value not in allowed and id(node) not in places:
            yield f"{source.name}:{_line(node)} has the number {value}: numbers stand in the YAML of their topic"


def codes(source: Source) -> Iterator[str]:
    """No address of a code system and nothing that looks like its code stands in the Python of a clinical room."""
    if not source.clinical:
        return
    tree = source.tree()
    prose = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            for kind in _kinds(node.value):
                yield f"{source.name}:{node.lineno} has {kind}: it stands in mappings/"


def clock(source: Source) -> Iterator[str]:
    """What lies below the doors reads no clock and throws no dice: the same input gives the same bytes."""
    if not source.name.startswith(TIMELESS):
        return
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Attribute) and (_owner(node.value), node.attr) in CLOCK:
            yield f"{source.name}:{node.lineno} reads the clock or chance ({node.attr}): as-of comes from outside"
        if isinstance(node, ast.Import | ast.ImportFrom) and _imported(node) & CHANCE:
            yield f"{source.name}:{node.lineno} imports chance: evaluation is pure"


def _kinds(text: str) -> list[str]:
    found = ["the address of a system"] if URL.search(text) else []
    return found + [f"what looks like a code of {kind}" for kind, pattern in CODES.items() if pattern.fullmatch(text)]


def _number(node: ast.AST) -> float | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.Call) and _owner(node.func) in {"Decimal", "float", "int"} and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return float(first.value)
    return None


def _unclinical(tree: ast.Module) -> set[int]:
    """Constants that count a place (`match[3]`), a store's size or bits, and the hundred of `PERCENT`."""
    parts: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            parts.append(node.slice)
        elif isinstance(node, ast.keyword) and node.arg == "maxsize":
            parts.append(node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
            parts.append(node.right)
        elif isinstance(node, ast.Assign) and [_owner(target) for target in node.targets] == ["PERCENT"]:
            parts.append(node.value)
    return {id(constant) for part in parts for constant in ast.walk(part)}


def _docstrings(tree: ast.Module) -> set[int]:
    """Strings that stand alone as a statement: prose for the reader."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _owner(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        return {node.module or ""}
    return {alias.name for alias in node.names}


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
