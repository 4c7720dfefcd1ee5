"""Contexts of a call: users, patients, draft orders and selections, legal and odd."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.client import cds, reading
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import converting, healthy, violating
from tests.client.search import Json


@pytest.fixture
def good(ehr: Ehr, fake: FakeFHIR) -> Json:
    """A complete call about somebody of whom there is nothing to say."""
    return ehr.full(VIEW, healthy(), fake)


@pytest.mark.parametrize("field", ["patientId", "userId"])
def test_a_required_field_of_the_context_is_missed(ehr: Ehr, good: Json, field: str) -> None:
    """cds-10."""
    del good["context"][field]
    reading.refused(ehr.post(VIEW, good))


HOSTILE: list[Any] = [
    None, 5, {}, [], "", "../../etc/passwd", "a b", "p1?_count=1", "p1\r\nX: y", "x" * 5000, "%2e%2e%2fmetadata",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:18])
def test_a_hostile_patient_id_is_refused_and_reaches_no_server(ehr: Ehr, fake: FakeFHIR, value: Any) -> None:
    """cds-12: what is no id of FHIR never leads to another path of the server."""
    context = {"userId": "Practitioner/example", "patientId": value}
    response = ehr.post(VIEW, cds.call(VIEW, context, **cds.access(fake.url, "tok", patient=value)))
    assert 400 <= response.status_code < 500, response.text[:200]
    assert fake.asked() == []


@pytest.mark.parametrize("value", ["not-a-uuid", "123", "", "g" * 36, "x" * 10_000], ids=lambda value: value[:12])
def test_an_odd_hook_instance_is_no_crash(ehr: Ehr, good: Json, value: str) -> None:
    """cds-10: what becomes of it is open, but it is an answer."""
    assert ehr.post(VIEW, {**good, "hookInstance": value}).status_code in (200, 400, 422)


def test_a_hook_instance_may_be_in_upper_case(ehr: Ehr, good: Json) -> None:
    """cds-10."""
    assert ehr.post(VIEW, {**good, "hookInstance": str(uuid.uuid4()).upper()}).status_code == 200


def test_a_hook_instance_that_comes_twice_is_answered_alike(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-46: a client's second attempt must not get nothing where there was something."""
    body = ehr.full(VIEW, violating(), fake)
    first, second = ehr.post(VIEW, body), ehr.post(VIEW, body)
    assert reading.critical(reading.cards_of(first))
    assert second.status_code < 500
    assert second.status_code != 200 or reading.same(second.json()["cards"]) == reading.same(first.json()["cards"])


@pytest.mark.parametrize("user", ["Practitioner/1", "PractitionerRole/a-b", "Patient/p1", "RelatedPerson/r.1"])
def test_every_legal_user_is_taken(ehr: Ehr, good: Json, user: str) -> None:
    """cds-11."""
    good["context"]["userId"] = user
    assert ehr.post(VIEW, good).status_code == 200


ODD_USERS = ["Practitioner", "example", "Device/1", 5, {}, "http://x/Practitioner/1/_history/2", "x" * 4000]


@pytest.mark.parametrize("user", ODD_USERS, ids=lambda value: repr(value)[:20])
def test_an_odd_user_is_no_crash(ehr: Ehr, good: Json, user: Any) -> None:
    """cds-11."""
    good["context"]["userId"] = user
    assert ehr.post(VIEW, good).status_code < 500


def test_minimal_and_maximal_contexts_are_taken(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-51."""
    record = converting()
    for service in (VIEW, SELECT, SIGN):
        body = ehr.full(service, record, fake, [record.draft_test()])
        assert ehr.post(service, body).status_code == 200
        body["context"]["encounterId"] = "e-1"
        assert ehr.post(service, body).status_code == 200


@pytest.mark.parametrize(("service", "field"), [(SIGN, "draftOrders"), (SELECT, "draftOrders"), (SELECT, "selections")])
def test_a_call_without_draft_orders_or_selections_is_survived(
    ehr: Ehr, fake: FakeFHIR, service: str, field: str
) -> None:
    """cds-49: the public sandbox sends it when views are switched."""
    record = converting()
    body = ehr.full(service, record, fake, [record.draft_test()])
    del body["context"][field]
    assert ehr.post(service, body).status_code in (200, 400)


ODD_DRAFTS: list[Any] = [
    {}, {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}, {"entry": [{}]}, [], "x", None,
    {"resourceType": "Bundle", "entry": [{"resource": None}, {"resource": "x"}, 5]},
    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "NutritionOrder"}}]},
]  # fmt: skip


@pytest.mark.parametrize("drafts", ODD_DRAFTS, ids=lambda value: repr(value)[:60])
def test_odd_draft_orders_are_no_crash(ehr: Ehr, fake: FakeFHIR, drafts: Any) -> None:
    """cds-49."""
    record = converting()
    body = ehr.full(SIGN, record, fake, [record.draft_test()])
    body["context"]["draftOrders"] = drafts
    assert ehr.post(SIGN, body).status_code < 500


ODD_SELECTIONS: list[Any] = [
    [], ["MedicationRequest/none"], ["x"], [5, None], "MedicationRequest/m1", {}, ["../../x"],
]  # fmt: skip


@pytest.mark.parametrize("selections", ODD_SELECTIONS, ids=repr)
def test_odd_selections_are_no_crash(ehr: Ehr, fake: FakeFHIR, selections: Any) -> None:
    """cds-49."""
    record = converting()
    body = ehr.full(SELECT, record, fake, [record.draft_test()])
    body["context"]["selections"] = selections
    assert ehr.post(SELECT, body).status_code < 500


def test_orders_of_other_types_and_a_bundle_without_type_are_taken(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-49."""
    record = converting()
    others = [
        record.draft(kind, **{who: {"reference": f"Patient/{record.id}"}})
        for kind, who in {"DeviceRequest": "subject", "NutritionOrder": "patient", "Task": "for"}.items()
    ]
    others.append(record.draft("VisionPrescription", patient={"reference": f"Patient/{record.id}"}))
    for service in (SELECT, SIGN):
        body = ehr.full(service, record, fake, others)
        assert ehr.post(service, body).status_code == 200
        del body["context"]["draftOrders"]["type"]
        assert ehr.post(service, body).status_code == 200


def test_another_patient_in_the_prefetch_is_refused(ehr: Ehr, good: Json) -> None:
    """cds-12."""
    for key in cds.keys_of(ehr.templates(), "Patient"):
        good["prefetch"][key] = healthy().resources[0]
    reading.refused(ehr.post(VIEW, good))


def test_resources_of_another_patient_are_refused(ehr: Ehr, fake: FakeFHIR, good: Json) -> None:
    """cds-12."""
    theirs = ehr.full(VIEW, violating(), fake)["prefetch"]
    for key in cds.keys_of(ehr.templates(), "Condition"):
        good["prefetch"][key] = theirs[key]
    reading.refused(ehr.post(VIEW, good))
