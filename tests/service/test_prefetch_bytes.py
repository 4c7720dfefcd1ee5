"""A prefetch is read straight from the body: what is odd in its JSON loses nothing and spoils nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from adapter.service.sent import parse_call
from tests.service.conftest import PATIENT_VIEW, Json, hook_request
from tests.service.ordering import PATHS, SELECT, SIGN, drug, order_request, ordered, procedure, told

Charts = dict[str, list[Json]]
PATIENT = "syn-05-bevacizumab-too-late"
HEADERS = {"Content-Type": "application/json"}


def posted(client: TestClient, body: str) -> tuple[int, Json]:
    answer = client.post(PATIENT_VIEW, content=body.encode(), headers=HEADERS)
    return answer.status_code, answer.json()


@pytest.fixture
def request_(charts: dict[str, list[Json]]) -> Json:
    return hook_request(charts[PATIENT])


PLAIN = '"entry"'


def doubled(request: Json, key: str, before: bool = False) -> str:
    """The request with a second, empty list of entries in one Bundle: as for any reader, the last counts."""
    text = json.dumps({**request, "prefetch": {**request["prefetch"], key: "HERE"}})
    return text.replace('"HERE"', twice(request["prefetch"][key], before))


def twice(bundle: Json, before: bool) -> str:
    """A Bundle with another list of entries before or after its own."""
    text = json.dumps(bundle)
    return f"{{{PLAIN}: [], {text[1:]}" if before else f"{text[:-1]}, {PLAIN}: []}}"


@pytest.mark.parametrize("before", [False, True])
def test_a_bundle_with_two_lists_of_entries_is_no_empty_bundle(
    client: TestClient, request_: Json, before: bool
) -> None:
    status, told = posted(client, doubled(request_, "conditions", before))
    assert status == 412 and told["issue"][0]["diagnostics"].startswith("conditions: ")
    status, told = posted(client, doubled(request_, "observations", before))
    assert status == 200 and any("- Observation: what was sent cannot be read" in c["detail"] for c in told["cards"])


@pytest.mark.parametrize("before", [False, True])
def test_draft_orders_with_two_lists_of_entries_are_refused(client: TestClient, charts: Charts, before: bool) -> None:
    request = order_request(charts[PATIENT], [drug("bevacizumab")])
    orders = request["context"]["draftOrders"]
    request["context"]["draftOrders"] = "HERE"
    body = json.dumps(request).replace('"HERE"', twice(orders, before))
    answer = client.post(PATHS[SIGN], content=body, headers=HEADERS)
    assert answer.status_code == 400 and "context.draftOrders: Bundle.entry stands there twice" in answer.text


@pytest.mark.parametrize("spelt", [PLAIN, '"\\u0065ntry"', '"e\\u006Etry"'])
def test_one_list_of_entries_counts_however_its_key_is_spelt_and_whatever_else_says_the_word(
    client: TestClient, charts: Charts, spelt: str
) -> None:
    order = {**drug("bevacizumab"), "note": [{"text": "entry"}], "contained": [{"resourceType": "List", "entry": []}]}
    request = order_request(charts[PATIENT], [order])
    expected = ordered(client, request)
    body = json.dumps(request).replace(PLAIN, spelt)
    answer = client.post(PATHS[SIGN], content=body, headers=HEADERS)
    assert answer.json()["cards"] == expected and "interval.bevacizumab" in told(expected)


@pytest.mark.parametrize("orders", ['[{"entry": []}, {"entry": []}]', '["entry", "entry"]'])
def test_draft_orders_that_are_a_list_are_refused(client: TestClient, charts: Charts, orders: str) -> None:
    request = order_request(charts[PATIENT], [])
    request["context"]["draftOrders"] = "ORDERS"
    answer = client.post(PATHS[SIGN], content=json.dumps(request).replace('"ORDERS"', orders), headers=HEADERS)
    assert answer.status_code == 400 and "context.draftOrders" in answer.text


@pytest.mark.parametrize("hook", [SELECT, SIGN])
def test_a_call_with_orders_is_read_in_the_one_typed_pass(charts: Charts, hook: str) -> None:
    for chart in charts.values():
        orders = [drug("bevacizumab"), procedure("hepatectomy")]
        body = json.dumps(order_request(chart, orders, hook)).encode()
        sent = parse_call(body)["prefetch"]
        assert set(sent) >= {"patient", "observations"}
        assert [key for key, value in sent.items() if value is None or value.typed is None] == []


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
