"""Resources that cannot be shaped, and entries that a server added by itself: neither is passed over in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.normalize.records import Record
from adapter.pipeline import Evaluator
from adapter.service.evaluation import evaluator_of
from adapter.service.gathering import record_of
from adapter.service.prefetch import Had, had
from adapter.service.refusals import Refusal
from adapter.service.sent import Sent
from adapter.service.site import Site
from tests.service.conftest import PATIENT_VIEW, Json, hook_request, patient_id
from tests.service.ehr import Ehr, running
from tests.service.test_prefetch import cards, gap, required_missing, with_server, without

HUGE = '"a number beyond a double"'
ODD = json.loads(HUGE)
TYPED = {"Content-Type": "application/json"}


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-05-bevacizumab-too-late"]


class Odd(Ehr):
    """A server whose JSON holds numbers that no reader can hold."""

    def answer(self, target: str, token: str | None) -> tuple[int, str, Any]:
        status, media, body = super().answer(target, token)
        return status, media, with_number(body)


@pytest.fixture
def ehr(chart: list[Json]) -> Iterator[Ehr]:
    with running(chart) as server:
        server.__class__ = Odd
        yield server


def with_number(content: Any) -> str:
    return json.dumps(content).replace(HUGE, "1e400")


def unshaped(chart: list[Json], kind: str, **members: Any) -> Json:
    """A resource of this patient with a number beyond a double, so that nothing of it can be read."""
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    return {"resourceType": kind, "id": "odd", "subject": subject, "extension": [{"valueDecimal": ODD}], **members}


def posted(client: TestClient, request: Json) -> tuple[int, Json]:
    answer = client.post(PATIENT_VIEW, content=with_number(request).encode(), headers=TYPED)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("key", "kind"), [("observations", "Observation"), ("procedures", "Procedure")])
def test_a_resource_that_cannot_be_shaped_is_a_gap_of_its_type(
    client: TestClient, chart: list[Json], key: str, kind: str
) -> None:
    request = hook_request(chart)
    request["prefetch"][key]["entry"].append({"resource": unshaped(chart, kind)})
    status, told = posted(client, request)
    lines = [line for card in told["cards"] for line in card["detail"].splitlines()]
    assert status == 200 and f"- {kind}: 1 entries of the Bundle cannot be read" in lines


def test_a_patient_that_cannot_be_shaped_is_412(client: TestClient, chart: list[Json]) -> None:
    """cds-19"""
    request = hook_request(chart)
    request["prefetch"]["patient"]["multipleBirthInteger"] = ODD
    status, told = posted(client, request)
    assert status == 412 and told["issue"][0]["diagnostics"].startswith("patient: ")


def test_another_patient_is_another_patient_also_when_it_cannot_be_shaped(
    client: TestClient, chart: list[Json]
) -> None:
    """cds-12"""
    request = hook_request(chart)
    other = {"resourceType": "Patient", "id": "somebody-else", "multipleBirthInteger": ODD}
    request["prefetch"]["observations"]["entry"].append({"resource": other, "search": {"mode": "include"}})
    status, told = posted(client, request)
    assert status == 400 and "another patient" in str(told)


def test_a_resource_from_the_server_that_cannot_be_shaped_is_a_gap_of_its_type(
    client: TestClient, chart: list[Json], ehr: Ehr
) -> None:
    ehr.chart = [*chart, unshaped(chart, "Procedure")]
    found = cards(client, with_server(without(hook_request(chart), "procedures"), ehr))
    assert "1 entries of the Bundle cannot be read" in gap(found, "Procedure")


def test_a_patient_from_the_server_that_cannot_be_shaped_is_412(
    client: TestClient, chart: list[Json], ehr: Ehr
) -> None:
    """cds-19"""
    ehr.chart = [{**r, "multipleBirthInteger": ODD} if r["resourceType"] == "Patient" else r for r in chart]
    required_missing(client, with_server(without(hook_request(chart), "patient"), ehr), "patient")


def test_a_medication_from_the_server_that_cannot_be_shaped_is_a_gap(
    client: TestClient, chart: list[Json], ehr: Ehr
) -> None:
    pointing = unshaped(chart, "MedicationRequest", status="active", intent="order", authoredOn="2024-04-01")
    pointing["medicationReference"] = {"reference": "Medication/odd"}
    del pointing["extension"]
    ehr.chart = [*chart, unshaped(chart, "Medication")]
    found = cards(client, with_server(hook_request([*chart, pointing]), ehr))
    assert ehr.asked == ["Medication/odd"]
    assert gap(found, "Medication") == "- Medication: the FHIR server answered with no Medication of this patient"


@pytest.mark.parametrize("identity", [{"id": "odd"}, {}])
def test_a_condition_that_cannot_be_read_is_named_also_without_an_id(
    client: TestClient, chart: list[Json], identity: Json
) -> None:
    request = hook_request(chart)
    entries = request["prefetch"]["conditions"]["entry"]
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    entries.append({"resource": {"resourceType": "Condition", "subject": subject, "code": "C22.0", **identity}})
    (card,) = (c for c in cards(client, request) if c["source"]["topic"]["code"] == "missing-data")
    named = "Condition/odd" if identity else f"prefetch.conditions.entry\\[{len(entries) - 1}\\]"
    assert card["indicator"] == "warning" and f"- Condition: could not be read: {named} (" in card["detail"]


def included(chart: list[Json], total: int, same: bool = False) -> Json:
    """A request whose Observations have a total of so many beyond those sent, with one resource added by the server."""
    request = hook_request(chart)
    bundle = request["prefetch"]["observations"]
    bundle["total"] += total
    added = {**bundle["entry"][0]["resource"], "id": "added"} if same else request["prefetch"]["patient"]
    bundle["entry"].append({"resource": added, "search": {"mode": "include"}})
    return request


@pytest.mark.parametrize("same", [False, True], ids=["the Patient", "another Observation"])
def test_what_a_search_added_does_not_stand_for_what_it_did_not_give(
    client: TestClient, chart: list[Json], same: bool
) -> None:
    request = included(chart, 1, same)
    sent = len(request["prefetch"]["observations"]["entry"]) - 1
    assert f"{sent} of {sent + 1} were given" in gap(cards(client, request), "Observation")


def test_what_a_search_added_does_not_make_a_whole_result_a_gap(client: TestClient, chart: list[Json]) -> None:
    assert cards(client, included(chart, 0)) == cards(client, hook_request(chart))


def of(patient: str, evaluator: Evaluator) -> Record | None:
    """The record of Patient/p1 out of a Condition of a patient."""
    condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": f"Patient/{patient}"}}
    bundle = json.dumps({"resourceType": "Bundle", "entry": [{"resource": condition}]}).encode()
    held: dict[str, Had] = {"conditions": had(Sent(lambda: bundle), "conditions")}
    return record_of("p1", held, None, evaluator)


def test_a_resource_that_would_end_in_another_record_is_refused_and_not_lost(site: Site) -> None:
    evaluator = evaluator_of(site)
    record = of("p1", evaluator)
    assert record is not None and record.reference == "Patient/p1"
    with pytest.raises(Refusal) as refused:
        of("p2", evaluator)
    assert refused.value.status == 422


def test_a_bundle_whose_only_patient_cannot_be_shaped_is_412(client: TestClient, chart: list[Json]) -> None:
    """cds-19; as the same Patient is that is sent by itself: a death may be lost with it."""
    request = hook_request(chart)
    broken = {**request["prefetch"]["patient"], "multipleBirthInteger": ODD}
    request["prefetch"]["patient"] = {"resourceType": "Bundle", "entry": [{"resource": broken}]}
    assert posted(client, request)[0] == 412
