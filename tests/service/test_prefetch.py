"""What may arrive under a prefetch key, with and without a FHIR server to ask: cards, a stated gap, or 412."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in
from tests.service.ehr import HANG_SECONDS, HTML, OUTCOME, SLOW, Ehr, running
from tests.service.test_request import AUTHORIZATION

MISSING = "data missing"
Cards = list[dict[str, Any]]


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-05-bevacizumab-too-late"]


@pytest.fixture
def whole(chart: list[Json]) -> Json:
    return hook_request(chart)


@pytest.fixture
def ehr(chart: list[Json]) -> Iterator[Ehr]:
    with running(chart) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A caller of an open site that waits a second for a FHIR server."""
    settings = settings_in(tmp_path, HCC_CDS_DEADLINE="1")
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        yield caller


def cards(client: TestClient, request: Json) -> Cards:
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 200, answer.text
    found: Cards = answer.json()["cards"]
    return found


def gap(found: Cards, kind: str) -> str:
    """The line of the card on missing data that names a resource type."""
    (card,) = (card for card in found if MISSING in card["summary"])
    return next((line for line in card["detail"].splitlines() if line.startswith(f"- {kind}: ")), "")


def without(request: Json, *keys: str) -> Json:
    prefetch = {key: value for key, value in request["prefetch"].items() if key not in keys}
    return {**request, "prefetch": prefetch}


def with_server(request: Json, ehr: Ehr) -> Json:
    return {**request, "fhirServer": ehr.base, "fhirAuthorization": AUTHORIZATION}


def required_missing(client: TestClient, request: Json, key: str) -> str:
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 412, answer.text
    texts = [str(issue["diagnostics"]) for issue in answer.json()["issue"]]
    return next(text for text in texts if text.startswith(f"{key}:"))


@pytest.mark.parametrize("key", ["patient", "conditions"])
def test_without_patient_or_conditions_and_without_a_server_the_call_is_412_and_names_the_key(
    client: TestClient, whole: Json, key: str
) -> None:
    """cds-19, cds-26"""
    assert "no fhirServer" in required_missing(client, without(whole, key), key)


def test_without_any_prefetch_and_without_a_server_both_required_keys_are_named(
    client: TestClient, whole: Json
) -> None:
    answer = client.post(PATIENT_VIEW, json={k: v for k, v in whole.items() if k != "prefetch"})
    assert answer.status_code == 412
    assert [issue["diagnostics"].split(":")[0] for issue in answer.json()["issue"]] == ["patient", "conditions"]


def test_any_other_key_that_is_absent_is_a_stated_gap(client: TestClient, whole: Json) -> None:
    """cds-19"""
    for key, kind in (("observations", "Observation"), ("procedures", "Procedure"), ("appointments", "Appointment")):
        assert "no fhirServer" in gap(cards(client, without(whole, key)), kind)


def test_null_is_known_to_be_empty_and_is_not_fetched(client: TestClient, whole: Json, ehr: Ehr) -> None:
    whole["prefetch"]["imagingStudies"] = None
    whole["prefetch"]["documentReferences"] = None
    found = cards(client, with_server(whole, ehr))
    assert ehr.asked == []
    assert not any("ImagingStudy" in card["detail"] for card in found)


def test_null_for_patient_and_conditions_counts_as_had(client: TestClient, whole: Json) -> None:
    whole["prefetch"].update(patient=None, conditions=None)
    assert client.post(PATIENT_VIEW, json=whole).status_code == 200


def test_everything_null_has_nothing_to_say(client: TestClient, whole: Json) -> None:
    """cds-2, cds-25"""
    whole["prefetch"] = dict.fromkeys(whole["prefetch"])
    assert client.post(PATIENT_VIEW, json=whole).json() == {"cards": []}


