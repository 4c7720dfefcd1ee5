"""Several workers that share one state database: no token twice, no report twice, each card counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from adapter.state import open_state
from tests.service.callers import T1, token, write_clients
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request
from tests.service.test_feedback import ACCEPTED, OVERRIDDEN
from tests.service.test_process import serving

TIMES = 12


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def services(tmp_path: Path, state: str) -> Iterator[list[str]]:
    """Two services of two workers each, with one state database."""
    shared = {"HCC_CLIENTS": str(write_clients(tmp_path)), "HCC_STATE": state, "HCC_PUBLIC_URL": PUBLIC}
    with ExitStack() as stack:
        started = [
            stack.enter_context(serving(tmp_path, "--as-of", AS_OF, "--workers", "2", **shared)) for _ in range(2)
        ]
        yield [address for address, _ in started]


def discovered(address: str, headers: dict[str, str]) -> int:
    return requests.get(f"{address}/cds-services", headers=headers, timeout=30).status_code


def given(address: str, report: Json) -> int:
    headers = token(f"{PUBLIC}{PATIENT_VIEW}/feedback", **T1)
    url = f"{address}{PATIENT_VIEW}/feedback"
    answer = requests.post(url, json={"feedback": [report]}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    stored: int = answer.json()["stored"]
    return stored


def test_workers_refuse_each_others_tokens_keep_reports_once_and_count_together(
    services: list[str], state: str, charts: dict[str, list[Json]]
) -> None:
    """cds-32, cds-41: the stores are shared by all workers of all processes, one after the other and at once."""
    used = token(**T1)
    assert [discovered(address, used) for address in (*services, *services)] == [200, 401, 401, 401]
    at_once = [services[number % 2] for number in range(TIMES)]
    with ThreadPoolExecutor(TIMES) as callers:
        fresh = token(**T1)
        assert sorted(callers.map(lambda address: discovered(address, fresh), at_once)) == [200] + [401] * (TIMES - 1)
        for report in (ACCEPTED, OVERRIDDEN):
            assert sorted(callers.map(given, at_once, [report] * TIMES)) == [0] * (TIMES - 1) + [1]
        shown = list(callers.map(called, at_once, [charts["syn-05-bevacizumab-too-late"]] * TIMES))
    assert all(cards == shown[0] for cards in shown) and shown[0]
    assert given(services[0], {**OVERRIDDEN, "card": shown[0][0]["uuid"]}) == 1
    assert called(services[1], charts["syn-05-bevacizumab-too-late"]) == shown[0][1:]


def called(address: str, chart: list[Json]) -> list[Json]:
    headers = token(f"{PUBLIC}{PATIENT_VIEW}", **T1)
    answer = requests.post(f"{address}{PATIENT_VIEW}", json=hook_request(chart), headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    cards: list[Json] = answer.json()["cards"]
    return cards


def test_nothing_that_was_counted_is_lost_when_the_workers_end(
    tmp_path: Path, state: str, charts: dict[str, list[Json]]
) -> None:
    with serving(tmp_path, "--open", "--as-of", AS_OF, "--workers", "2", HCC_STATE=state) as (address, _):
        request = hook_request(charts["syn-05-bevacizumab-too-late"])
        with ThreadPoolExecutor(4) as callers:
            answers = list(
                callers.map(lambda _: requests.post(address + PATIENT_VIEW, json=request, timeout=30), range(8))
            )
    cards = answers[0].json()["cards"]
    with open_state(state) as memory:
        counted = memory.shown.counted()
    assert {one.card for one in counted} == {card["uuid"] for card in cards}
    assert set(counted.values()) == {8}


def test_the_log_of_a_service_with_tokens_says_nothing_of_them(tmp_path: Path, state: str) -> None:
    """cds-43."""
    clients = str(write_clients(tmp_path))
    used = token(**T1)
    with serving(tmp_path, HCC_CLIENTS=clients, HCC_STATE=state, HCC_PUBLIC_URL=PUBLIC) as (address, lines):
        assert [discovered(address, used) for _ in range(2)] == [200, 401]
    said = "".join(lines)
    assert "refused a token: jti was used before" in said
    assert not any(part in said for part in used["Authorization"].removeprefix("Bearer ").split("."))
