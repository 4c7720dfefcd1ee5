"""What is known of one patient when results are to be written, and how the site wants them written."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adapter.guideline.model import Assessment
from adapter.terminology.strangers import Stranger


class EvaluatedPatient(msgspec.Struct, frozen=True):
    """An assessment with what write-back needs besides.

    `versions`: version by reference (`Observation/o3`) of the resources that were read; `hcc_condition`: reference of
    the Condition that the plan addresses; `strangers`: codes and units of the record that the tables do not settle.
    """

    assessment: Assessment
    versions: Mapping[str, str | None]
    hcc_condition: str | None = None
    strangers: tuple[Stranger, ...] = ()


class WriteSite(msgspec.Struct, frozen=True):
    """How results are written: `canonical_base` of identifiers and canonicals, `software` version, `edition`.

    `source`: base URL of the server that was read, None for files; `elsewhere`: results go to another server, so that
    sources can be named by logical references only; `plan_active`: the site's option of contract.md 5.
    """

    canonical_base: str
    software: str
    edition: str
    source: str | None = None
    elsewhere: bool = False
    plan_active: bool = False
