"""POST /evaluate and the patients' routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PUBLIC, Json, patient_id, settings_in
from tests.service.ehr import SLOW, Ehr, running

FHIR = {"Content-Type": "application/fhir+json"}


def bundle(*charts: list[Json]) -> Json:
    entries = [{"resource": resource} for chart in charts for resource in chart]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def problem(answer: Any, status: int) -> str:
    """The detail of the RFC 9457 problem with which a call is refused."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["type"]
    return str(body.get("detail", ""))


def test_a_bundle_of_one_patient_gives_one_assessment(client: TestClient, charts: dict[str, list[Json]]) -> None:
    chart = charts["syn-03-partial-response"]
    answer = client.post("/evaluate", content=orjson.dumps(bundle(chart)), headers=FHIR)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["schema"] == "hcc-conversion/assessment/1"
    assert found["patient"] == f"Patient/{patient_id(chart)}"
    assert found["asOf"] == f"{AS_OF}T23:59:59+00:00"


def test_a_bundle_of_several_patients_gives_a_list(client: TestClient, charts: dict[str, list[Json]]) -> None:
    two = bundle(charts["syn-01-eligible"], charts["syn-11-surveillance"])
    found = client.post("/evaluate", json=two).json()
    assert [one["schema"] for one in found] == ["hcc-conversion/assessment/1"] * 2


def test_as_of_edition_and_complete_are_heeded(client: TestClient, charts: dict[str, list[Json]]) -> None:
    body = bundle(charts["syn-01-eligible"])
    parameters = {"as-of": "2024-04-28T10:00:00+08:00", "edition": "2021", "complete": "true"}
    found = client.post("/evaluate", json=body, params=parameters).json()
    assert (found["asOf"], found["edition"]) == ("2024-04-28T02:00:00+00:00", "2021")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"as-of": "yesterday"}, "as-of"), ({"as-of": "2024"}, "as-of"), ({"edition": "2023"}, "edition"),
     ({"complete": "perhaps"}, "complete")],
)  # fmt: skip
def test_a_wrong_parameter_is_named(client: TestClient, parameters: dict[str, str], named: str) -> None:
    assert problem(client.post("/evaluate", json={}, params=parameters), 400).startswith(named)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'"x"',
        b'{"resourceType": "Bundle"',
        b"[" * 100_000,
        b'{"resourceType": 5}',
        b"null",
    ],
)
def test_a_body_that_is_no_fhir_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/evaluate", content=body, headers=FHIR)
    assert problem(answer, 400)
    assert "Traceback" not in answer.text


def test_a_bundle_without_patient_is_a_problem(client: TestClient) -> None:
    assert "no patient" in problem(client.post("/evaluate", json={"resourceType": "Bundle", "type": "collection"}), 422)


def test_a_body_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    site = Site(settings_in(tmp_path, HCC_BODY_LIMIT="1"), PUBLIC, open=True)
    with TestClient(create_app(site)) as caller:
        large = b'{"x": "' + b"x" * (1 << 20) + b'"}'
        assert "HCC_BODY_LIMIT" in problem(caller.post("/evaluate", content=large, headers=FHIR), 413)

        def pieces() -> Iterator[bytes]:
            yield from (large[n : n + 4096] for n in range(0, len(large), 4096))

        assert "HCC_BODY_LIMIT" in problem(caller.post("/evaluate", content=pieces(), headers=FHIR), 413)


def test_another_media_type_is_a_problem(client: TestClient) -> None:
    assert problem(client.post("/evaluate", content=b"{}", headers={"Content-Type": "text/html"}), 415)


def test_an_unknown_path_and_method_are_problems(client: TestClient) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get("/evaluate"), 405)


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-03-partial-response"]


@pytest.fixture
def ehr(chart: list[Json]) -> Iterator[Ehr]:
    with running(chart) as server:
        yield server


@pytest.fixture
def reader(tmp_path: Path, ehr: Ehr) -> Iterator[TestClient]:
    """A caller of a site that reads from a FHIR server with its own token."""
    settings = settings_in(tmp_path, HCC_FHIR_SERVER=ehr.base, HCC_FHIR_TOKEN="own-token")
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        yield caller


def test_a_patients_assessment_is_read_from_the_server_and_equals_that_of_the_bundle(
    reader: TestClient, ehr: Ehr, chart: list[Json]
) -> None:
    ehr.page = 11
    found = reader.get(f"/patients/{patient_id(chart)}/assessment").json()
    posted = reader.post("/evaluate", json=bundle(chart), params={"complete": "true"}).json()
    assert found["findings"] == posted["findings"] and found["staging"] == posted["staging"]
    assert ehr.tokens == {"Bearer own-token"}


def test_a_patients_timeline_lists_the_facts_up_to_as_of_in_order(reader: TestClient, chart: list[Json]) -> None:
    path = f"/patients/{patient_id(chart)}/timeline"
    found = reader.get(path).json()
    assert found["schema"] == "hcc-conversion/timeline/1" and found["conditionsRead"] is True
    concepts = {event.get("concept") for event in found["events"]}
    assert {"alt", "hcc"} <= concepts
    dates = [event["when"] for event in found["events"] if "when" in event]
    assert dates == sorted(dates) and max(dates) <= f"{AS_OF}T24"
    earlier = reader.get(path, params={"as-of": "2024-01-15"}).json()
    assert 0 < len(earlier["events"]) < len(found["events"])


def test_a_patient_that_is_not_there_is_a_404_problem(reader: TestClient) -> None:
    problem(reader.get("/patients/nobody/assessment"), 404)


@pytest.mark.parametrize("identity", ["a%20b", "x" * 65, "%2e%2e", "%2e", "%2e%2e%2e"])
def test_what_no_patient_can_have_as_an_id_is_a_400_problem(reader: TestClient, identity: str) -> None:
    for route in ("timeline", "assessment"):
        assert "only dots" in problem(reader.get(f"/patients/{identity}/{route}"), 400)


def test_a_server_that_fails_is_a_502_problem_and_a_type_that_fails_is_named(
    reader: TestClient, ehr: Ehr, chart: list[Json]
) -> None:
    path = f"/patients/{patient_id(chart)}/assessment"
    ehr.behave = {"Procedure": 403}
    incomplete = reader.get(path).json()["incomplete"]
    assert [gap["type"] for gap in incomplete] == ["Procedure"]
    ehr.behave = {"Patient": 500}
    assert problem(reader.get(path), 502)


def test_without_a_server_the_patients_routes_say_so(client: TestClient) -> None:
    assert "HCC_FHIR_SERVER" in problem(client.get("/patients/p1/timeline"), 503)


def test_a_server_that_is_slow_for_one_type_does_not_hold_the_rest(tmp_path: Path, ehr: Ehr, chart: list[Json]) -> None:
    ehr.behave = {"Appointment": SLOW}
    settings = settings_in(tmp_path, HCC_FHIR_SERVER=ehr.base, HCC_READ_DEADLINE="1")
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        found = caller.get(f"/patients/{patient_id(chart)}/assessment").json()
    assert [gap["type"] for gap in found["incomplete"]] == ["Appointment"]


@pytest.mark.parametrize("query", ["asof=2024-05-01", "as_of=2024-05-01", "lang=zh"])
def test_a_parameter_that_there_is_not_is_refused_and_the_nearest_named(client: TestClient, query: str) -> None:
    answer = client.post(f"/evaluate?{query}", content=b"{}", headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 400
    assert "the nearest is" in answer.json()["detail"]
