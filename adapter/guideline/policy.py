"""The policy of an evaluation: edition, thresholds, the site's options and limits of normal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from adapter.guideline.thresholds import Thresholds


class NormalLimits(msgspec.Struct, frozen=True):
    """Limits of normal in the canonical unit; `assumed` for the cited default table (guideline.md 1.5)."""

    low: Decimal | None
    high: Decimal | None
    assumed: bool


class Policy(msgspec.Struct, frozen=True):
    """Everything an evaluation depends on besides the timeline and the instant.

    `normal_limits`: (concept, sex) -> limits; sex `male`, `female` or `""` when it does not matter.
    `options`: the site's choices of contract.md 5.
    """

    edition: str
    thresholds: Thresholds
    options: frozenset[str] = frozenset()
    normal_limits: Mapping[tuple[str, str], NormalLimits] = {}
