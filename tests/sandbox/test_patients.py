"""The synthetic patients as Bundles, on servers and as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import responses
from fhir.resources.R4B.bundle import Bundle

from adapter.errors import InputError, RefusedError, RemoteError, TableError
from adapter.sandbox.definitions import definition_of
from adapter.sandbox.loading import load, write_patients
from adapter.sandbox.synthetic import synthetic_bundles

DAY = date(2024, 5, 1)
TEST_LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
ISO_DATE = re.compile(rb"\d{4}-\d{2}-\d{2}")


@pytest.fixture(scope="module")
def bundles() -> list[dict[str, Any]]:
    """Every synthetic patient on one day."""
    found = synthetic_bundles(DAY)
    assert len(found) >= 12
    return found


def resources(bundles: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every resource of every patient."""
    for bundle in bundles:
        for entry in bundle["entry"]:
            yield entry["resource"]


def strings(node: Any, key: str) -> Iterator[str]:
    """The texts of a member, wherever it stands."""
    if isinstance(node, list):
        for item in node:
            yield from strings(item, key)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == key and isinstance(value, str):
                yield value
            yield from strings(value, key)


def test_every_bundle_is_valid_r4_by_its_models(bundles: list[dict[str, Any]]) -> None:
    for bundle in bundles:
        Bundle.model_validate(bundle)


def test_every_patient_has_a_whole_course_of_resources(bundles: list[dict[str, Any]]) -> None:
    kinds = {resource["resourceType"] for resource in resources(bundles)}
    assert {"Patient", "Condition", "Observation", "BodyStructure", "ImagingStudy", "DiagnosticReport"} <= kinds
    assert {"MedicationAdministration", "MedicationStatement", "MedicationRequest", "Medication"} <= kinds
    assert {"Procedure", "ServiceRequest", "Appointment", "DocumentReference"} <= kinds
    for bundle in bundles:
        assert 40 <= len(bundle["entry"]) <= 310, bundle["id"]


def test_every_resource_is_marked_as_test_material(bundles: list[dict[str, Any]]) -> None:
    for resource in resources(bundles):
        assert TEST_LABEL.items() <= resource["meta"]["tag"][0].items()
        assert "profile" not in resource["meta"]
        assert "synthetic" in resource["text"]["div"].lower()


def test_every_patient_has_an_obviously_synthetic_english_and_chinese_name(bundles: list[dict[str, Any]]) -> None:
    patients = [r for r in resources(bundles) if r["resourceType"] == "Patient"]
    assert len(patients) == len(bundles)
    for patient in patients:
        english, chinese = patient["name"]
        assert english["family"].startswith("Synthetic-") and english["given"]
        assert chinese["family"].startswith("合成") and not chinese["given"][0].isascii()


def test_ids_are_unique_and_every_reference_leads_into_its_bundle(bundles: list[dict[str, Any]]) -> None:
    owners: dict[str, str] = {}
    for bundle in bundles:
        places = [entry["request"]["url"] for entry in bundle["entry"]]
        assert len(set(places)) == len(places), bundle["id"]
        assert set(strings(bundle, "reference")) <= set(places)
        for place in places:
            assert re.fullmatch(r"[A-Za-z]+/[A-Za-z0-9\-.]{1,64}", place)
            shared = place.startswith(("Organization/", "Practitioner/"))
            assert shared or owners.setdefault(place, bundle["id"]) == bundle["id"]


def test_what_is_pointed_at_stands_before_what_points_at_it(bundles: list[dict[str, Any]]) -> None:
    for bundle in bundles:
        before: set[str] = set()
        for entry in bundle["entry"]:
            before.add(entry["request"]["url"])
            assert set(strings(entry["resource"], "reference")) <= before, entry["request"]["url"]


def test_the_same_day_gives_the_same_bundles_and_another_day_shifts_every_date() -> None:
    days = 17
    one = orjson.dumps(synthetic_bundles(DAY))
    assert one == orjson.dumps(synthetic_bundles(DAY))
    assert len(ISO_DATE.findall(one)) > 1000

    def shifted(match: re.Match[bytes]) -> bytes:
        moved = date.fromisoformat(match[0].decode()) + timedelta(days=days)
        return moved.isoformat().encode()

    assert ISO_DATE.sub(shifted, one) == orjson.dumps(synthetic_bundles(DAY + timedelta(days=days)))


