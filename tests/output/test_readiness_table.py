"""The table of readiness.yaml is checked against what the findings read, and a wrong row is named."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import yaml

from adapter.errors import TableError
from adapter.output.readiness_needs import read_weights, weights

SHIPPED: dict[str, Any] = yaml.safe_load((files("adapter.output") / "readiness.yaml").read_bytes())
FAULTS = [
    ({"occasional": [*SHIPPED["occasional"], "aft"]}, "aft is no input there"),
    ({"expected": ["hcc", "nothing"]}, "nothing is no input there"),
    ({"either": [*SHIPPED["either"], ["afp", "aft"]]}, "aft is no input there"),
    ({"either": [*SHIPPED["either"], ["afp", "inr"]]}, "an alternative stands in two rows"),
    ({"either": ["afp"]}, "Expected `array`"),
    ({"refines": {"markers.afp": ["inr"]}}, "inr is no input there"),
    ({"refines": {"markers.apf": ["afp"]}}, "afp is no input there"),
    ({"rare": ["afp"]}, "unknown field `rare`"),
]


def test_the_shipped_table_holds() -> None:
    assert read_weights(yaml.safe_dump(SHIPPED).encode()) == weights()


@pytest.mark.parametrize(("rows", "told"), FAULTS)
def test_a_wrong_row_is_an_error_that_names_it_and_what_to_do(rows: dict[str, Any], told: str) -> None:
    with pytest.raises(TableError) as error:
        read_weights(yaml.safe_dump({**SHIPPED, **rows}).encode())
    said = str(error.value)
    assert said.startswith("readiness.yaml: ") and told in said and said.endswith("; correct the file")


@pytest.mark.parametrize("content", [b"either: [", b"- a list", b"", b"either: \xff"])
def test_what_is_no_such_table_at_all_is_one_line(content: bytes) -> None:
    with pytest.raises(TableError) as error:
        read_weights(content)
    assert str(error.value).startswith("readiness.yaml: ") and "\n" not in str(error.value)
