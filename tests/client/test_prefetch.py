"""Shapes of a prefetch: absent, null, empty, an outcome, odd, foreign."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.client import cds, reading
from tests.client.cds import VIEW, Ehr
from tests.client.facts import Facts
from tests.client.fhirserver import OUTCOME, FakeFHIR
from tests.client.prefetched import Complete
from tests.client.records import before_surgery, healthy, violating

OUTCOME_ENTRY = {"resource": OUTCOME, "search": {"mode": "outcome"}}
EMPTY: dict[str, Any] = {
    "null": None,
    "no entry": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    "empty entry": {"resourceType": "Bundle", "type": "searchset", "entry": []},
    "no type": {"resourceType": "Bundle"},
}


def test_no_prefetch_and_no_server_is_412(ehr: Ehr) -> None:
    """cds-19."""
    context = cds.hook_context(violating())
    reading.precondition_failed(ehr.post(VIEW, cds.call(VIEW, context)))
    reading.precondition_failed(ehr.post(VIEW, cds.call(VIEW, context, {})))


@pytest.mark.parametrize("kind", ["Patient", "Condition"])
def test_a_required_key_that_is_absent_is_412_and_named(complete: Complete, kind: str) -> None:
    """cds-19, cds-26."""
    keys = complete.without(kind)
    reading.precondition_failed(complete.post(), keys)


@pytest.mark.parametrize("kind", ["Observation", "Procedure", "MedicationAdministration", "ServiceRequest"])
def test_an_optional_key_that_is_absent_is_a_stated_gap(complete: Complete, kind: str) -> None:
    """cds-19."""
    complete.without(kind)
    complete.gap()


def test_each_optional_key_absent_alone_changes_what_is_said(complete: Complete) -> None:
    """cds-19."""
    templates = complete.ehr.templates()
    silent, optional = [], set(templates) - set(cds.required_keys(templates))
    assert optional
    for key in optional:
        part = copy.deepcopy(complete.body)
        del part["prefetch"][key]
        if reading.text(reading.cards_of(complete.ehr.post(VIEW, part))) == reading.text(complete.cards):
            silent.append(key)
    assert not silent, f"absent keys that changed no word: {silent}"


def test_an_absent_key_is_fetched_and_no_other(complete: Complete, fake: FakeFHIR) -> None:
    """cds-17, cds-23."""
    complete.without("MedicationAdministration")
    complete.grant()
    assert reading.same(reading.cards_of(complete.post())) == reading.same(complete.cards)
    assert fake.asked("MedicationAdministration") and not fake.asked("Observation")


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
def test_what_is_known_to_be_empty_is_not_fetched_again(complete: Complete, fake: FakeFHIR, empty: Any) -> None:
    """cds-17."""
    required = cds.required_keys(complete.ehr.templates())
    prefetch = complete.body["prefetch"]
    optional = [key for key in prefetch if key not in required]
    assert optional
    prefetch.update(dict.fromkeys(optional, empty))
    complete.grant()
    assert not reading.critical(reading.cards_of(complete.post()))
    assert fake.asked() == []


def test_null_counts_as_had_for_the_conditions(complete: Complete) -> None:
    """cds-25: without a Condition there is no HCC, so nothing to say."""
    complete.put("Condition", None)
    response = complete.post()
    assert response.status_code == 200 and response.json() == {"cards": []}, response.text[:300]


def test_null_counts_as_had_for_the_patient(complete: Complete) -> None:
    """cds-19: the age is then unknown."""
    complete.put("Patient", None)
    assert reading.critical(reading.cards_of(complete.post()))


def test_null_and_an_empty_bundle_say_the_same(complete: Complete) -> None:
    """cds-17."""
    said = []
    for value in (None, EMPTY["no entry"]):
        complete.put("MedicationAdministration", value)
        said.append(reading.same(reading.cards_of(complete.post())))
    assert said[0] == said[1]


def test_what_is_known_to_be_empty_is_no_gap(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-25."""
    body = ehr.full(VIEW, healthy(), fake)
    assert None in body["prefetch"].values()
    assert ehr.post(VIEW, body).json() == {"cards": []}