@pytest.mark.parametrize("empty", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": [], "total": 0}])
def test_an_empty_bundle_says_the_same_as_null(client: TestClient, whole: Json, empty: Json) -> None:
    whole["prefetch"]["imagingStudies"] = None
    expected = cards(client, whole)
    whole["prefetch"]["imagingStudies"] = empty
    assert cards(client, whole) == expected


@pytest.mark.parametrize("key", ["patient", "conditions"])
@pytest.mark.parametrize(
    "sent", [OUTCOME, "<html>Tomcat</html>", 7, [], {"resourceType": "Bundle", "entry": [{"resource": OUTCOME}]}]
)
def test_an_error_instead_of_patient_or_conditions_is_412_and_is_not_fetched(
    client: TestClient, whole: Json, ehr: Ehr, key: str, sent: Any
) -> None:
    whole["prefetch"][key] = sent
    required_missing(client, with_server(whole, ehr), key)
    assert ehr.asked == []


@pytest.mark.parametrize("sent", [OUTCOME, "<html>", {"resourceType": "Bundle", "entry": [{"resource": OUTCOME}]}])
def test_an_error_instead_of_anything_else_is_a_stated_gap_and_is_not_fetched(
    client: TestClient, whole: Json, ehr: Ehr, sent: Any
) -> None:
    whole["prefetch"]["procedures"] = sent
    assert gap(cards(client, with_server(whole, ehr)), "Procedure")
    assert ehr.asked == []


def test_a_warning_beside_results_is_a_stated_gap_and_the_results_are_used(client: TestClient, whole: Json) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}
    whole["prefetch"]["conditions"]["entry"].append({"resource": warning, "search": {"mode": "outcome"}})
    found = cards(client, whole)
    assert "warned" in gap(found, "Condition")
    assert any("CNLC" in card["summary"] for card in found)


def paged(request: Json, key: str, url: str) -> Json:
    bundle = request["prefetch"][key]
    first = {**bundle, "entry": bundle["entry"][:1], "link": [{"relation": "next", "url": url}]}
    return {**request, "prefetch": {**request["prefetch"], key: first}}


def test_a_first_page_without_access_is_a_stated_gap(client: TestClient, whole: Json) -> None:
    for key, kind in (("observations", "Observation"), ("conditions", "Condition")):
        found = cards(client, paged(whole, key, "https://ehr.example.org/fhir/next"))
        assert "first page" in gap(found, kind)


def test_a_first_page_is_completed_from_the_server(client: TestClient, whole: Json, ehr: Ehr) -> None:
    found = cards(client, with_server(paged(whole, "observations", f"{ehr.base}/Observation?at=1"), ehr))
    assert all(target.startswith("Observation") for target in ehr.asked) and ehr.asked
    assert found == cards(client, whole)


def test_a_total_above_what_was_sent_is_a_stated_gap(client: TestClient, whole: Json) -> None:
    whole["prefetch"]["observations"]["total"] += 5
    assert " of " in gap(cards(client, whole), "Observation")


def test_what_was_not_prefetched_is_read_from_the_server_with_the_callers_token(
    client: TestClient, whole: Json, ehr: Ehr
) -> None:
    """cds-17, cds-21"""
    expected = cards(client, whole)
    ehr.page = 7
    request = with_server({k: v for k, v in whole.items() if k != "prefetch"}, ehr)
    assert cards(client, request) == expected
    assert ehr.tokens == {"Bearer some-opaque-token"}


FAULTS = [401, 403, 404, 410, 429, 500, 503, SLOW, HTML]


@pytest.mark.parametrize("fault", FAULTS)
def test_required_data_that_the_server_does_not_give_is_412(
    client: TestClient, whole: Json, ehr: Ehr, fault: int | str
) -> None:
    """cds-19"""
    ehr.behave = {"Patient": fault, "Condition": fault}
    request = with_server(without(whole, "patient", "conditions"), ehr)
    started = time.monotonic()
    for key in ("patient", "conditions"):
        required_missing(client, request, key)
    assert time.monotonic() - started < HANG_SECONDS / 2


@pytest.mark.parametrize("fault", FAULTS)
def test_other_data_that_the_server_does_not_give_is_a_stated_gap_in_time(
    client: TestClient, whole: Json, ehr: Ehr, fault: int | str
) -> None:
    ehr.behave = {"Procedure": fault}
    started = time.monotonic()
    found = cards(client, with_server(without(whole, "procedures"), ehr))
    assert time.monotonic() - started < HANG_SECONDS / 2
    assert gap(found, "Procedure")


