"""The readiness report of a site: what is counted, line by line."""

from __future__ import annotations

from typing import Any

import msgspec

SCHEMA = "hcc-conversion/readiness/1"


class Fresh(msgspec.Struct, frozen=True, rename="camel"):
    """Patients whose newest fact is within one freshness limit; `share` of those who have the input."""

    limit: str
    days: int
    patients: int
    share: float | None


class ConceptLine(msgspec.Struct, frozen=True, rename="camel"):
    """One input over all counted patients.

    `facts`: usable ones. `unit_share`: facts against those refused for their unit, None where nothing has a unit.
    `states`: patients by state under the shortest limit. `rejected`: resources by reason. `unknown_codes`: resources
    whose code no table settles and whose name is that of the input.
    """

    concept: str
    members: int
    findings: int
    patients: int
    share: float | None
    facts: int
    unit_share: float | None
    freshness: tuple[Fresh, ...]
    median_age_days: float | None
    states: dict[str, int]
    rejected: dict[str, int]
    unknown_codes: int


class InputLine(msgspec.Struct, frozen=True, rename="camel"):
    """One input of a finding; `names` are alternatives, `lacking` patients in whom it stands in the way."""

    names: tuple[str, ...]
    limit: str | None
    days: int | None
    occasional: bool
    lacking: int
    states: dict[str, int]


class Weakest(msgspec.Struct, frozen=True, rename="camel"):
    """The input that lacks in most patients, and the most frequent reason."""

    input: str
    lacking: int
    share: float | None
    reason: str


class FindingLine(msgspec.Struct, frozen=True, rename="camel"):
    """One finding. `patients`: of whom it is judged: all, or those with any of its inputs where none is expected.

    `complete`: patients in whom no input lacks. `decided`, `undecided`, `not_reported`: what came out.
    """

    topic: str
    code: str
    patients: int
    complete: int
    share: float | None
    weakest: Weakest | None
    decided: int
    undecided: int
    not_reported: int
    inputs: tuple[InputLine, ...]


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """The readiness of a site; counts only.

    `seen` patients, of whom `deceased` are not counted; `failed` could not be evaluated. `without_hcc`: counted ones
    of whom no finding is made. `nameless_codes`: resources whose code no table settles and no name explains;
    `nameless_resources`: rejected ones that may be about anything. `incomplete`: patients by resource type that the
    source did not give in full.
    """

    schema: str
    as_of: str
    edition: str
    seen: int
    counted: int
    deceased: int
    without_hcc: int
    failed: int
    nameless_codes: int
    nameless_resources: int
    incomplete: dict[str, int]
    findings: tuple[FindingLine, ...]
    concepts: tuple[ConceptLine, ...]

    def as_json(self) -> dict[str, Any]:
        """The report with the keys of the JSON."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
