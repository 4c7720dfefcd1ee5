"""Reading of shapes that break the specification: one wrong element does not lose the whole resource."""

from __future__ import annotations

import functools
import json
import math
import sys
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import Raw
from msgspec import inspect as shapes

T = TypeVar("T")
_DROPPED = object()
# Elements that turn the meaning round: a value that cannot be read must not pass for its absence.
_TURNING = frozenset({"doNotPerform"})
_SURROGATE = b"\\ud"
_NOTHING = (b"", b"null", b"[]", b"{}")
# A double ends below 1.8e308: a larger number has an exponent of three digits, or more digits than that.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
# Without the rest there is less to search; quotes stay, so that two numbers or words do not become one.
_REST = bytes(sorted(set(range(256)) - set(b'0123456789eE+"')))
_EXPONENTS = (b"0e000", b"0e+000")
_MOST_DIGITS = sys.float_info.max_10_exp + 1
_TOO_MANY = b"0" * _MOST_DIGITS
_UNFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
MALFORMED_NUMBER = "malformed: a number beyond a double"


def given(raw: Raw) -> bool:
    """Whether an element is there and says something."""
    return bool(raw) and bytes(raw).strip() not in _NOTHING


def outsized(raw: Raw | bytes) -> bool:
    """Whether a number in the JSON is beyond a double (1e400)."""
    if not raw:
        return False
    text = bytes(raw)
    shape = text.translate(_DIGITS, _REST)
    if _EXPONENTS[0] not in shape and _EXPONENTS[1] not in shape and _TOO_MANY not in shape:
        return False
    try:
        json.loads(text, parse_float=_double, parse_int=_double)
    except OverflowError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _double(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise OverflowError
    return found


class ShapeError(Exception):
    """JSON that is not the expected shape even with good will; the text is the path."""


@functools.cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


@functools.cache
def _list_decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[shape])


def read(raw: Raw | bytes, shape: type[T]) -> T | None:
    """A raw element as a shape; None when it is absent or nothing like it."""
    if not raw:
        return None
    try:
        return _decoder(shape).decode(raw)  # type: ignore[no-any-return,arg-type]  # a cache forgets T, and decode takes a Raw
    except _UNFIT:
        return _repaired(raw, shape)


def read_list(raw: Raw | bytes, shape: type[T]) -> list[T]:
    """A raw element as a list of a shape, also when it is a single one; what is nothing like it is left out."""
    if not raw:
        return []
    try:
        return _list_decoder(shape).decode(raw)  # type: ignore[no-any-return,arg-type]  # the same
    except _UNFIT:
        return _repaired(raw, list[shape]) or []  # type: ignore[valid-type]  # a type made while running


def _repaired(raw: Raw | bytes, shape: type[T]) -> T | None:
    try:
        found = _mended(_plain(raw), shapes.type_info(shape), "")
    except ShapeError:
        return None
    return None if found is _DROPPED else found


def read_resource(raw: Raw | bytes, shape: type[T]) -> T:
    """A whole resource as a shape, wrong elements left out. Raises ShapeError with the path."""
    found = _mended(_plain(raw), shapes.type_info(shape), shape.__name__)
    if found is _DROPPED:
        raise ShapeError(shape.__name__)
    return found  # type: ignore[no-any-return]  # made after `shape`, which mypy cannot see


def _plain(raw: Raw | bytes) -> Any:
    text = bytes(raw)
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=_number, parse_constant=_constant)
        if _SURROGATE in text.lower():
            msgspec.json.encode(found, enc_hook=str)  # half a surrogate pair is no text that anything could write
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise ShapeError("not JSON") from error
    return found


def _number(text: str) -> Decimal | int:
    return int(text) if len(text) < 19 else Decimal(text)


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _mended(value: Any, kind: shapes.Type, path: str) -> Any:
    """`value` as the kind, or _DROPPED."""
    if isinstance(kind, shapes.UnionType):
        kind = next(t for t in kind.types if not isinstance(t, shapes.NoneType))
    if value is None:
        return _DROPPED
    if isinstance(kind, shapes.RawType):
        return Raw(msgspec.json.encode(value, enc_hook=str))
    if isinstance(kind, shapes.ListType):
        items = value if isinstance(value, list) else [value]
        mended = [_mended(item, kind.item_type, path) for item in items]
        return [item for item in mended if item is not _DROPPED]
    if isinstance(value, list):
        return _mended(value[0], kind, path) if len(value) == 1 else _DROPPED
    if isinstance(kind, shapes.StructType):
        return _structure(value, kind, path)
    return _primitive(value, kind)


def _structure(value: Any, kind: shapes.StructType, path: str) -> Any:
    if not isinstance(value, dict):
        return _DROPPED
    found = {}
    for field in kind.fields:
        if value.get(field.encode_name) is None:
            continue
        where = f"{path}.{field.encode_name}"
        element = _mended(value[field.encode_name], field.type, where)
        if element is not _DROPPED:
            found[field.name] = element
        elif field.name in _TURNING:
            raise ShapeError(where)
    return kind.cls(**found)


def _primitive(value: Any, kind: shapes.Type) -> Any:
    if isinstance(kind, shapes.BoolType):
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.strip().lower(), _DROPPED)
        return value if isinstance(value, bool) else _DROPPED
    if isinstance(value, bool | dict):
        return _DROPPED
    if isinstance(kind, shapes.DecimalType):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            return _DROPPED
        return number if number.is_finite() else _DROPPED
    return str(value)
