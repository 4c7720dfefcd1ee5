"""Search conditions: what a FHIR query string asks of the index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from adapter.sandbox.indexing import folded, search_time, split_reference
from adapter.sandbox.parameters import Parameter, parameters_of
from adapter.sandbox.refusal import Refusal
from adapter.sandbox.store import INDEXED, VERSIONS
from adapter.values import When

Condition = sa.ColumnElement[bool]
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d.*)", re.DOTALL)
_LOST_PLUS = re.compile(r" (\d\d:\d\d)$")
_MODIFIERS = {"token": {"not"}, "string": {"exact", "contains"}, "date": set(), "uri": set(), "patient": set()}


@dataclass(frozen=True)
class Asked:
    """One pair of a query string: the name with its modifier taken off, and the text of the value."""

    name: str
    modifier: str
    text: str

    @classmethod
    def of(cls, key: str, text: str) -> Asked:
        """The pair `key=text`; `code:not` has the modifier `not`."""
        name, _, modifier = key.partition(":")
        return cls(name, modifier, text)

    @property
    def key(self) -> str:
        """The name as it was asked."""
        return f"{self.name}:{self.modifier}" if self.modifier else self.name


def conditions(kind: str, asked: Iterable[Asked], own_address: str) -> list[Condition]:
    """The conditions on the table of versions that the pairs of a query set.

    Raises Refusal (400) for a parameter, modifier or value that is not understood.
    """
    return [_condition(kind, pair, own_address) for pair in asked]


def understood(kind: str, pair: Asked) -> bool:
    """Whether a pair names a search parameter of the type."""
    return pair.name in ("_id", "_lastUpdated") or pair.name in parameters_of(kind)


def _condition(kind: str, pair: Asked, own_address: str) -> Condition:
    if pair.text == "":
        raise Refusal(400, "invalid", f"search parameter '{pair.key}' has no value; leave it out or give one")
    if pair.name == "_id" and not pair.modifier:
        return VERSIONS.c.id.in_(_alternatives(pair.text))
    if pair.name == "_lastUpdated" and not pair.modifier:
        return sa.or_(*(_time_holds(VERSIONS.c.updated, VERSIONS.c.updated, t) for t in _alternatives(pair.text)))
    parameter = parameters_of(kind).get(pair.name)
    if parameter is None:
        raise Refusal(400, "not-supported", f"{kind} has no search parameter '{pair.key}' on this server")
    if pair.modifier == "missing":
        return _found(kind, parameter, sa.true(), negated=_boolean(pair) is True)
    values = [_value(kind, parameter, pair, text, own_address) for text in _alternatives(pair.text)]
    return _found(kind, parameter, sa.or_(*values), negated=pair.modifier == "not")


def _found(kind: str, parameter: Parameter, value: Condition, *, negated: bool) -> Condition:
    ids = sa.select(INDEXED.c.id).where(INDEXED.c.kind == kind, INDEXED.c.name == parameter.name, value)
    return VERSIONS.c.id.not_in(ids) if negated else VERSIONS.c.id.in_(ids)


def _value(kind: str, parameter: Parameter, pair: Asked, text: str, own_address: str) -> Condition:
    # A reference takes the name of a type as modifier: subject:Patient=1.
    known = pair.modifier.isalpha() if parameter.kind == "reference" else pair.modifier in _MODIFIERS[parameter.kind]
    if pair.modifier and not known:
        raise Refusal(400, "not-supported", f"modifier ':{pair.modifier}' of '{pair.name}' is not known on this server")
    if parameter.kind in ("reference", "patient"):
        return _reference("Patient" if parameter.kind == "patient" else pair.modifier, text, own_address)
    match: dict[str, Callable[[str, str], Condition]] = {
        "token": _token,
        "string": _string,
        "date": lambda value, _: _time_holds(INDEXED.c.low, INDEXED.c.high, value),
        "uri": lambda value, _: INDEXED.c.code == value,
    }
    return match[parameter.kind](text, pair.modifier)


def _token(text: str, _: str) -> Condition:
    system, bar, code = text.partition("|")
    if not bar:
        return INDEXED.c.code == text
    of_system = INDEXED.c.system == system if system else INDEXED.c.system.is_(None)
    return sa.and_(of_system, INDEXED.c.code == code) if code else of_system


def _string(text: str, modifier: str) -> Condition:
    if modifier == "exact":
        return INDEXED.c.system == text
    if modifier == "contains":
        return INDEXED.c.code.contains(folded(text), autoescape=True)
    return INDEXED.c.code.startswith(folded(text), autoescape=True)


def _reference(target: str, text: str, own_address: str) -> Condition:
    text = text.removeprefix(f"{own_address}/")
    kind, identity = split_reference(text)
    if kind is not None:
        wrong_type = bool(target) and kind != target
        return sa.false() if wrong_type else sa.and_(INDEXED.c.system == kind, INDEXED.c.code == identity)
    if ":" in text:
        return INDEXED.c.code == text
    of_type = INDEXED.c.system == target if target else INDEXED.c.system.is_not(None)
    return sa.and_(of_type, INDEXED.c.code == text)


def _time_holds(low: sa.ColumnElement[int], high: sa.ColumnElement[int], text: str) -> Condition:
    match = _PREFIXED.fullmatch(_LOST_PLUS.sub(r"+\1", text))
    when = search_time(match[2]) if match else None
    if match is None or when is None:
        raise Refusal(400, "invalid", f"'{text[:40]}' is no date; write one as ge2024-05-01")
    return _compared(match[1] or "eq", low, high, when)


def _compared(prefix: str, low: sa.ColumnElement[int], high: sa.ColumnElement[int], when: When) -> Condition:
    within = sa.and_(low >= when.start, high <= when.end)
    comparisons: dict[str, Condition] = {
        "eq": within,
        "ne": sa.not_(within),
        "gt": high > when.end,
        "lt": low < when.start,
        "ge": high >= when.start,
        "le": low <= when.end,
        "sa": low > when.end,
        "eb": high < when.start,
        "ap": sa.and_(low <= when.end, high >= when.start),
    }
    return comparisons[prefix]


def _alternatives(text: str) -> list[str]:
    return [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text) if part]


def _boolean(pair: Asked) -> bool:
    if pair.text not in ("true", "false"):
        raise Refusal(400, "invalid", f"'{pair.key}' takes true or false")
    return pair.text == "true"
