"""Transactions and batches on the sandbox server."""

from __future__ import annotations

from typing import Any

from tests.sandbox.client import bundle, entry, get, ids, observation, patient, put, refused, send


def test_a_transaction_resolves_its_references_and_keeps_its_order(server: str) -> None:
    put(server, observation("old", "2023-01-01"))
    body = bundle(
        "transaction",
        entry("GET", "Observation?patient:missing=false&code=1834-1"),
        entry("PUT", "Observation/o1", observation("o1", "2024-01-05", subject={"reference": "urn:uuid:p"})),
        entry("POST", "Patient", patient(active=True), fullUrl="urn:uuid:p"),
        entry("DELETE", "Observation/old"),
    )
    answer = send(server, body)
    assert answer.status_code == 200, answer.text
    statuses = [e["response"]["status"][:3] for e in answer.json()["entry"]]
    assert statuses == ["200", "201", "201", "204"]
    created = answer.json()["entry"][2]["response"]["location"].split("/_history")[0]
    assert get(server, "Observation/o1").json()["subject"]["reference"] == created
    assert ids(answer.json()["entry"][0]["resource"]) == ["o1"]


def test_a_transaction_is_all_or_nothing_and_names_the_entry(server: str) -> None:
    bad = entry("PUT", "Patient/p2", patient("other"))
    answer = send(server, bundle("transaction", entry("PUT", "Patient/p1", patient("p1")), bad))
    refused(answer, 400)
    assert "entry[1]" in answer.json()["issue"][0]["diagnostics"]
    assert get(server, "_history").json()["total"] == 0
    stale = entry("PUT", "Patient/p1", patient("p1"), ifMatch='W/"4"')
    refused(send(server, bundle("transaction", entry("POST", "Patient", patient()), stale)), 412)
    twice = [entry("PUT", "Patient/p1", patient("p1")), entry("DELETE", "Patient/p1")]
    refused(send(server, bundle("transaction", *twice)), 400)
    assert get(server, "_history").json()["total"] == 0


def test_a_transaction_honours_conditions(server: str) -> None:
    who: dict[str, Any] = {"identifier": [{"system": "urn:test", "value": "a"}]}
    make = entry("POST", "Patient", patient(**who), ifNoneExist="identifier=urn:test|a", fullUrl="urn:uuid:p")
    use = entry("PUT", "Observation/o1", observation("o1", "2024-01-05", subject={"reference": "urn:uuid:p"}))
    by_query = observation("o2", "2024-01-06", subject={"reference": "Patient?identifier=urn:test|a"})
    first = send(server, bundle("transaction", make, use)).json()["entry"]
    second = send(server, bundle("transaction", make, use, entry("PUT", "Observation/o2", by_query))).json()["entry"]
    assert [e["response"]["status"][:3] for e in first + second] == ["201", "201", "200", "200", "201"]
    assert get(server, "Patient").json()["total"] == 1
    assert get(server, "Observation/o1/_history").json()["total"] == 1
    assert get(server, "Observation/o2").json()["subject"] == get(server, "Observation/o1").json()["subject"]
    upsert = entry("PUT", "Patient?identifier=urn:test|a", patient(**who, active=True))
    assert send(server, bundle("transaction", upsert)).json()["entry"][0]["response"]["status"].startswith("200")
    nobody = observation("o3", "2024-01-06", subject={"reference": "Patient?identifier=urn:test|z"})
    refused(send(server, bundle("transaction", entry("PUT", "Observation/o3", nobody))), 404)


def test_a_batch_carries_out_each_entry_for_itself(server: str) -> None:
    answer = send(
        server,
        bundle(
            "batch",
            entry("PUT", "Patient/p1", patient("p1")),
            entry("GET", "Patient/none"),
            {"resource": patient()},
            entry("GET", "Patient/p1"),
            entry("GET", "Patient/p1/_history"),
        ),
    ).json()
    assert answer["type"] == "batch-response"
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "404", "400", "200", "200"]
    assert answer["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert answer["entry"][3]["resource"]["id"] == "p1"
