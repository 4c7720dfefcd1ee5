"""Searches on the sandbox server."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from adapter.sandbox.running import running_sandbox
from tests.sandbox.client import LOINC, found, get, ids, observation, patient, put, refused


def test_a_deleted_resource_is_410_leaves_searches_and_can_come_back(server: str) -> None:
    put(server, observation("o1", "2024-01-05"))
    gone = requests.delete(f"{server}/Observation/o1", timeout=10)
    assert gone.status_code == 204
    assert requests.delete(f"{server}/Observation/o1", timeout=10).status_code == 204
    refused(get(server, "Observation/o1"), 410)
    refused(get(server, "Observation/o1/_history/2"), 410)
    assert found(server, "Observation?patient=p1") == []
    methods = [e["request"]["method"] for e in get(server, "Observation/o1/_history").json()["entry"]]
    assert methods == ["DELETE", "PUT"]
    assert put(server, observation("o1", "2024-01-05")).status_code == 201
    assert get(server, "Observation/o1").json()["meta"]["versionId"] == "3"


def test_searches_find_by_token_reference_date_string_and_uri(server: str) -> None:
    put(server, patient("p1", name=[{"family": "Müller", "given": ["Li"]}], birthDate="1966-03-01"))
    put(server, observation("o1", "2024-01-05"))
    put(
        server, observation("o2", "2024-02", code="1742-6", category=[{"coding": [{"system": "urn:c", "code": "lab"}]}])
    )
    put(server, observation("o3", "2024-03-01T08:00:00+08:00", subject={"reference": "Patient/p2"}))
    assert found(server, "Observation?code=1742-6") == ["o2"]
    assert found(server, f"Observation?code={LOINC}|1834-1,{LOINC}|1742-6") == ["o1", "o2", "o3"]
    assert found(server, "Observation?code=urn:other|1742-6") == []
    assert found(server, "Observation?code:not=1742-6") == ["o1", "o3"]
    assert found(server, "Observation?category:missing=true") == ["o1", "o3"]
    for same in ("patient=p1", "patient=Patient/p1", "subject=Patient/p1", "subject:Patient=p1"):
        assert found(server, f"Observation?{same}") == ["o1", "o2"], same
    assert found(server, f"Observation?subject={server}/Patient/p1&code=1834-1") == ["o1"]
    assert found(server, "Patient?family=mull") == ["p1"]
    assert found(server, "Patient?name:exact=mull") == []
    assert found(server, "Patient?name:contains=LLER") == ["p1"]
    assert found(server, "Patient?birthdate=1966-03-01&_id=p1,p9") == ["p1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("date=2024-01-05", ["o1"]),
        ("date=2024", ["o1", "o2", "o3"]),
        ("date=2024-02-10", []),
        ("date=ge2024-02-10", ["o2", "o3"]),
        ("date=gt2024-02-29", ["o3"]),
        ("date=sa2024-01-31", ["o2", "o3"]),
        ("date=lt2024-02-01", ["o1"]),
        ("date=le2024-02-01", ["o1", "o2"]),
        ("date=eb2024-02-15", ["o1"]),
        ("date=ne2024-01-05", ["o2", "o3"]),
        ("date=ap2024-02-10", ["o2"]),
        ("date=ge2024-01-01&date=le2024-02-29", ["o1", "o2"]),
        ("date=2024-03-01T00:00:00Z", ["o3"]),
    ],
)
def test_dates_compare_as_intervals(filled: str, query: str, expected: list[str]) -> None:
    assert found(filled, f"Observation?{query}") == expected


@pytest.fixture(scope="module")
def filled() -> Any:
    """A server with three observations, one of them dated by a month."""
    with running_sandbox() as address:
        put(address, observation("o1", "2024-01-05"))
        put(address, observation("o2", "2024-02"))
        put(address, observation("o3", "2024-03-01T08:00:00+08:00"))
        yield address


def test_last_updated_compares_what_the_server_itself_wrote(server: str) -> None:
    put(server, patient("p1"))
    written = get(server, "Patient/p1").json()["meta"]["lastUpdated"]
    for prefix, expected in (("ge", ["p1"]), ("gt", []), ("lt", []), ("", ["p1"])):
        answer = requests.get(f"{server}/Patient", params={"_lastUpdated": prefix + written}, timeout=10)
        assert ids(answer.json()) == expected, prefix


def test_pages_hold_every_resource_once_although_others_are_written_between(server: str) -> None:
    for number in range(7):
        put(server, observation(f"o{number}", f"2024-01-0{number + 1}"))
    answer, seen = get(server, "Observation?_count=3&_sort=-date").json(), []
    assert answer["total"] == 7
    while True:
        seen += ids(answer)
        put(server, observation(f"a{len(seen)}", "2024-01-02"))
        links = {link["relation"]: link["url"] for link in answer["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith(f"{server}?")
        answer = requests.get(links["next"], timeout=10).json()
    assert seen == [f"o{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    refused(get(server.removesuffix("/fhir"), "fhir?_getpages=s999"), 410)


def test_count_zero_and_summary_count_tell_the_total_only(server: str) -> None:
    put(server, patient("p1"))
    for query in ("_count=0", "_summary=count"):
        answer = get(server, f"Patient?{query}").json()
        assert answer["total"] == 1 and "entry" not in answer
    assert "total" not in get(server, "Patient?_total=none").json()


def test_includes_follow_references_both_ways(server: str) -> None:
    put(server, patient("p1"))
    put(server, observation("o1", "2024-01-05"))
    answer = get(server, "Observation?_include=Observation:subject").json()
    assert (ids(answer), ids(answer, "include")) == (["o1"], ["p1"])
    answer = get(server, "Patient?_revinclude=Observation:patient").json()
    assert (ids(answer), ids(answer, "include"), answer["total"]) == (["p1"], ["o1"], 1)
    refused(get(server, "Patient?_revinclude=Observation:nothing"), 400)


def test_provenance_is_found_by_its_target(server: str) -> None:
    agent = [{"who": {"reference": "Device/d"}}]
    target = [{"reference": "CarePlan/c"}, {"reference": "Patient/p1"}]
    put(
        server,
        {"resourceType": "Provenance", "id": "v", "target": target, "recorded": "2024-01-05T00:00:00Z", "agent": agent},
    )
    for query in ("target=CarePlan/c", "patient=p1", "agent=Device/d", "recorded=2024-01-05"):
        assert found(server, f"Provenance?{query}") == ["v"], query
    assert found(server, "Provenance?target=CarePlan/x") == []


def test_an_unknown_parameter_is_400_unless_the_client_is_lenient(server: str) -> None:
    put(server, patient("p1"))
    refused(get(server, "Patient?nonsense=1"), 400)
    refused(get(server, "DetectedIssue?status=final"), 400)
    refused(get(server, "Patient?name:sounds=x"), 400)
    refused(get(server, "Observation?date=yesterday"), 400)
    refused(get(server, "Patient?_sort=nonsense"), 400)
    lenient = get(server, "Patient?nonsense=1&active:missing=true", Prefer="handling=lenient").json()
    assert ids(lenient) == ["p1"] and "nonsense" not in lenient["link"][0]["url"]
    assert ids_of_outcomes(lenient) == ["warning"]


def ids_of_outcomes(searchset: dict[str, Any]) -> list[str]:
    """The severities of the outcomes in a searchset."""
    entries = [e["resource"] for e in searchset["entry"] if e["search"]["mode"] == "outcome"]
    return [issue["severity"] for resource in entries for issue in resource["issue"]]


def test_search_by_post_reads_the_form_and_the_address(server: str) -> None:
    put(server, observation("o1", "2024-01-05"))
    put(server, observation("o2", "2024-01-06"))
    url = f"{server}/Observation/_search"
    answer = requests.post(f"{url}?patient=p1", data={"date": "ge2024-01-06"}, timeout=10)
    assert ids(answer.json()) == ["o2"]
    refused(requests.post(url, json={"patient": "p1"}, timeout=10), 415)


def test_ill_shaped_content_is_stored_as_it_is_and_does_not_break_searches(server: str) -> None:
    shapes: list[Any] = [
        None,
        5,
        "x",
        [],
        {},
        {"coding": 5},
        {"coding": [None]},
        {"coding": [{"code": 5, "system": {}}]},
    ]
    for number, shape in enumerate(shapes):
        ugly = observation(f"u{number}", "2024-01-05", category=[shape], focus=[shape], performer={"reference": shape})
        assert put(server, {**ugly, "effectivePeriod": {"start": shape}}).status_code == 201, shape
    assert len(found(server, "Observation?patient=p1&date=2024-01-05")) == len(shapes)
