"""Searches over pages: whole, or with a word on what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from adapter.errors import ConflictError, MissingError, RefusedError, RemoteError
from adapter.fhir.auth import FixedToken
from adapter.fhir.client import FhirClient
from adapter.fhir.paging import next_url
from adapter.fhir.transport import Patience

BASE = "https://ehr.example.org/fhir"
QUICK = Patience(retries=2, first=0, sleep=lambda _: None)


def client(**more: Any) -> FhirClient:
    return FhirClient(BASE, patience=QUICK, **more)


def observation(identity: str, version: str = "1") -> dict[str, Any]:
    return {"resource": {"resourceType": "Observation", "id": identity, "meta": {"versionId": version}}}


def outcome(severity: str, text: str = "") -> dict[str, Any]:
    issue = {"severity": severity, "code": "incomplete", "diagnostics": text}
    return {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}


def bundle(*entries: dict[str, Any], following: str | None = None, **more: Any) -> dict[str, Any]:
    links = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": list(entries), **more}


def ids(found: Any) -> list[str | None]:
    return [resource.id for resource in found.resources]


@responses.activate
def test_pages_are_followed_verbatim_and_each_resource_is_kept_once() -> None:
    second = f"{BASE}?_getpages=a%2Bb&_offset=2"
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), observation("2"), following=second))
    responses.get(second, json=bundle(observation("2"), observation("3")))
    found = client().search("Observation", [("patient", "p1")])
    assert ids(found) == ["1", "2", "3"]
    assert found.incomplete is None
    assert responses.calls[1].request.url == second


@responses.activate
def test_an_empty_page_may_have_a_next_one_and_a_relative_one_is_understood() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(following="Observation?page=2"))
    responses.get(f"{BASE}/Observation?page=2", json=bundle(observation("1")))
    assert ids(client().search("Observation")) == ["1"]


@responses.activate
def test_the_exact_bytes_of_each_resource_are_kept() -> None:
    text = '{"resourceType":"Observation","id":"1","valueQuantity":{"value":1.30}}'
    responses.get(f"{BASE}/Observation", body=f'{{"resourceType":"Bundle","entry":[{{"resource":{text}}}]}}')
    (found,) = client().search("Observation").resources
    assert found.body == text.encode()


@responses.activate
def test_a_page_that_leads_back_ends_the_search_as_incomplete() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=f"{BASE}/Observation"))
    found = client().search("Observation")
    assert ids(found) == ["1"]
    assert "already read" in str(found.incomplete)


@responses.activate
def test_a_next_page_on_our_host_behind_a_proxy_is_moved_to_our_address() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following="http://internal:8080/fhir?page=2"))
    responses.get(f"{BASE}?page=2", json=bundle(observation("2")))
    assert ids(client().search("Observation")) == ["1", "2"]


@responses.activate
def test_a_next_page_elsewhere_is_not_followed_and_the_set_is_incomplete() -> None:
    following = "https://evil.example.net/steal?page=2"
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=following))
    found = client(auth=FixedToken("secret")).search("Observation")
    assert "not trusted" in str(found.incomplete)
    assert len(responses.calls) == 1


@responses.activate
def test_a_trusted_host_gets_the_request_and_never_the_token() -> None:
    following = "https://pages.example.net/x?page=2"
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=following))
    responses.get(following, json=bundle(observation("2")))
    found = client(auth=FixedToken("secret"), trusted=["https://pages.example.net"]).search("Observation")
    assert ids(found) == ["1", "2"]
    assert responses.calls[0].request.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in responses.calls[1].request.headers


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://ehr.example.org:443/fhir?page=2", "https://ehr.example.org:443/fhir?page=2"),
        ("http://ehr.example.org/fhir/x?page=2", "https://ehr.example.org/fhir/x?page=2"),
        ("https://ehr.example.org:443:443/fhir?page=2", "https://ehr.example.org/fhir?page=2"),
        ("https://other.example.org/fhirother?page=2", None),
        ("ftp://ehr.example.org/fhir?page=2", None),
    ],
)
def test_a_next_link_is_moved_only_where_it_is_the_same_server(link: str, expected: str | None) -> None:
    assert next_url(link, f"{BASE}/Observation", BASE) == expected


@responses.activate
def test_an_expired_cursor_restarts_the_search_once() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=f"{BASE}?page=old"))
    responses.get(f"{BASE}?page=old", status=410)
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=f"{BASE}?page=new"))
    responses.get(f"{BASE}?page=new", json=bundle(observation("2")))
    found = client().search("Observation")
    assert (ids(found), found.incomplete) == (["1", "2"], None)


@responses.activate
def test_a_cursor_that_expires_again_leaves_an_incomplete_set() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=f"{BASE}?page=old"))
    responses.get(f"{BASE}?page=old", status=410)
    found = client().search("Observation")
    assert ids(found) == ["1"]
    assert "expired twice" in str(found.incomplete)


@responses.activate
@pytest.mark.parametrize(("severity", "whole"), [("information", True), ("warning", False), ("error", False)])
def test_an_outcome_among_the_results_is_no_result_and_may_mean_that_some_are_missing(
    severity: str, whole: bool
) -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), outcome(severity)))
    found = client().search("Observation")
    assert ids(found) == ["1"]
    assert (found.incomplete is None) is whole


@responses.activate
def test_fewer_resources_than_the_server_counts_are_incomplete() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), total=3))
    assert client().search("Observation").incomplete == "the server counts 3 and gave 1"


@responses.activate
def test_a_page_that_fails_later_leaves_what_is_there_and_says_so() -> None:
    responses.get(f"{BASE}/Observation", json=bundle(observation("1"), following=f"{BASE}?page=2"))
    responses.get(f"{BASE}?page=2", status=500)
    found = client().search("Observation")
    assert ids(found) == ["1"]
    assert "further page" in str(found.incomplete)


@responses.activate
@pytest.mark.parametrize("body", ["", "<html>login</html>", "[]", '{"resourceType":"Patient"}', "[" * 200_000])
def test_an_answer_that_is_no_bundle_is_one_clear_error(body: str) -> None:
    responses.get(f"{BASE}/Observation", body=body)
    with pytest.raises(RemoteError) as caught:
        client().search("Observation")
    assert "\n" not in str(caught.value)


@responses.activate
def test_entries_that_are_no_resources_are_kept_for_the_reader_to_reject() -> None:
    entries = [None, 7, {"resource": {"id": 5}}, observation("1")]
    responses.get(f"{BASE}/Observation", json={"resourceType": "Bundle", "entry": entries})
    found = client().search("Observation").resources
    assert [resource.id for resource in found] == [None, None, None, "1"]


@responses.activate
def test_every_search_asks_for_fresh_and_strict_answers() -> None:
    responses.get(f"{BASE}/Observation", json=bundle())
    client().search("Observation", [("patient", "p1"), ("code", "a,b")])
    request = responses.calls[0].request
    assert request.headers["Cache-Control"] == "no-cache"
    assert request.headers["Prefer"] == "handling=strict"
    assert request.url == f"{BASE}/Observation?patient=p1&code=a%2Cb"


@responses.activate
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, RefusedError), (403, RefusedError), (404, MissingError), (410, MissingError), (409, ConflictError),
     (412, ConflictError), (400, RemoteError), (422, RemoteError), (500, RemoteError), (302, RemoteError)],
)  # fmt: skip
def test_a_status_becomes_an_error_of_ours_without_a_word_of_the_patient(status: int, kind: type[RemoteError]) -> None:
    issue = {"severity": "error", "code": "processing", "diagnostics": "HAPI-0989: Wang Xiaoming 王小明 born 1960"}
    headers = {"Location": "https://elsewhere.example.org/"}
    body = {"resourceType": "OperationOutcome", "issue": [issue]}
    responses.get(f"{BASE}/Patient/p1", json=body, status=status, headers=headers)
    with pytest.raises(kind) as caught:
        client().read("Patient", "p1")
    assert caught.value.status == status
    assert "Wang" not in str(caught.value) and "王" not in str(caught.value) and "1960" not in str(caught.value)
    if status >= 400:
        assert "HAPI-0989" in str(caught.value)
    assert len(responses.calls) == (3 if status == 500 else 1)


@responses.activate
@pytest.mark.parametrize("url", ["", 5, None, {}])
def test_a_next_link_without_an_address_leaves_the_set_incomplete(url: Any) -> None:
    whole = bundle(observation("1"), link=[{"relation": "next", "url": url}])
    responses.get(f"{BASE}/Observation", json=whole)
    found = client().search("Observation")
    assert ids(found) == ["1"]
    assert found.incomplete is not None
