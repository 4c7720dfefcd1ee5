"""Values that no patient has, of which each is a number: the evaluation ends, and says what it says."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import pytest

from adapter.pipeline import evaluate_bundle
from adapter.sandbox.synthetic import synthetic_bundles

DAY = "2024-05-01"
EXTREMES = [1e300, -1e300, 1e-300, 0, -0.0, 1e28, 99999999999999999999999999.5]


def _with(bundle: dict[str, Any], value: float, comparator: str | None) -> dict[str, Any]:
    """The patient with every number of every Observation replaced."""
    changed = copy.deepcopy(bundle)
    for entry in changed["entry"]:
        quantity = entry["resource"].get("valueQuantity")
        if quantity is not None:
            quantity["value"] = value
            quantity.update({"comparator": comparator} if comparator else {})
    return changed


@pytest.mark.parametrize("comparator", [None, "<", ">="])
@pytest.mark.parametrize("value", EXTREMES)
def test_any_number_is_survived(value: float, comparator: str | None) -> None:
    for bundle in synthetic_bundles(date.fromisoformat(DAY)):
        text = json.dumps(_with(bundle, value, comparator)).encode()
        for edition in ("2024", "2021", "strictest"):
            (shown,) = evaluate_bundle(text, as_of=DAY, edition=edition)
            assert shown["findings"] or shown["phase"] in ("no-hcc", "deceased")


@pytest.mark.parametrize("value", EXTREMES)
def test_any_single_number_is_survived(value: float) -> None:
    bundle = synthetic_bundles(date.fromisoformat(DAY))[0]
    for entry in bundle["entry"]:
        quantity = entry["resource"].get("valueQuantity")
        if quantity is not None:
            kept, quantity["value"] = quantity["value"], value
            assert evaluate_bundle(json.dumps(bundle).encode(), as_of=DAY)[0]["findings"]
            quantity["value"] = kept