@pytest.mark.parametrize("kind", ["Patient", "Condition"])
def test_an_outcome_for_what_is_required_is_412(complete: Complete, kind: str) -> None:
    """cds-19."""
    complete.put(kind, OUTCOME)
    reading.precondition_failed(complete.post())


def test_an_outcome_among_the_conditions_is_412(complete: Complete) -> None:
    """cds-19."""
    complete.entries("Condition").append(OUTCOME_ENTRY)
    reading.precondition_failed(complete.post())


@pytest.mark.parametrize("kind", ["Observation", "Procedure"])
def test_an_outcome_for_the_rest_is_a_stated_gap(complete: Complete, kind: str) -> None:
    """cds-19."""
    complete.put(kind, OUTCOME)
    complete.gap()


def test_an_outcome_among_the_rest_is_a_stated_gap_beside_what_is_had(complete: Complete) -> None:
    """cds-19."""
    complete.entries("MedicationAdministration").insert(0, OUTCOME_ENTRY)
    assert reading.critical(complete.gap())


def test_an_outcome_is_not_blindly_fetched_again(complete: Complete, fake: FakeFHIR) -> None:
    """cds-19."""
    complete.put("Observation", OUTCOME)
    complete.grant()
    assert complete.post().status_code == 200
    assert fake.asked("Observation") == []


def test_resources_without_id_and_bundles_without_type_are_read(complete: Complete) -> None:
    """cds-17."""
    assert complete.entries("MedicationAdministration") and complete.entries("Observation")
    for value in complete.body["prefetch"].values():
        if value and value["resourceType"] == "Bundle":
            for name in ("type", "total", "link"):
                value.pop(name, None)
            value["entry"] = [{"resource": entry["resource"]} for entry in value["entry"]]
            for entry in value["entry"]:
                if entry["resource"]["resourceType"] in ("MedicationAdministration", "Observation"):
                    del entry["resource"]["id"]
    assert reading.critical(reading.cards_of(complete.post()))


NO_FHIR: list[Any] = [
    "<html><body>Tomcat</body></html>", 5, True, [], [1], {"resourceType": "Bundle", "entry": "x"},
    {"resourceType": "Bundle", "entry": [None, 5]}, {"resourceType": "Parameters"}, {}, {"entry": [{}]},
]  # fmt: skip


@pytest.mark.parametrize("value", NO_FHIR, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("kind", ["Observation", "Condition"])
def test_what_is_no_fhir_never_looks_like_nothing_to_say(complete: Complete, kind: str, value: Any) -> None:
    """cds-26."""
    complete.put(kind, value)
    response = complete.post()
    assert response.status_code in (200, 400, 412, 422), response.status_code
    if response.status_code == 200:
        reading.gap_stated(response, complete.cards)


def test_a_broken_resource_never_spoils_the_others(complete: Complete) -> None:
    """cds-17."""
    broken = {"resourceType": "MedicationAdministration", "id": 5, "effectiveDateTime": {"x": 1}}
    unknown = {"resourceType": "Klingon", "id": "k"}
    complete.entries("MedicationAdministration")[:0] = [{"resource": broken}, {"resource": unknown}, {"fullUrl": "x"}]
    assert reading.critical(reading.cards_of(complete.post()))


def test_what_comes_under_a_foreign_key_is_not_used(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-18."""
    record = before_surgery()
    dose = Facts(record.id).dose("bevacizumab", "2024-04-30")
    foreign = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": dose}]}
    plain = ehr.ask(VIEW, record, fake)
    assert plain
    more = ehr.ask(VIEW, record, fake, change=lambda prefetch: prefetch.update(other=foreign))
    assert reading.same(plain) == reading.same(more)


def test_a_dose_entered_in_error_does_not_count(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-17."""
    record = violating()
    for dose in record.of("MedicationAdministration"):
        if dose["effectiveDateTime"] == "2024-04-28":
            dose["status"] = "entered-in-error"
    assert not reading.critical(ehr.ask(VIEW, record, fake))
