"""A huge record keeps its own caller waiting and nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest
import requests

from adapter.service.hooks import HUGE
from adapter.service.places import COMPUTING
from tests.service.conftest import AS_OF, PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.test_process import serving

MANY = 24_000
LET_IN_SECONDS = 1.0
"""Time for the huge calls to arrive and take every place; to evaluate so many takes several times as long."""
LABS = {"1742-6": "U/L", "1920-8": "U/L", "1975-2": "mg/dL", "1751-7": "g/dL", "2160-0": "mg/dL", "718-7": "g/dL"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, "--open", "--as-of", AS_OF) as (address, _):
        yield address


def huge(chart: list[Json]) -> bytes:
    """A call with many values of which only the month is known, so that it is evaluated again and again."""
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    values = [
        {"resourceType": "Observation", "id": f"v{n}", "status": "final", "subject": subject,
         "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
         "effectiveDateTime": f"2023-{n % 12 + 1:02}", "valueQuantity": {"value": n % 97 + 0.5, "unit": unit}}
        for n, (code, unit) in zip(range(MANY), cycle(LABS.items()), strict=False)
    ]  # fmt: skip
    return json.dumps(hook_request([*chart, *values])).encode()


def test_an_ordinary_call_does_not_wait_for_huge_ones(service: str, charts: dict[str, list[Json]]) -> None:
    chart = charts["syn-05-bevacizumab-too-late"]
    large, small = huge(chart), json.dumps(hook_request(chart)).encode()
    assert len(large) > HUGE > len(small)

    def call(body: bytes) -> int:
        answer = requests.post(service + PATIENT_VIEW, body, headers={"Content-Type": "application/json"}, timeout=120)
        return answer.status_code

    assert call(small) == 200
    with ThreadPoolExecutor(COMPUTING + 1) as callers:
        calls = [callers.submit(call, large) for _ in range(COMPUTING + 1)]
        time.sleep(LET_IN_SECONDS)
        answered = call(small)
        done = sum(one.done() for one in calls)
        assert [one.result() for one in calls] == [200] * len(calls)
    assert answered == 200 and done == 0