def test_a_server_that_is_not_there_is_412_or_a_gap(client: TestClient, whole: Json, ehr: Ehr) -> None:
    gone = {**whole, "fhirServer": "http://127.0.0.1:9/fhir"}
    assert client.post(PATIENT_VIEW, json=without(gone, "patient")).status_code == 412
    assert gap(cards(client, without(gone, "procedures")), "Procedure")


def test_a_next_page_on_another_host_is_not_followed(client: TestClient, whole: Json, ehr: Ehr, chart: Any) -> None:
    """cds-24"""
    with running(chart) as elsewhere:
        ehr.page, ehr.pages_elsewhere = 3, elsewhere.base.replace("/fhir", "/other")
        found = cards(client, with_server(without(whole, "observations"), ehr))
        assert gap(found, "Observation")
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("scope", "read"),
    [
        ("patient/*.read", True),
        ("user/Procedure.read", True),
        ("patient/Procedure.rs", True),
        ("launch patient/Procedure.cruds", True),
        ("patient/Observation.rs", False),
        ("patient/Procedure.write", False),
        ("patient/Procedure.r", False),
    ],
)
def test_only_what_the_scope_covers_is_asked_for(
    client: TestClient, whole: Json, ehr: Ehr, scope: str, read: bool
) -> None:
    """cds-23, cds-24"""
    request = with_server(without(whole, "procedures"), ehr)
    request["fhirAuthorization"] = {**AUTHORIZATION, "scope": scope}
    found = cards(client, request)
    assert bool(ehr.asked) is read
    assert any("- Procedure: the token's scope" in card["detail"] for card in found) is not read


def test_a_scope_for_a_part_is_a_stated_gap(client: TestClient, whole: Json, ehr: Ehr) -> None:
    """cds-23"""
    request = with_server(without(whole, "procedures"), ehr)
    request["fhirAuthorization"] = {**AUTHORIZATION, "scope": "patient/Procedure.rs?category=387713003"}
    assert "part only" in gap(cards(client, request), "Procedure")


def test_an_expired_token_is_not_sent(client: TestClient, whole: Json, ehr: Ehr) -> None:
    """cds-24"""
    request = with_server(without(whole, "procedures"), ehr)
    request["fhirAuthorization"] = {**AUTHORIZATION, "expires_in": 0}
    assert "expired" in gap(cards(client, request), "Procedure")
    assert ehr.asked == []


@pytest.mark.parametrize("base", ["http://10.1.2.3/fhir", "http://169.254.169.254/fhir", "http://[fd00::1]/fhir"])
def test_a_private_address_is_refused_when_it_would_have_to_be_read(client: TestClient, whole: Json, base: str) -> None:
    answer = client.post(PATIENT_VIEW, json=without({**whole, "fhirServer": base}, "patient"))
    assert answer.status_code == 403 and answer.json()["resourceType"] == "OperationOutcome"
    assert client.post(PATIENT_VIEW, json={**whole, "fhirServer": base}).status_code == 200


def test_a_medication_that_is_only_pointed_to_is_read(client: TestClient, whole: Json, ehr: Ehr) -> None:
    entries = whole["prefetch"]["medicationAdministrations"]["entry"]
    drug = {"resourceType": "Medication", "id": "m-1", "code": entries[0]["resource"]["medicationCodeableConcept"]}
    expected = cards(client, whole)
    ehr.chart = [*ehr.chart, drug]
    changed = []
    for entry in entries:
        resource = dict(entry["resource"])
        if resource.get("medicationCodeableConcept") == drug["code"]:
            del resource["medicationCodeableConcept"]
            resource["medicationReference"] = {"reference": "Medication/m-1"}
        changed.append({"resource": resource})
    whole["prefetch"]["medicationAdministrations"] = {"resourceType": "Bundle", "entry": changed}
    request = with_server(without(whole, "documentReferences"), ehr)
    assert {c["summary"] for c in cards(client, request)} == {c["summary"] for c in expected}
    assert "Medication/m-1" in ehr.asked
