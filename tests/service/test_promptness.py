"""The independence of an answer from a FHIR server that hangs: with a full prefetch nobody is asked or waited for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from starlette.testclient import TestClient

from tests.service.conftest import AS_OF, Json
from tests.service.ehr import HANG_SECONDS, SLOW, Ehr, running
from tests.service.test_checklist import HOOKS, answered, request_for
from tests.service.test_process import serving
from tests.service.test_request import AUTHORIZATION

LATE = "syn-05-bevacizumab-too-late"


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
def test_the_running_service_answers_a_full_prefetch_while_the_server_hangs(
    address: str, charts: dict[str, list[Json]], stuck: Ehr, service: str, hook: str
) -> None:
    """cds-20: how fast it is, tests/bench measures."""
    request = {**request_for(hook, charts[LATE]), "fhirServer": stuck.base, "fhirAuthorization": AUTHORIZATION}
    answer = requests.post(f"{address}/cds-services/{service}", json=request, timeout=HANG_SECONDS / 2)
    assert answer.status_code == 200 and answer.json()["cards"]
    assert stuck.asked == []
