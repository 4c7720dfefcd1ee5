"""The time of an answer, as far as it does not depend on the machine: with a full prefetch nobody else is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from starlette.testclient import TestClient

from tests.service.conftest import AS_OF, Json
from tests.service.ehr import SLOW, Ehr, running
from tests.service.test_checklist import HOOKS, answered, request_for
from tests.service.test_process import serving
from tests.service.test_request import AUTHORIZATION

LATE = "syn-05-bevacizumab-too-late"
GENEROUS = 0.5
"""Seconds: the order of time that CDS Hooks wants, dozens of times what is needed; how fast it is, tests/bench says."""
TRIES = 5


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service as a process of its own."""
    with serving(tmp_path_factory.mktemp("prompt"), "--open", "--as-of", AS_OF) as (found, _):
        yield found


@pytest.fixture
def stuck(charts: dict[str, list[Json]]) -> Iterator[Ehr]:
    """A FHIR server that keeps everybody waiting."""
    with running(charts[LATE]) as server:
        server.behave = dict.fromkeys({resource["resourceType"] for resource in server.chart}, SLOW)
        yield server


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_with_a_full_prefetch_nothing_is_read_though_it_could_be(
    client: TestClient, charts: dict[str, list[Json]], stuck: Ehr, service: str, hook: str
) -> None:
    """cds-20: a server that hangs holds up no call that needs nothing of it."""
    access: Json = {"fhirServer": stuck.base, "fhirAuthorization": AUTHORIZATION}
    request = request_for(hook, charts[LATE])
    assert answered(client, service, {**request, **access}) == answered(client, service, request)
    assert stuck.asked == []
    del request["prefetch"]["procedures"]
    answered(client, service, {**request, **access})
    assert [asked.partition("?")[0] for asked in stuck.asked] == ["Procedure"], "and what lacks is the only thing read"


@pytest.mark.parametrize(("service", "hook"), HOOKS.items())
def test_the_running_service_answers_in_the_order_of_500_ms(
    address: str, charts: dict[str, list[Json]], stuck: Ehr, service: str, hook: str
) -> None:
    """cds-20: the quickest of a few calls, so that what else the machine does is not measured."""
    request = {**request_for(hook, charts[LATE]), "fhirServer": stuck.base, "fhirAuthorization": AUTHORIZATION}
    taken = []
    for _ in range(TRIES):
        begun = time.monotonic()
        answer = requests.post(f"{address}/cds-services/{service}", json=request, timeout=30)
        taken.append(time.monotonic() - begun)
        assert answer.status_code == 200 and answer.json()["cards"]
    assert min(taken) < GENEROUS, taken
    assert stuck.asked == []
