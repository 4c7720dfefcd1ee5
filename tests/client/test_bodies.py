"""Bodies that are right, odd, wrong or hostile."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.client import cds, reading
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.process import Service
from tests.client.records import healthy, violating
from tests.client.search import Json


@pytest.fixture
def good(ehr: Ehr, fake: FakeFHIR) -> Json:
    """A complete call about somebody of whom there is nothing to say."""
    return ehr.full(VIEW, healthy(), fake)


MALFORMED = {
    "empty": "",
    "cut": "{",
    "trailing comma": '{"hook": "patient-view",}',
    "comment": '{"hook": "patient-view" /* c */}',
    "text": "not json",
    "quotes": "'hook'",
    "NaN": '{"hook": NaN}',
    "nul": "\x00",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_400(ehr: Ehr, text: str) -> None:
    """cds-1: no comments, no trailing commas."""
    reading.refused(ehr.post(VIEW, text))


@pytest.mark.parametrize("value", [None, [], "text", 7, True, [{}]], ids=repr)
def test_a_body_that_is_no_object_is_400(ehr: Ehr, value: Any) -> None:
    """cds-10."""
    reading.refused(ehr.post(VIEW, json.dumps(value)))


def test_a_body_that_is_not_utf8_is_400(ehr: Ehr, good: Json) -> None:
    """cds-1."""
    lone = json.dumps(good).replace("Practitioner/example", "Practitioner/\udcff").encode("utf-8", "surrogatepass")
    for raw in (json.dumps(good).encode("utf-16"), lone, b'{"hook": "\xff\xfe"}'):
        assert 400 <= ehr.post(VIEW, raw).status_code < 500


def test_deep_nesting_is_no_crash(ehr: Ehr, good: Json) -> None:
    """cds-26: a fault of the caller, never one of the service."""
    for raw in ("[" * 100_000 + "]" * 100_000, '{"hook":' * 50_000 + "1" + "}" * 50_000):
        assert 400 <= ehr.post(VIEW, raw).status_code < 500
    deep = '"extension": ' + '{"a.b":' * 3000 + "1" + "}" * 3000
    assert ehr.post(VIEW, json.dumps(good).replace('"hook":', f'{deep}, "hook":', 1)).status_code < 500


def test_huge_numbers_are_no_crash(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-26: a number beyond a double spoils its resource, not the service."""
    body = json.dumps(ehr.full(VIEW, violating(), fake))
    assert '"value": 30,' in body
    assert ehr.post(VIEW, body.replace('"value": 30,', '"value": 1e400,')).status_code < 500


def test_chinese_and_emoji_survive(ehr: Ehr, good: Json) -> None:
    """cds-1."""
    good["context"]["extension"] = {"org.example": "肝细胞癌 🏥"}
    assert ehr.post(VIEW, json.dumps(good, ensure_ascii=False).encode()).status_code == 200


def test_unknown_members_do_not_break_and_are_not_echoed(ehr: Ehr, good: Json) -> None:
    """cds-3."""
    good["brandNew"] = {"x": ["ECHO-ME-NOT"]}
    good["context"]["other"] = "ECHO-ME-NOT"
    response = ehr.post(VIEW, good)
    assert response.status_code == 200 and "ECHO-ME-NOT" not in response.text


def test_extension_objects_are_allowed_in_the_request(ehr: Ehr, good: Json) -> None:
    """cds-4."""
    assert ehr.post(VIEW, {**good, "extension": {"org.example.flag": {"on": True}}}).status_code == 200


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("service", [VIEW, SELECT, SIGN])
def test_each_required_field_is_missed(ehr: Ehr, fake: FakeFHIR, service: str, field: str) -> None:
    """cds-10."""
    body = ehr.full(service, healthy(), fake)
    del body[field]
    reading.refused(ehr.post(service, body))


WRONG: list[tuple[str, Any]] = [
    ("hook", 5), ("hook", ["patient-view"]), ("hookInstance", 7), ("hookInstance", None), ("context", "p1"),
    ("context", []), ("prefetch", "text"), ("prefetch", [1]), ("fhirServer", 5), ("fhirAuthorization", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: repr(value)[:14])
def test_a_field_of_the_wrong_type_is_refused(ehr: Ehr, good: Json, field: str, value: Any) -> None:
    """cds-10."""
    assert 400 <= ehr.post(VIEW, {**good, field: value}).status_code < 500


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_what_is_not_json_is_415(ehr: Ehr, good: Json, kind: str) -> None:
    """cds-1."""
    assert ehr.post(VIEW, json.dumps(good), {"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"]
)
def test_json_is_taken_however_it_is_spelled(ehr: Ehr, good: Json, kind: str) -> None:
    """cds-1."""
    assert ehr.post(VIEW, json.dumps(good), {"Content-Type": kind}).status_code == 200


def test_a_body_of_two_megabytes_is_answered_in_full_or_413(ehr: Ehr, fake: FakeFHIR) -> None:
    record = violating()
    for number in range(6000):
        record.lab("afp", f"2023-0{1 + number % 9}-1{number % 9}", 3 + number % 7)
    body = json.dumps(ehr.full(VIEW, record, fake))
    assert len(body) > 1_000_000
    response = ehr.post(VIEW, body)
    assert response.status_code in (200, 413), response.status_code
    assert response.status_code == 413 or reading.critical(response.json()["cards"])


def head(service: Service, length: int) -> bytes:
    lines = f"Host: {service.url[7:]}\r\nContent-Type: application/json\r\nContent-Length: {length}"
    return f"POST /cds-services/{VIEW} HTTP/1.1\r\n{lines}\r\n\r\n".encode()


def test_an_endless_body_is_413_or_cut(open_service: Service) -> None:
    """A body announced with 100 GB is not read to its end."""
    with socket.create_connection(("127.0.0.1", open_service.port), timeout=cds.BOUND) as caller:
        caller.sendall(head(open_service, 10**11))
        try:
            for _ in range(64):
                caller.sendall(b" " * 1_000_000)
            answer = caller.recv(400)
        except (BrokenPipeError, ConnectionResetError):
            return
    first = answer.split(b"\r\n")[0]
    assert answer == b"" or b" 413 " in first or b" 400 " in first, first


def test_a_connection_that_is_cut_harms_nobody(open_service: Service, ehr: Ehr, good: Json) -> None:
    with socket.create_connection(("127.0.0.1", open_service.port), timeout=cds.BOUND) as caller:
        caller.sendall(head(open_service, 5000) + b"{")
    assert ehr.post(VIEW, good).status_code == 200


def test_an_unknown_service_is_404(ehr: Ehr, good: Json) -> None:
    """cds-10."""
    for name in ("no-such-service", "hcc-conversion", VIEW.upper()):
        reading.refused(ehr.post(name, good), 404)


@pytest.mark.parametrize(
    "hook", ["order-select", "encounter-start", "nonsense", "org.example.tumor-board-review", "PATIENT-VIEW", ""]
)
def test_a_hook_that_the_id_does_not_advertise_is_400(ehr: Ehr, good: Json, hook: str) -> None:
    """cds-50: the public sandbox does post order-select to the service of patient-view."""
    reading.refused(ehr.post(VIEW, {**good, "hook": hook}))


def test_no_other_method_than_post_calls_a_service(ehr: Ehr, good: Json) -> None:
    """cds-10."""
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert 400 <= cds.http(method, f"{ehr.url}/cds-services/{VIEW}", json=good).status_code < 500
