"""Every kind of refusal on the routes of CDS Hooks: its status, an OperationOutcome, and nothing of the inside."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.broken import broken
from tests.service.callers import T1, app_in, token, write_clients
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in

FEEDBACK = f"{PATIENT_VIEW}/feedback"
JSON = {"Content-Type": "application/json"}
CODES = {
    400: "invalid", 403: "forbidden", 404: "not-found", 405: "not-supported", 412: "incomplete", 413: "too-long",
    415: "not-supported", 422: "processing", 503: "transient",
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Iterator[TestClient]:
    """A caller of an open site that takes 1 MiB."""
    settings = settings_in(tmp_path, HCC_BODY_LIMIT="1")
    site = Site(settings, PUBLIC, open=True, frozen=AS_OF)
    with TestClient(create_app(site), raise_server_exceptions=False) as caller:
        yield caller


def outcome(answer: Any, status: int) -> list[str]:
    """The texts of an OperationOutcome that says nothing of the inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    told = answer.json()
    assert told["resourceType"] == "OperationOutcome" and "cards" not in told
    for issue in told["issue"]:
        assert issue["severity"] == "error" and issue["code"] == CODES[status]
        assert issue["details"]["text"] and issue["diagnostics"]
    for word in ("Traceback", ".py", "adapter.", "sqlalchemy", "Error:", "site-packages"):
        assert word not in answer.text
    return [issue["diagnostics"] for issue in told["issue"]]


@pytest.mark.parametrize("path", [PATIENT_VIEW, FEEDBACK])
@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[]", b"null", b'"x"', b"5", b"\xff\xfe{}", b'{"a": 1e999}', b'{"a": NaN}', b"[" * 5000,
     b'{"a": "\\ud800"}', b"{}"],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_400(client: TestClient, path: str, body: bytes) -> None:
    """cds-1, cds-10, cds-26."""
    assert outcome(client.post(path, content=body, headers=JSON), 400)


@pytest.mark.parametrize("path", [PATIENT_VIEW, FEEDBACK])
@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", "json"])
def test_another_media_type_is_415(client: TestClient, path: str, media: str) -> None:
    """cds-26."""
    assert outcome(client.post(path, content=b"{}", headers={"Content-Type": media}), 415)


def test_a_compressed_body_is_415(client: TestClient) -> None:
    """cds-26: said as such, and not as broken JSON."""
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert outcome(client.post(PATIENT_VIEW, content=gzip.compress(b"{}"), headers=headers), 415)


@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "application/fhir+json", "APPLICATION/JSON"]
)
def test_every_name_of_json_is_taken(client: TestClient, charts: dict[str, list[Json]], media: str) -> None:
    """cds-1."""
    body = orjson.dumps(hook_request(charts["syn-01-eligible"]))
    assert client.post(PATIENT_VIEW, content=body, headers={"Content-Type": media}).status_code == 200


@pytest.mark.parametrize("path", [PATIENT_VIEW, FEEDBACK])
def test_a_body_beyond_the_limit_is_413(small: TestClient, path: str) -> None:
    """cds-26."""
    assert "HCC_BODY_LIMIT" in outcome(small.post(path, content=b" " * (1 << 20) + b"{}", headers=JSON), 413)[0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/cds-services/none", 404),
        ("POST", "/cds-services/none/feedback", 404),
        ("POST", f"{PATIENT_VIEW}/other", 404),
        ("GET", "/cds-services/a/b/c", 404),
        ("GET", PATIENT_VIEW, 405),
        ("GET", FEEDBACK, 405),
        ("POST", "/cds-services", 405),
        ("DELETE", PATIENT_VIEW, 405),
        ("PUT", FEEDBACK, 405),
        ("OPTIONS", PATIENT_VIEW, 405),
    ],
)
def test_what_is_not_there_is_404_and_another_method_405(
    client: TestClient, method: str, path: str, status: int
) -> None:
    """cds-10, cds-26."""
    answer = client.request(method, path, content=b"{}", headers=JSON)
    assert outcome(answer, status)
    assert status == 404 or answer.headers["allow"]


def test_data_that_cannot_be_had_and_data_that_cannot_be_used_are_412_and_422(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    """cds-19, cds-26: the missing key is named."""
    request = hook_request(charts["syn-01-eligible"])
    texts = outcome(client.post(PATIENT_VIEW, json={**request, "prefetch": {}}), 412)
    assert {text.split(":")[0] for text in texts} == {"patient", "conditions"}
    nobodys = [{"resource": {"resourceType": "Condition", "id": "c", "code": {"text": "x"}}}]
    nothing = dict.fromkeys(request["prefetch"])
    useless = {**nothing, "conditions": {"resourceType": "Bundle", "entry": nobodys}}
    assert outcome(client.post(PATIENT_VIEW, json={**request, "prefetch": useless}), 422)


def test_a_verified_caller_that_may_not_is_403(tmp_path: Path, charts: dict[str, list[Json]]) -> None:
    """cds-26."""
    write_clients(tmp_path)
    request = hook_request(charts["syn-01-eligible"])
    with app_in(tmp_path) as caller:
        other = token(PUBLIC + PATIENT_VIEW, iss="https://other.example.org")
        assert outcome(caller.post(PATIENT_VIEW, json=request, headers=other), 403)
        mine = token(PUBLIC + PATIENT_VIEW, **T1)
        elsewhere = {**request, "fhirServer": "https://elsewhere.example/fhir"}
        assert outcome(caller.post(PATIENT_VIEW, json=elsewhere, headers=mine), 403)
        theirs = token(PUBLIC + FEEDBACK, iss="https://other.example.org")
        assert outcome(caller.post(FEEDBACK, json={"feedback": []}, headers=theirs), 403)


def test_tokens_that_cannot_be_checked_are_503_with_the_time_to_come_back(tmp_path: Path) -> None:
    """cds-26, cds-41: nobody is let in without the store of jti, and nobody is called a forger for it."""
    write_clients(tmp_path)
    with app_in(tmp_path) as caller:
        assert caller.get("/cds-services", headers=token(**T1)).status_code == 200
        broken(Site(settings_in(tmp_path), PUBLIC))
        answer = caller.get("/cds-services", headers=token(**T1))
        assert outcome(answer, 503) and answer.headers["Retry-After"]
        assert caller.get("/cds-services", headers=token(tenant="t9")).status_code == 401


def test_an_error_says_nothing_that_the_caller_sent(client: TestClient, charts: dict[str, list[Json]]) -> None:
    """cds-3, cds-43: no echo of names, values or tokens."""
    request = hook_request(charts["syn-01-eligible"], hook="Zhang San", fhirAuthorization={"access_token": "s3cret"})
    answer = client.post(PATIENT_VIEW, json={**request, "Zhang San": 1})
    assert outcome(answer, 400) and "Zhang" not in answer.text and "s3cret" not in answer.text
