"""What an evaluation says: criteria, findings, stages, the assessment; no wording, which is made in output/."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from adapter.values import Truth

Value = Decimal | int | str | bool | None


class Criterion(msgspec.Struct, frozen=True, gc=False):
    """One test of a finding (guideline.md 1.9).

    `value` with `unit` is what was found, None when unknown; `threshold` the bound as text (`>= 28 d`); `at` its time;
    `evidence` FHIR references; `notes` strings that begin with the note's code (`must-stop-by: 2024-05-01`).
    `statements` only where they differ from the finding's.
    """

    code: str
    status: Truth
    value: Value = None
    unit: str | None = None
    threshold: str | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()


class Due(msgspec.Struct, frozen=True, gc=False):
    """Dates (ISO days): the first that satisfies, the preferred, the last before overdue."""

    earliest: str | None = None
    preferred: str | None = None
    latest: str | None = None


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One decision: stable `code` and `outcome`, `kind` and `severity` of the catalogue, statements, criteria,
    evidence.

    `cause` tells findings of one code apart. `params` fill the texts of the outcome (words, numbers, ISO dates, lists
    of keys).
    `notes` begin with the note's code. `preliminary`: a preliminary result decided it.
    """

    code: str
    outcome: str
    kind: str
    severity: str
    statements: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()
    due: Due | None = None
    cause: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    preliminary: bool = False


class Stage(msgspec.Struct, frozen=True, gc=False):
    """A stage or class: `value` when only one is possible, else None; `possible` in order of severity, mildest
    first."""

    possible: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    at: str | None = None
    evidence: tuple[str, ...] = ()
    recorded: str | None = None
    discordant: bool = False
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> str | None:
        """The stage, when it is decided."""
        return self.possible[0] if len(self.possible) == 1 else None


class ChildPugh(msgspec.Struct, frozen=True, gc=False):
    """Child-Pugh class and points (fewest, most); `parts` points per part; `assumed` what a site option assumed."""

    possible: tuple[str, ...] = ()
    points: tuple[int, int] | None = None
    parts: Mapping[str, tuple[int, int]] = {}
    assumed: tuple[str, ...] = ()
    at: str | None = None
    evidence: tuple[str, ...] = ()
    recorded: str | None = None
    discordant: bool = False
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> str | None:
        """The class, when it is decided."""
        return self.possible[0] if len(self.possible) == 1 else None


class Staging(msgspec.Struct, frozen=True, gc=False):
    """Stages now and at conversion start (`baseline_*` None before it)."""

    cnlc: Stage = Stage()
    bclc: Stage = Stage()
    child_pugh: ChildPugh = ChildPugh()
    baseline_cnlc: Stage | None = None
    baseline_bclc: Stage | None = None
    baseline_child_pugh: ChildPugh | None = None


class EvaluationShown(msgspec.Struct, frozen=True, gc=False):
    """One imaging evaluation: its day and the response by both criteria sets."""

    at: str
    mrecist: str
    recist: str


class CourseShown(msgspec.Struct, frozen=True, gc=False):
    """The conversion course as the assessment shows it (contract.md 2)."""

    start: str
    cycles: int
    regimen: str | None
    local: tuple[str, ...]
    best_response: str | None
    depth: Decimal | None
    time_to_response: int | None
    duration_of_response: int | None
    evaluations: tuple[EvaluationShown, ...] = ()


class OnRecord(msgspec.Struct, frozen=True, gc=False):
    """What the record holds for one step of the pathway.

    `status`: `scheduled`, `in-progress`, `on-hold`, `completed` or `unknown`. `day`: when it is planned, was done or
    ended; `since`: when it began, or from when it was counted; ISO, None when the record gives none.
    """

    status: str
    day: str | None = None
    since: str | None = None
    sources: tuple[str, ...] = ()


class Assessment(msgspec.Struct, frozen=True, gc=False):
    """The result for one patient at one instant under one edition.

    `agenda`: what is ordered, under way or done, by the finding code that asks for it (adapter/guideline/agenda.py).
    """

    patient: str
    as_of: str
    edition: str
    phase: str
    staging: Staging
    course: CourseShown | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    agenda: Mapping[str, OnRecord] = {}
