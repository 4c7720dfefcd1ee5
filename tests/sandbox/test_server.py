"""Reads, writes, versions and errors of the sandbox server."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.client import FHIR, bundle, entry, get, observation, patient, put, refused, send


def test_metadata_says_r4_and_only_what_the_server_does(server: str) -> None:
    statement = get(server, "metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    types = {r["type"]: r for r in statement["rest"][0]["resource"]}
    assert {"Patient", "CarePlan", "DetectedIssue", "Provenance", "Account"} <= set(types)
    for kind in ("Observation", "DetectedIssue", "MedicationAdministration"):
        assert types[kind]["searchParam"]
        for parameter in types[kind]["searchParam"]:
            value = "2024-01-01" if parameter["type"] == "date" else "x"
            assert get(server, f"{kind}?{parameter['name']}={value}").status_code == 200, parameter
    assert "status" not in {p["name"] for p in types["DetectedIssue"]["searchParam"]}


def test_create_gives_id_version_and_location(server: str) -> None:
    answer = requests.post(f"{server}/Patient", json=patient("mine"), headers=FHIR, timeout=10)
    assert answer.status_code == 201
    stored = answer.json()
    assert stored["id"] != "mine"
    assert stored["meta"]["versionId"] == "1" and stored["meta"]["lastUpdated"]
    assert answer.headers["Location"] == f"{server}/Patient/{stored['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"' and answer.headers["Last-Modified"].endswith("GMT")
    assert get(server, f"Patient/{stored['id']}").json() == stored


def test_update_creates_under_the_given_id_and_the_same_content_makes_no_version(server: str) -> None:
    assert put(server, patient("p1", active=True)).status_code == 201
    again = put(server, patient("p1", active=True, meta={"versionId": "77"}))
    assert again.status_code == 200 and again.headers["ETag"] == 'W/"1"'
    changed = put(server, patient("p1", active=False))
    assert changed.status_code == 200 and changed.json()["meta"]["versionId"] == "2"
    assert get(server, "Patient/p1/_history/1").json()["active"] is True
    refused(get(server, "Patient/p1/_history/3"), 404)


def test_a_stale_if_match_is_412_and_writes_nothing(server: str) -> None:
    put(server, patient("p1", active=True))
    assert put(server, patient("p1", active=False), **{"If-Match": 'W/"1"'}).status_code == 200
    refused(put(server, patient("p1", gender="male"), **{"If-Match": 'W/"1"'}), 412)
    refused(put(server, patient("p2"), **{"If-Match": 'W/"1"'}), 412)
    assert get(server, "Patient/p1").json()["meta"]["versionId"] == "2"


def test_histories_are_newest_first_paged_and_limited_by_since(server: str) -> None:
    for active in (True, False):
        put(server, patient("p1", active=active))
    put(server, observation("o1", "2024-01-05"))
    assert get(server, "Patient/p1/_history").json()["total"] == 2
    assert get(server, "Observation/_history").json()["total"] == 1
    page = get(server, "_history?_count=2").json()
    assert page["total"] == 3 and page["entry"][0]["resource"]["id"] == "o1"
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    rest = requests.get(following, timeout=10).json()
    assert [e["resource"]["meta"]["versionId"] for e in rest["entry"]] == ["1"]
    assert not [link for link in rest["link"] if link["relation"] == "next"]
    since = get(server, "Observation/o1").json()["meta"]["lastUpdated"]
    recent = requests.get(f"{server}/_history", params={"_since": since}, timeout=10).json()
    assert "o1" in [e["resource"]["id"] for e in recent["entry"]]
    assert get(server, "_history?_since=2999-01-01T00:00:00Z").json()["total"] == 0
    refused(get(server, "Patient/never/_history"), 404)


def test_conditional_create_makes_one_answers_the_one_and_refuses_several(server: str) -> None:
    who: dict[str, Any] = {"identifier": [{"system": "urn:test", "value": "a"}]}
    headers = {**FHIR, "If-None-Exist": "identifier=urn:test|a"}
    first = requests.post(f"{server}/Patient", json=patient(**who), headers=headers, timeout=10)
    second = requests.post(f"{server}/Patient", json=patient(**who, active=True), headers=headers, timeout=10)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    put(server, patient("other", **who))
    refused(requests.post(f"{server}/Patient", json=patient(**who), headers=headers, timeout=10), 412)


def test_conditional_update_matches_none_one_or_refuses(server: str) -> None:
    def update(body: dict[str, Any], query: str) -> requests.Response:
        return requests.put(f"{server}/Patient?{query}", json=body, headers=FHIR, timeout=10)

    who: dict[str, Any] = {"identifier": [{"system": "urn:test", "value": "a"}]}
    assert update(patient(**who), "identifier=urn:test|a").status_code == 201
    again = update(patient(**who, gender="male"), "identifier=urn:test|a")
    assert again.status_code == 200 and again.json()["meta"]["versionId"] == "2"
    refused(update(patient("wrong", **who), "identifier=urn:test|a"), 400)
    refused(update(patient(**who), ""), 412)
    refused(update(patient(**who), "nonsense=1"), 400)
    assert update(patient("chosen", gender="female"), "gender=female").json()["id"] == "chosen"


def test_prefer_chooses_the_body_of_a_write(server: str) -> None:
    minimal = put(server, patient("p1"), Prefer="return=minimal")
    assert minimal.status_code == 201 and minimal.content == b"" and minimal.headers["ETag"]
    told = put(server, patient("p1"), Prefer="return=OperationOutcome")
    assert told.json()["resourceType"] == "OperationOutcome"


def test_every_error_is_an_operation_outcome(server: str) -> None:
    refused(get(server, "Patient/none"), 404)
    refused(get(server, "Nonsense"), 404)
    refused(get(server, "Patient/p1/$validate"), 404)
    refused(get(server, "Patient/p1/$everything"), 404)
    refused(requests.get(server.replace("/fhir", "/other"), timeout=10), 404)
    refused(requests.patch(f"{server}/Patient/p1", data=b"[]", timeout=10), 405)
    refused(requests.put(f"{server}/Patient/p1", data=b"{", headers=FHIR, timeout=10), 400)
    refused(requests.put(f"{server}/Patient/p1", data=b"\xff", headers=FHIR, timeout=10), 400)
    refused(requests.put(f"{server}/Patient/p1", json=[], timeout=10), 400)
    refused(requests.put(f"{server}/Patient/p_1", json=patient("p_1"), timeout=10), 400)
    refused(
        requests.put(f"{server}/Patient/p1", data="<x/>", headers={"Content-Type": "application/fhir+xml"}, timeout=10),
        415,
    )
    refused(get(server, "Patient", Accept="application/fhir+xml"), 406)
    refused(send(server, {"resourceType": "Bundle", "type": "collection"}), 400)
    refused(send(server, {"resourceType": "Bundle", "type": "transaction", "entry": [None]}), 400)
    refused(send(server, bundle("transaction", entry("POST", "Patient", patient(), fullUrl=5))), 400)
    refused(send(server, bundle("transaction", entry("POST", "Patient", patient(), ifNoneExist=[]))), 400)


@pytest.mark.parametrize("kind", ["application/json", "application/json+fhir", "application/fhir+json;charset=utf-8"])
def test_the_names_of_json_are_all_taken(server: str, kind: str) -> None:
    answer = requests.put(
        f"{server}/Patient/p1", data='{"resourceType":"Patient","id":"p1"}', headers={"Content-Type": kind}, timeout=10
    )
    assert answer.status_code == 201
    assert get(server, "Patient/p1", Accept=kind).status_code == 200
    assert get(server, "Patient/p1?_format=json&_pretty=true").text.startswith("{\n")


def test_every_origin_may_call_and_sees_errors_too(server: str) -> None:
    asked = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,if-match,prefer",
    }
    preflight = requests.options(f"{server}/Patient/p1", headers=asked, timeout=10)
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    for path in ("metadata", "Patient/none", "Nonsense"):
        answer = get(server, path, Origin="https://example.org")
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://example.org"), path
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


def test_a_known_version_is_not_sent_again(server: str) -> None:
    put(server, patient("p1"))
    answer = get(server, "Patient/p1", **{"If-None-Match": 'W/"1"'})
    assert answer.status_code == 304 and answer.content == b""