def test_no_observation_says_a_value_and_its_absence_and_amounts_have_ucum_units(bundles: list[dict[str, Any]]) -> None:
    observations = [r for r in resources(bundles) if r["resourceType"] == "Observation"]
    assert len(observations) > 1000
    for observation in observations:
        values = [key for key in observation if key.startswith("value")]
        assert len(values) <= 1 and (values or observation["component"]), observation["id"]
        quantity = observation.get("valueQuantity", {"system": "http://unitsofmeasure.org", "code": "1"})
        assert quantity["system"] == "http://unitsofmeasure.org" and quantity["code"]


def test_load_writes_all_patients_and_a_second_load_writes_nothing(server: str) -> None:
    heard: list[str] = []
    first = load(server, DAY, on_patient=heard.append)
    assert first.patients == len(heard) == len(synthetic_bundles(DAY))
    assert requests.get(f"{server}/Patient", timeout=10).json()["total"] == first.patients
    versions = requests.get(f"{server}/_history?_count=1", timeout=10).json()["total"]
    assert versions == first.created
    second = load(server, DAY)
    assert (second.resources, second.created) == (first.resources, 0)
    assert requests.get(f"{server}/_history?_count=1", timeout=10).json()["total"] == versions


def test_load_writes_one_after_the_other_where_transactions_are_not_taken(server: str) -> None:
    metadata = {"resourceType": "CapabilityStatement", "rest": [{"mode": "server"}]}
    with responses.RequestsMock() as port:
        port.add(responses.GET, f"{server}/metadata", json=metadata)
        port.add_passthru(server)
        loaded = load(server, DAY)
    assert requests.get(f"{server}/_history?_count=1", timeout=10).json()["total"] == loaded.created
    assert requests.get(f"{server}/Patient?_count=0", timeout=10).json()["total"] == loaded.patients


def test_load_falls_back_when_a_server_says_transaction_and_does_not_take_it(server: str) -> None:
    metadata = requests.get(f"{server}/metadata", timeout=10).json()
    with responses.RequestsMock() as port:
        port.add(responses.GET, f"{server}/metadata", json=metadata)
        port.add(responses.POST, server, status=405)
        port.add_passthru(f"{server}/")
        loaded = load(server, DAY)
    assert requests.get(f"{server}/Patient?_count=0", timeout=10).json()["total"] == loaded.patients


@pytest.mark.parametrize(("status", "error"), [(401, RefusedError), (403, RefusedError), (500, RemoteError)])
def test_a_server_that_refuses_the_load_is_named_in_one_line(status: int, error: type[RemoteError]) -> None:
    with responses.RequestsMock() as port:
        port.add(responses.GET, "http://127.0.0.1:9/fhir/metadata", status=status)
        with pytest.raises(error, match=f"answered {status}") as caught:
            load("http://127.0.0.1:9/fhir/", DAY)
    assert "\n" not in str(caught.value) and caught.value.status == status


def test_an_unreachable_server_or_one_that_speaks_no_fhir_is_a_remote_error(server: str) -> None:
    with pytest.raises(RemoteError, match="check --fhir-server") as caught:
        load("http://127.0.0.1:9/fhir", DAY)
    assert "\n" not in str(caught.value)
    with responses.RequestsMock() as port:
        port.add(responses.GET, "http://127.0.0.1:9/metadata", body="<html/>")
        with pytest.raises(RemoteError, match="FHIR JSON"):
            load("http://127.0.0.1:9", DAY)


def test_patients_are_written_as_one_bundle_file_each(tmp_path: Path) -> None:
    files = write_patients(tmp_path / "new" / "folder", DAY)
    assert [orjson.loads(file.read_bytes()) for file in files] == synthetic_bundles(DAY)
    assert all(file.name.endswith(".json") for file in files)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        write_patients(blocked, DAY)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ("[{lab: {}}]", "lab"),
        ("[{board: {day: -1}}]", "conclusion"),
        ("[{condition: {code: hcc, day: -1}, board: {day: -1, conclusion: x}}]", "exactly one"),
        ("[{condition: {code: hcc, day: 2024-01-01}}]", "int"),
        ("[", "flow"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_with_its_file(facts: str, reason: str) -> None:
    head = "{key: k, story: s, name: {family: F, given: G, family_zh: f, given_zh: g}, age: 50, sex: male, "
    text = f"{head}height: 170, weight: 60, facts: {facts}}}"
    with pytest.raises(TableError, match=r"x\.yaml") as caught:
        definition_of("x.yaml", text)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
