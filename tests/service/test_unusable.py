"""What was given and cannot be used is never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ehr import Ehr, running
from tests.service.test_request import AUTHORIZATION


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-05-bevacizumab-too-late"]


@pytest.fixture
def ehr(chart: list[Json]) -> Iterator[Ehr]:
    with running(chart) as server:
        yield server


def hcc(chart: list[Json]) -> Json:
    return next(r for r in chart if r["resourceType"] == "Condition" and "hcc" in r["id"])


def bundle(*resources: Any) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}


def unfetched(chart: list[Json], ehr: Ehr) -> Json:
    return hook_request(chart, prefetch=None, fhirServer=ehr.base, fhirAuthorization=AUTHORIZATION)


@pytest.mark.parametrize("change", [{"code": "C22.0"}, {"verificationStatus": "unclear"}])
def test_an_only_condition_that_cannot_be_read_is_a_warning_that_names_it(
    client: TestClient, chart: list[Json], change: Json
) -> None:
    request = hook_request(chart)
    request["prefetch"]["conditions"] = bundle({**hcc(chart), **change})
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 200, answer.text
    (card,) = (c for c in answer.json()["cards"] if c["source"]["topic"]["code"] == "missing-data")
    assert card["indicator"] == "warning"
    assert f"Condition/{hcc(chart)['id']}" in card["detail"] and "correct" in card["detail"]


@pytest.mark.parametrize(
    "entries", [[None, 1], [{}], [{"resource": {"resourceType": "Foo", "id": "c"}}], {"a": 1}, "x"]
)
def test_conditions_of_which_no_entry_is_usable_are_412(client: TestClient, chart: list[Json], entries: object) -> None:
    request = hook_request(chart)
    request["prefetch"]["conditions"] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["diagnostics"].startswith("conditions:")


def test_an_unusable_entry_beside_usable_ones_is_a_stated_gap(client: TestClient, chart: list[Json]) -> None:
    request = hook_request(chart)
    request["prefetch"]["conditions"]["entry"].append(None)
    cards = client.post(PATIENT_VIEW, json=request).json()["cards"]
    assert any("- Condition: 1 entries of the Bundle cannot be read" in card["detail"] for card in cards)


def test_conditions_of_nobody_are_422(client: TestClient, chart: list[Json]) -> None:
    prefetch = {"patient": None, "conditions": bundle({k: v for k, v in hcc(chart).items() if k != "subject"})}
    answer = client.post(PATIENT_VIEW, json=hook_request(chart, prefetch=prefetch))
    assert answer.status_code == 422, answer.text


def test_another_patient_from_the_server_is_412(client: TestClient, chart: list[Json], ehr: Ehr) -> None:
    class Careless(Ehr):
        def answer(self, target: str, token: str | None) -> tuple[int, str, Any]:
            status, media, body = super().answer(target, token)
            return status, media, {**body, "id": "other"} if body.get("resourceType") == "Patient" else body

    ehr.__class__ = Careless
    answer = client.post(PATIENT_VIEW, json=unfetched(chart, ehr))
    assert answer.status_code == 412
    assert [issue["diagnostics"].split(":")[0] for issue in answer.json()["issue"]] == ["patient"]


def test_only_another_patients_conditions_from_the_server_are_412(
    client: TestClient, chart: list[Json], ehr: Ehr
) -> None:
    other = {**hcc(chart), "subject": {"reference": "Patient/other"}}
    ehr.chart = [*(r for r in chart if r["resourceType"] != "Condition"), other]
    answer = client.post(PATIENT_VIEW, json=unfetched(chart, ehr))
    assert answer.status_code == 412
    assert [issue["diagnostics"].split(":")[0] for issue in answer.json()["issue"]] == ["conditions"]


def test_another_patients_conditions_beside_ours_are_left_out_and_stated(
    client: TestClient, chart: list[Json], ehr: Ehr
) -> None:
    ehr.chart = [*chart, {**hcc(chart), "id": "c-other", "subject": {"reference": "Patient/other"}}]
    cards = client.post(PATIENT_VIEW, json=unfetched(chart, ehr)).json()["cards"]
    assert any("other patients" in card["detail"] for card in cards)
    assert "c-other" not in str(cards) and patient_id(chart)
