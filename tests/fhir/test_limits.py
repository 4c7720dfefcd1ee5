"""Limits of reading: until when, how many pages, how long waits add up, and which addresses and ids can be."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import responses

from adapter.errors import MissingError, RemoteError, UsageError
from adapter.fhir.client import FhirClient
from adapter.fhir.reading import SEARCHED, read_patient
from adapter.fhir.transport import Patience

BASE = "https://ehr.example.org/fhir"
PATIENT = {"resourceType": "Patient", "id": "p1"}


def endless(request: Any) -> tuple[int, dict[str, str], str]:
    page = int(request.params.get("page", 0)) + 1
    link = f'{{"relation":"next","url":"{BASE}/Observation?page={page}"}}'
    entry = f'{{"resource":{{"resourceType":"Observation","id":"o{page}"}}}}'
    return 200, {}, f'{{"resourceType":"Bundle","link":[{link}],"entry":[{entry}]}}'


@responses.activate
def test_pages_without_end_are_left_at_the_most_that_was_allowed() -> None:
    responses.add_callback(responses.GET, f"{BASE}/Observation", endless)
    found = FhirClient(BASE, most_pages=5).search("Observation")
    assert len(responses.calls) == 5 and len(found.resources) == 5
    assert found.incomplete is not None


@responses.activate
def test_after_the_deadline_nothing_is_asked() -> None:
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    with pytest.raises(RemoteError, match="time for reading is over"):
        FhirClient(BASE, patience=Patience(until=time.monotonic() - 1)).read("Patient", "p1")
    assert not responses.calls


@responses.activate
def test_a_search_that_is_stopped_gives_the_pages_that_it_had() -> None:
    stop = threading.Event()

    def stopping(request: Any) -> tuple[int, dict[str, str], str]:
        if "page=2" in request.url:
            stop.set()
        return endless(request)

    responses.add_callback(responses.GET, f"{BASE}/Observation", stopping)
    patience = Patience(until=time.monotonic() + 60, stopped=stop.is_set)
    found = FhirClient(BASE, patience=patience).search("Observation")
    assert len(responses.calls) == 3
    assert len(found.resources) == 2 and found.incomplete is not None


@responses.activate
def test_a_wait_that_the_server_asks_for_grows_by_a_tenth_at_most_and_not_from_try_to_try() -> None:
    for _ in range(4):
        responses.get(f"{BASE}/Patient/p1", status=429, headers={"Retry-After": "1"})
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    waits: list[float] = []
    FhirClient(BASE, patience=Patience(sleep=waits.append)).read("Patient", "p1")
    assert len(waits) == 4 and all(1 <= wait <= 1.1 for wait in waits)


@responses.activate
def test_an_exchange_is_given_up_when_its_waits_add_up_to_the_total() -> None:
    responses.get(f"{BASE}/Patient/p1", status=503, headers={"Retry-After": "0.1"})
    with pytest.raises(RemoteError):
        FhirClient(BASE, patience=Patience(total=0.05, first=0.1)).read("Patient", "p1")
    assert len(responses.calls) == 2


@pytest.mark.parametrize("base", ["http://a..b/", "http://[::1/", "http://", "http://x:99999", "http://a b/", "x", ""])
def test_an_address_that_no_server_can_have_is_a_usage_error(base: str) -> None:
    with pytest.raises(UsageError, match="address"):
        FhirClient(base)


@responses.activate
@pytest.mark.parametrize("identity", ["", ".", "..", "a/b", "x" * 65])
def test_an_id_that_cannot_be_is_missing_and_nothing_is_asked(identity: str) -> None:
    with pytest.raises(MissingError):
        FhirClient(BASE).read("Patient", identity)
    assert not responses.calls


@responses.activate
def test_a_next_link_that_is_no_address_leaves_the_search_incomplete() -> None:
    link = [{"relation": "next", "url": "http://[::1/"}]
    responses.get(f"{BASE}/Observation", json={"resourceType": "Bundle", "link": link})
    assert FhirClient(BASE).search("Observation").incomplete is not None


@responses.activate
def test_another_patient_than_asked_for_is_an_error() -> None:
    responses.get(f"{BASE}/Patient/p1", json={**PATIENT, "id": "p2"})
    with pytest.raises(RemoteError, match="another resource"):
        FhirClient(BASE).read("Patient", "p1")


@responses.activate
def test_only_other_patients_conditions_are_not_a_read_of_the_conditions() -> None:
    responses.get(f"{BASE}/Patient/p1", json=PATIENT)
    for kind in SEARCHED:
        responses.get(f"{BASE}/{kind}", json={"resourceType": "Bundle"})
    foreign = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p_2"}}
    responses.replace(
        responses.GET, f"{BASE}/Condition", json={"resourceType": "Bundle", "entry": [{"resource": foreign}]}
    )
    read = read_patient(FhirClient(BASE), "p1")
    assert not read.conditions_read and len(read.resources) == 1
