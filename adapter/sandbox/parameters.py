"""The search parameters that the sandbox server knows, read from search.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from adapter.sandbox.refusal import Refusal


@dataclass(frozen=True)
class Parameter:
    """One search parameter: `kind` decides how its values are read and compared, `paths` where they stand."""

    name: str
    kind: str
    paths: tuple[tuple[str, ...], ...]


@cache
def known_types() -> dict[str, dict[str, Parameter]]:
    """Every resource type of R4 with its search parameters, the common ones included."""
    text = resources.files(__package__).joinpath("search.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    common = _parameters(table["common"])
    own = {kind: {**common, **_parameters(lines)} for kind, lines in table["types"].items()}
    return dict(sorted({**own, **dict.fromkeys(table["others"], common)}.items()))


def parameters_of(kind: str) -> dict[str, Parameter]:
    """The search parameters of a resource type. Raises Refusal (404) for a type that R4 does not have."""
    found = known_types().get(kind)
    if found is None:
        raise Refusal(404, "not-supported", f"'{kind}' is no resource type of FHIR R4")
    return found


def _parameters(lines: dict[str, str]) -> dict[str, Parameter]:
    return {name: _parameter(name, line) for name, line in lines.items()}


def _parameter(name: str, line: str) -> Parameter:
    kind, *paths = line.split()
    return Parameter(name, kind, tuple(tuple(path.split(".")) for path in paths))
