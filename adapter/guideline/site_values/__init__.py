"""A site's own values for thresholds: read strictly, and only such as a threshold can have at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import yaml

from adapter.errors import TableError
from adapter.values.site_files import check_yaml, read_site_file

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SHORT = 1 << 5


class SiteValue(msgspec.Struct, frozen=True):
    """A value that a site sets: for `topic`/`name`, as `file` says and `source` explains."""

    file: str
    source: str
    topic: str
    name: str
    value: Decimal


class _Overlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topic: str
    source: str
    reviewed: str
    values: dict[str, Any]


class _Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    most: Decimal
    whole: bool = False


class _Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    units: dict[str, _Bound]
    other: _Bound


class StrictLoader(yaml.CSafeLoader):
    """YAML without duplicate keys; numbers stay text so that they become exact decimals."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"the key {', '.join(sorted(repeated))} stands twice")
        return super().construct_mapping(node, deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag == "tag:yaml.org,2002:bool"]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_strictly(text: bytes, name: str, shape: type[Any]) -> Any:
    """A YAML text as a shape. Raises TableError naming the file."""
    try:
        return msgspec.convert(yaml.load(text, StrictLoader), shape, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"{name}: {reason}; correct the file") from None


def site_values(
    folder: Path, edition: str, editions: Iterable[str], units: Mapping[str, Mapping[str, str]]
) -> Iterator[SiteValue]:
    """The values of a site's folder for one edition; `units`: topic -> name -> unit of all that exist.

    Raises TableError naming file and key for what no threshold can be, whatever the edition.
    """
    for path in _overlay_files(folder):
        text = read_site_file(path, path.name)
        check_yaml(text, path.name)
        overlay: _Overlay = read_strictly(text, path.name, _Overlay)
        known = units.get(overlay.topic)
        if known is None:
            raise TableError(f"{path.name}: topic {overlay.topic} is unknown; known are {', '.join(sorted(units))}")
        for key, value in overlay.values.items():
            if key not in known:
                raise TableError(f"{path.name}: {overlay.topic} has no value {key}; the nearest is {_near(key, known)}")
            numbers = _per_edition(value, tuple(editions), f"{path.name}: {key}")
            checked = {one: _number(text, known[key], f"{path.name}: {key}") for one, text in numbers.items()}
            if edition in checked:
                yield SiteValue(path.name, overlay.source, overlay.topic, key, checked[edition])


def _overlay_files(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    except OSError as error:
        raise TableError(f"{folder}: cannot be read ({error.strerror}); correct HCC_THRESHOLDS") from None
    for path in found:
        if path.suffix != ".yaml":
            raise TableError(f"{path.name}: is not read; rename it to {path.stem}.yaml")
    return found


def _per_edition(value: Any, editions: tuple[str, ...], place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        return dict.fromkeys(editions, value)
    for edition in map(str, value):
        if edition not in editions:
            near = _near(edition, editions)
            raise TableError(f"{place} names the unknown edition {edition[:_SHORT]}; the nearest is {near}")
    return value


def _number(text: Any, unit: str, place: str) -> Decimal:
    """A plain decimal above 0 that is not beyond all reason for its unit."""
    bounds = _bounds()
    bound = bounds.units.get(unit, bounds.other)
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise TableError(f"{place} is {str(text)[:_SHORT]}; give a number such as 14 or 0.5")
    value = Decimal(text)
    if not 0 < value <= bound.most:
        raise TableError(f"{place} is {text[:_SHORT]} {unit}; give a number above 0 and at most {bound.most}")
    if bound.whole and value != value.to_integral_value():
        raise TableError(f"{place} is {text[:_SHORT]} {unit}; give a whole number")
    return value


@cache
def _bounds() -> _Bounds:
    text = files(__package__).joinpath("bounds.yaml").read_bytes()
    found: _Bounds = read_strictly(text, "bounds.yaml", _Bounds)
    return found


def _near(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word, known, n=1, cutoff=0)), "none")
