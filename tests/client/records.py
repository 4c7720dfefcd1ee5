"""The patients that the tests of this room speak about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.client.facts import NEG, Facts


def baseline(screened: bool = True, hbsag: str = NEG) -> Facts:
    """A patient with a new HCC, before any therapy."""
    record = Facts()
    record.condition()
    if screened:
        record.screening(hbsag=hbsag)
    record.imaging("2024-04-20", 60, vp="vp2")
    record.liver()
    record.enzymes()
    return record


def converting(
    vp: str | None = "vp1",
    liver: dict[str, Any] | None = None,
    drugs: Sequence[str] = ("camrelizumab",),
    last: str = "2024-03-01",
) -> Facts:
    """Under conversion since 2024-01-08, HBV and HCV negative, fresh imaging in response; the last dose on `last`."""
    record = Facts()
    record.condition()
    record.screening()
    record.imaging("2023-12-20", 80, vp=vp)
    for drug in drugs:
        record.dose(drug, "2024-01-08", "2024-01-29", "2024-02-19", last)
    record.imaging("2024-02-26", 60, 40, vp=vp)
    record.imaging("2024-04-20", 50, 30, vp=vp)
    record.liver(**(liver or {}))
    record.enzymes()
    return record


def before_surgery(last: str = "2024-03-01", on: str = "2024-05-20") -> Facts:
    """A hepatectomy is planned; bevacizumab was given last on `last`."""
    record = converting(drugs=("camrelizumab", "bevacizumab"), last=last)
    record.order("hepatectomy", on=on)
    return record


def violating() -> Facts:
    """Bevacizumab on 2024-04-28 and a hepatectomy planned on 2024-05-20: 22 days, below 28."""
    return before_surgery(last="2024-04-28")


def healthy() -> Facts:
    """No HCC, so nothing to say."""
    record = Facts()
    record.condition("38341003", "2020-01-01")
    return record
