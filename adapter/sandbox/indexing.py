"""The searchable values of a resource."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapter.sandbox.parameters import Parameter, parameters_of
from adapter.sandbox.refusal import JsonObject
from adapter.values import When, parse_when

# An open Period reaches to the end of the calendar; SQLite's integers hold both bounds.
_FIRST, _LAST = -(2**62), 2**62


@dataclass(frozen=True)
class IndexRow:
    """One value of one parameter.

    token: `system`, `code`; reference: `system` the type and `code` the id, or `code` alone a URL; string: `system` the
    text and `code` its folded form; uri: `code`; date: `low` to `high`, microseconds since 1970 UTC.
    """

    name: str
    system: str | None = None
    code: str | None = None
    low: int | None = None
    high: int | None = None


def index_rows(resource: JsonObject) -> list[IndexRow]:
    """Every searchable value of a resource, each once."""
    rows: dict[IndexRow, None] = {}
    for parameter in parameters_of(resource["resourceType"]).values():
        for path in parameter.paths:
            for value in _values(resource, path):
                rows.update(dict.fromkeys(_rows(parameter, value)))
    return list(rows)


def folded(text: str) -> str:
    """A text as strings are compared: without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def split_reference(text: str) -> tuple[str | None, str]:
    """Type and id of a relative reference without its version; None and the text itself for any other reference."""
    parts = text.split("/")
    if len(parts) in (2, 4) and ":" not in text and (len(parts) == 2 or parts[2] == "_history"):
        return parts[0], parts[1]
    return None, text


def search_time(text: str) -> When | None:
    """A FHIR date or time in UTC unless it says otherwise."""
    return parse_when(text, "UTC")


def _values(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _values(item, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _values(node[path[0]], path[1:])


def _rows(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    if parameter.kind == "token":
        yield from _tokens(parameter.name, value)
    elif parameter.kind in ("reference", "patient"):
        yield from _references(parameter, value)
    elif parameter.kind == "date":
        yield from _dates(parameter.name, value)
    elif isinstance(value, str):
        code = folded(value) if parameter.kind == "string" else value
        yield IndexRow(parameter.name, value if parameter.kind == "string" else None, code)


def _tokens(name: str, value: Any) -> Iterator[IndexRow]:
    if isinstance(value, bool):
        yield IndexRow(name, None, "true" if value else "false")
    elif isinstance(value, str):
        yield IndexRow(name, None, value)
    elif isinstance(value, dict):
        codings = value.get("coding", [value])
        for coding in codings if isinstance(codings, list) else []:
            code, system = _code_of(coding)
            if code is not None:
                yield IndexRow(name, system, code)


def _code_of(coding: Any) -> tuple[str | None, str | None]:
    """Code and system of a Coding, or value and system of an Identifier; what is no text is left out."""
    if not isinstance(coding, dict):
        return None, None
    code, system = coding.get("code", coding.get("value")), coding.get("system")
    return code if isinstance(code, str) else None, system if isinstance(system, str) else None


def _references(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str) or text.startswith("#"):
        return
    kind, target = split_reference(text)
    if parameter.kind != "patient" or kind == "Patient" or (kind is None and "/Patient/" in text):
        yield IndexRow(parameter.name, kind, target)


def _dates(name: str, value: Any) -> Iterator[IndexRow]:
    if isinstance(value, str):
        when = search_time(value)
        if when is not None:
            yield IndexRow(name, None, None, when.start, when.end)
    elif isinstance(value, dict):
        start, end = (search_time(value[key]) if isinstance(value.get(key), str) else None for key in ("start", "end"))
        if start is not None or end is not None:
            yield IndexRow(name, None, None, start.start if start else _FIRST, end.end if end else _LAST)
