"""A prefetch is read straight from the body: what is odd in its JSON loses nothing and spoils nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import PATIENT_VIEW, Json, hook_request

PATIENT = "syn-05-bevacizumab-too-late"
HEADERS = {"Content-Type": "application/json"}


def posted(client: TestClient, body: str) -> tuple[int, Json]:
    answer = client.post(PATIENT_VIEW, content=body.encode(), headers=HEADERS)
    return answer.status_code, answer.json()


@pytest.fixture
def request_(charts: dict[str, list[Json]]) -> Json:
    return hook_request(charts[PATIENT])


def doubled(request: Json, key: str) -> str:
    """The request with a second, empty list of entries in one Bundle: as for any reader, the last counts."""
    text = json.dumps({**request, "prefetch": {**request["prefetch"], key: "HERE"}})
    bundle = json.dumps(request["prefetch"][key])
    return text.replace('"HERE"', bundle[:-1] + ', "entry": []}')


def test_a_bundle_with_two_lists_of_entries_is_no_empty_bundle(client: TestClient, request_: Json) -> None:
    status, told = posted(client, doubled(request_, "conditions"))
    assert status == 412 and told["issue"][0]["diagnostics"].startswith("conditions: ")
    status, told = posted(client, doubled(request_, "observations"))
    assert status == 200 and any("- Observation: " in card["detail"] for card in told["cards"])


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(valueQuantity="much"),
        lambda r: r.update(status=["final", "amended"]),
        lambda r: r.update(id=17),
    ],
    ids=["wrong type", "list", "number as id"],
)
def test_one_odd_resource_does_not_spoil_the_rest(
    client: TestClient, request_: Json, change: Callable[[Json], None]
) -> None:
    _, before = posted(client, json.dumps(request_))
    odd = {"resourceType": "Observation", "id": "odd", "status": "final", "code": {"text": "?"}}
    odd["subject"] = {"reference": f"Patient/{request_['context']['patientId']}"}
    change(odd)
    request_["prefetch"]["observations"]["entry"].append({"resource": odd})
    status, after = posted(client, json.dumps(request_))
    assert status == 200
    grave = [card["uuid"] for card in before["cards"] if card["indicator"] != "info"]
    assert grave and grave == [card["uuid"] for card in after["cards"] if card["indicator"] != "info"]


def test_entries_without_a_resource_are_not_an_empty_result(client: TestClient, request_: Json) -> None:
    request_["prefetch"]["conditions"] = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [{"response": {"status": "404"}}],
    }
    status, told = posted(client, json.dumps(request_))
    assert status == 412 and told["issue"][0]["diagnostics"].startswith("conditions: ")


def test_the_same_resource_under_two_keys_counts_once(client: TestClient, request_: Json) -> None:
    _, before = posted(client, json.dumps(request_))
    patient = request_["prefetch"]["patient"]
    observations = request_["prefetch"]["observations"]["entry"]
    observations += [dict(observations[0]), {"resource": patient, "search": {"mode": "include"}}]
    assert posted(client, json.dumps(request_)) == (200, before)


def test_text_beyond_ascii_and_a_byte_order_mark_change_nothing(client: TestClient, request_: Json) -> None:
    _, before = posted(client, json.dumps(request_))
    request_["prefetch"]["patient"]["name"] = [{"text": "张三"}]
    assert posted(client, json.dumps(request_, ensure_ascii=False)) == (200, before)
    assert posted(client, "\ufeff" + json.dumps(request_, ensure_ascii=False)) == (200, before)


def test_bytes_that_are_no_utf_8_are_refused(client: TestClient, request_: Json) -> None:
    body = json.dumps(request_).encode().replace(b'"prefetch"', b'"note": "\xff", "prefetch"')
    answer = client.post(PATIENT_VIEW, content=body, headers=HEADERS)
    assert answer.status_code == 400 and "UTF-8" in answer.text
