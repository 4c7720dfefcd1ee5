"""One patient read from a server, with everything that may go wrong for one type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from adapter.errors import MissingError, RefusedError, RemoteError
from adapter.fhir.client import FhirClient
from adapter.fhir.patients import every_patient, find_patients
from adapter.fhir.reading import SEARCHED, read_patient
from adapter.fhir.transport import Patience
from adapter.sandbox.running import running_sandbox

BASE = "https://ehr.example.org/fhir"
EMPTY = {"resourceType": "Bundle", "type": "searchset"}


def client(base: str = BASE) -> FhirClient:
    return FhirClient(base, patience=Patience(retries=0))


def searchset(*resources: dict[str, Any]) -> dict[str, Any]:
    return {**EMPTY, "entry": [{"resource": resource} for resource in resources]}


def of(kind: str, identity: str, patient: str = "p1", **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": identity, "subject": {"reference": f"Patient/{patient}"}, **more}


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    """A server with patient p1 and nothing else; a test adds to it."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{BASE}/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        for kind in SEARCHED:
            mock.get(f"{BASE}/{kind}", json=EMPTY)
        yield mock


def test_a_type_that_fails_is_named_and_spoils_no_other(server: responses.RequestsMock) -> None:
    server.replace("GET", f"{BASE}/MedicationDispense", status=500)
    server.replace("GET", f"{BASE}/Condition", json=searchset(of("Condition", "c1")))
    read = read_patient(client(), "p1")
    assert [kind for kind, _ in read.incomplete] == ["MedicationDispense"]
    assert "500" in read.incomplete[0][1]
    assert [r.reference for r in read.resources] == ["Patient/p1", "Condition/c1"]
    assert read.conditions_read


def test_conditions_that_were_not_had_in_full_do_not_count_as_read(server: responses.RequestsMock) -> None:
    server.replace("GET", f"{BASE}/Condition", status=403)
    assert not read_patient(client(), "p1").conditions_read


def test_resources_of_another_patient_never_come_along(server: responses.RequestsMock) -> None:
    mine = of("Observation", "o1", subject={"reference": f"{BASE}/Patient/p1"})
    unnamed = {"resourceType": "Observation", "id": "o3"}
    server.replace("GET", f"{BASE}/Observation", json=searchset(mine, of("Observation", "o2", "p2"), unnamed))
    booked = {"resourceType": "Appointment", "id": "a1", "participant": [{"actor": {"reference": "Patient/p2"}}]}
    server.replace("GET", f"{BASE}/Appointment", json=searchset(booked))
    read = read_patient(client(), "p1")
    assert [r.id for r in read.resources] == ["p1", "o1", "o3"]


def test_medications_and_lesions_are_read_by_reference_once(server: responses.RequestsMock) -> None:
    pointed: dict[str, Any] = {"medicationReference": {"reference": "Medication/m1"}}
    doses = [of("MedicationAdministration", f"d{n}", **pointed) for n in range(3)]
    elsewhere = of("MedicationAdministration", "d9", medicationReference={"reference": "https://x.org/Medication/m2"})
    server.replace("GET", f"{BASE}/MedicationAdministration", json=searchset(*doses, elsewhere))
    sized = of("Observation", "o1", focus=[{"reference": f"{BASE}/BodyStructure/b1"}, {"reference": "#inside"}])
    server.replace("GET", f"{BASE}/Observation", json=searchset(sized))
    server.get(f"{BASE}/Medication/m1", json={"resourceType": "Medication", "id": "m1"})
    server.get(f"{BASE}/BodyStructure/b1", json={"resourceType": "BodyStructure", "id": "b1"})
    read = read_patient(client(), "p1")
    assert {"Medication/m1", "BodyStructure/b1"} <= set(read.versions)
    assert sum("Medication/m1" in str(call.request.url) for call in server.calls) == 1
    assert read.incomplete == ()


def test_a_reference_that_leads_nowhere_is_no_gap_and_one_that_fails_is(server: responses.RequestsMock) -> None:
    doses = [of("MedicationStatement", n, medicationReference={"reference": f"Medication/{n}"}) for n in ("a", "b")]
    server.replace("GET", f"{BASE}/MedicationStatement", json=searchset(*doses))
    server.get(f"{BASE}/Medication/a", status=404)
    server.get(f"{BASE}/Medication/b", status=500)
    assert [kind for kind, _ in read_patient(client(), "p1").incomplete] == ["Medication"]


def test_a_server_that_wants_a_category_is_asked_by_category(server: responses.RequestsMock) -> None:
    server.remove("GET", f"{BASE}/Observation")

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked: Any = request.params  # type: ignore[attr-defined]
        if "category" not in asked:
            return 400, {}, '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required"}]}'
        identity = asked["category"]
        return 200, {}, json.dumps(searchset(of("Observation", identity)))

    server.add_callback("GET", f"{BASE}/Observation", callback=answer)
    read = read_patient(client(), "p1")
    assert {"laboratory", "imaging", "survey"} <= {r.id for r in read.resources}
    assert read.incomplete == ()


def test_an_expired_credential_is_a_failure_of_the_whole_read(server: responses.RequestsMock) -> None:
    server.replace("GET", f"{BASE}/Observation", status=401)
    with pytest.raises(RefusedError):
        read_patient(client(), "p1")


def test_a_patient_that_is_not_there_is_missing(server: responses.RequestsMock) -> None:
    server.get(f"{BASE}/Patient/p9", status=404)
    with pytest.raises(MissingError):
        read_patient(client(), "p9")


