"""The deadline of hook calls: kept under load, with nothing asked of the FHIR server after the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.service.conftest import AS_OF, PATIENT_VIEW, Json, hook_request
from tests.service.ehr import SLOW, Ehr, running
from tests.service.test_process import serving
from tests.service.test_request import AUTHORIZATION

DEADLINE, BOUND = 3.0, 30
MANY = 40


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-05-bevacizumab-too-late"]


@pytest.fixture
def ehr(chart: list[Json]) -> Iterator[Ehr]:
    with running(chart) as server:
        yield server


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "hcc-adapter.toml").write_text(f'cds_deadline = "{DEADLINE:g}"\n', "utf-8")
    with serving(tmp_path, "--open", "--as-of", AS_OF) as (address, _):
        yield address


def unfetched(chart: list[Json], ehr: Ehr) -> Json:
    """A call for which everything has to be read."""
    return hook_request(chart, prefetch=None, fhirServer=ehr.base, fhirAuthorization=AUTHORIZATION)


def timed(service: str, request: Json) -> tuple[int, float]:
    started = time.monotonic()
    answer = requests.post(service + PATIENT_VIEW, json=request, timeout=30)
    if answer.status_code == 503:
        assert answer.headers["Retry-After"] and answer.json()["resourceType"] == "OperationOutcome"
    return answer.status_code, time.monotonic() - started


def test_many_calls_of_a_slow_server_are_answered_in_time_and_prefetched_ones_do_not_wait(
    service: str, chart: list[Json], ehr: Ehr
) -> None:
    ehr.behave = {"Patient": SLOW, "Condition": SLOW}
    assert timed(service, hook_request(chart))[0] == 200
    with ThreadPoolExecutor(MANY) as callers:
        calls = [callers.submit(timed, service, unfetched(chart, ehr)) for _ in range(MANY)]
        time.sleep(DEADLINE / 3)
        status, _ = timed(service, hook_request(chart))
        still_asking = sum(not one.done() for one in calls)
        answers = [one.result() for one in calls]
    assert status == 200 and still_asking > 0
    assert {status for status, _ in answers} <= {412, 503}
    assert max(seconds for _, seconds in answers) < BOUND


def test_pages_without_end_are_left_at_the_deadline_and_nothing_is_asked_after_the_answer(
    service: str, chart: list[Json], ehr: Ehr
) -> None:
    ehr.page = 0
    status, seconds = timed(service, unfetched(chart, ehr))
    asked = len(ehr.asked)
    assert seconds < BOUND and status in (200, 412)
    time.sleep(DEADLINE)
    assert len(ehr.asked) == asked
