"""A huge record keeps its own caller waiting and nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from adapter.service.app import EVALUATING
from adapter.service.hooks import HUGE
from tests.service.conftest import AS_OF, PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.test_process import serving

MANY = 60_000
LET_IN_SECONDS = 0.5
"""Time for the huge calls to arrive; evaluating them takes several times as long."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, "--open", "--as-of", AS_OF) as (address, _):
        yield address


def huge(chart: list[Json]) -> bytes:
    """A call with many values, of which each has to be read."""
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    code = {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]}
    values = [
        {"resourceType": "Observation", "id": f"v{n}", "status": "final", "code": code, "subject": subject,
         "effectiveDateTime": f"2023-{n % 12 + 1:02}-{n % 28 + 1:02}",
         "valueQuantity": {"value": n % 97 + 0.5, "unit": "U/L"}}
        for n in range(MANY)
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
    with ThreadPoolExecutor(2 * EVALUATING) as callers:
        calls = [callers.submit(call, large) for _ in range(2 * EVALUATING)]
        time.sleep(LET_IN_SECONDS)
        answered = call(small)
        waiting = sum(not one.done() for one in calls)
        assert [one.result() for one in calls] == [200] * len(calls)
    assert answered == 200 and waiting > EVALUATING