def test_a_patient_that_was_merged_into_another_says_so(server: responses.RequestsMock) -> None:
    link = [{"type": "seealso"}, {"type": "replaced-by", "other": {"reference": "Patient/p2"}}]
    server.replace("GET", f"{BASE}/Patient/p1", json={"resourceType": "Patient", "id": "p1", "link": link})
    assert read_patient(client(), "p1").merged_into == "Patient/p2"


def test_the_record_that_a_patient_replaced_is_read_with_it(server: responses.RequestsMock) -> None:
    link = [{"type": "replaces", "other": {"reference": "Patient/old"}}]
    server.replace("GET", f"{BASE}/Patient/p1", json={"resourceType": "Patient", "id": "p1", "link": link})
    server.get(f"{BASE}/Patient/old", json={"resourceType": "Patient", "id": "old"})

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked = request.params["patient"]  # type: ignore[attr-defined]
        return 200, {}, json.dumps(searchset(of("Observation", f"of-{asked}", asked)))

    server.remove("GET", f"{BASE}/Observation")
    server.add_callback("GET", f"{BASE}/Observation", callback=answer)
    read = read_patient(client(), "p1")
    assert set(read.versions) == {"Patient/p1", "Patient/old", "Observation/of-p1", "Observation/of-old"}
    assert read.incomplete == ()


def test_a_replaced_record_that_cannot_be_read_leaves_a_gap(server: responses.RequestsMock) -> None:
    link = [{"type": "replaces", "other": {"reference": "Patient/old"}}]
    server.replace("GET", f"{BASE}/Patient/p1", json={"resourceType": "Patient", "id": "p1", "link": link})
    server.get(f"{BASE}/Patient/old", status=500)
    assert [kind for kind, _ in read_patient(client(), "p1").incomplete] == ["Patient"]


def test_extended_codes_are_found_among_the_usual_ones_and_in_a_whole_national_system() -> None:
    national = "http://hospital.example/icd10-gb"
    with running_sandbox() as base:
        for name, code in {"a": "C22.000x001", "b": "C22.0q77", "c": "K70.0"}.items():
            coded = {"coding": [{"system": national, "code": code}]}
            condition = of("Condition", f"c-{name}", name, code=coded)
            requests.put(f"{base}/Condition/c-{name}", json=condition, timeout=10).raise_for_status()
        listed = [("http://hl7.org/fhir/sid/icd-10", code) for code in ("C22.0", "C22.000x001")]
        assert find_patients(client(base), listed) == (("a",), None)
        assert find_patients(client(base), [*listed, (national, "")]) == (("a", "b"), None)


def test_patients_are_found_by_a_confirmed_diagnosis_on_a_real_server() -> None:
    hcc, other = ("http://snomed.info/sct", "109841003"), ("http://snomed.info/sct", "22298006")
    verified = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    with running_sandbox() as base:
        found = {"a": "confirmed", "b": None, "c": "refuted", "d": "provisional", "e": None}
        for name, status in found.items():
            coding = other if name == "e" else hcc
            code = {"coding": [{"system": coding[0], "code": coding[1]}]}
            condition = of("Condition", f"c-{name}", name, code=code)
            if status:
                condition["verificationStatus"] = {"coding": [{"system": verified, "code": status}]}
            requests.put(f"{base}/Condition/c-{name}", json=condition, timeout=10).raise_for_status()
        assert find_patients(client(base), [hcc]) == (("a", "b"), None)


HTML: dict[str, Any] = {"body": "<html>sign in</html>", "content_type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        ({"status": 500}, True),
        ({"status": 503}, True),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example.org"}}, True),
        (HTML, True),
        ({"body": '{"resourceType":"Bundle","entry":[{"res'}, True),
        ({"body": requests.ReadTimeout()}, True),
        ({"status": 400}, False),
        ({"status": 403}, False),
        ({"status": 404}, False),
        ({"status": 501}, False),
    ],
)
def test_a_failed_exchange_is_told_apart_from_a_server_that_says_no(
    server: responses.RequestsMock, answer: dict[str, Any], broken: bool
) -> None:
    server.replace("GET", f"{BASE}/Observation", **answer)
    read = read_patient(client(), "p1")
    assert {kind for kind, _ in read.incomplete} == {"Observation"}
    assert [kind for kind, _ in read.broken] == (["Observation"] if broken else [])


def test_a_further_page_that_fails_is_a_failed_exchange(server: responses.RequestsMock) -> None:
    link = [{"relation": "next", "url": f"{BASE}/pages/2"}]
    server.replace("GET", f"{BASE}/Observation", json={**searchset(of("Observation", "o1")), "link": link})
    server.get(f"{BASE}/pages/2", **HTML)
    read = read_patient(client(), "p1")
    assert [kind for kind, _ in read.incomplete] == [kind for kind, _ in read.broken] == ["Observation"]
    assert "Observation/o1" in read.versions


def test_a_search_for_patients_that_gets_only_an_error_says_nothing_about_who_is_there(
    server: responses.RequestsMock,
) -> None:
    issue = {"severity": "error", "code": "incomplete", "diagnostics": "Zebedee"}
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    server.replace("GET", f"{BASE}/Condition", json={**EMPTY, "entry": [outcome]})
    server.get(f"{BASE}/Patient", json={**EMPTY, "entry": [outcome]})
    with pytest.raises(RemoteError, match="nothing but an error") as caught:
        find_patients(client(), [("s", "c")])
    assert "Zebedee" not in str(caught.value)
    with pytest.raises(RemoteError, match="nothing but an error"):
        every_patient(client())
    issue["severity"] = "warning"
    server.replace("GET", f"{BASE}/Condition", json={**EMPTY, "entry": [outcome]})
    assert find_patients(client(), [("s", "c")])[1] is not None
