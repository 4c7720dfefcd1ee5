"""No code and no unit that stops a fact from being used is missing in the ledger, whatever the record looks like."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from adapter.errors import InputError
from adapter.fhir.documents import read_document
from adapter.fhir.inputs import read_input
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.pipeline import evaluator
from adapter.terminology.strangers import Stranger
from adapter.values import AsOf
from tests.fuzz.inputs import Given, inputs
from tests.normalize.reading import AS_OF, ATC, LOINC, OWN, SUBJECT, coded, observation, only, terminology
from tests.normalize.reading import read as read_all
from tests.safety.patients import TOPICS, Patient, patients_of, synthetic
from tests.safety.spoiling import worse

TOLD = ("code-conflict", "unit", "no-unit")
SPOILED, BROKEN = 400, 600


def read(patient: Patient) -> Iterator[tuple[Record, AsOf]]:
    configured = evaluator(edition=patient.edition, options=patient.options, time_zone=patient.zone)
    document = read_document(json.dumps(patient.bundle).encode(), patient.name)
    for record in configured.records(document.entries, complete=patient.complete).patients:
        yield record, configured.as_of(patient.as_of)


def untold(record: Record, as_of: AsOf) -> set[str]:
    """References that the assessment lists for their code or unit and that the ledger does not know."""
    told = {(stranger.reference, stranger.reason) for stranger in strangers(record, as_of, terminology())}
    accounts = record.accounts(as_of)
    refused = {(r.reference, r.reason.partition(":")[0]) for r in accounts.rejected}
    wanted = {(reference, reason) for reference, reason in refused if reason in TOLD}
    return {reference for reference, _ in wanted - told}


@cache
def known() -> tuple[Patient, ...]:
    return tuple(patient for topic in TOPICS for patient in patients_of(topic)) + tuple(synthetic())


def test_what_an_assessment_lists_for_its_code_or_unit_is_in_the_ledger() -> None:
    looked, listed = 0, 0
    for patient in known():
        for record, as_of in read(patient):
            looked += 1
            assert untold(record, as_of) == set(), patient.name
            counted = {(u.system, u.code, u.reason) for u in record.accounts(as_of).unmapped}
            told = {(s.system, s.code, s.reason) for s in strangers(record, as_of, terminology())}
            assert counted <= told, patient.name
            listed += len(told)
    assert looked > 1000 and listed > 20


def test_a_spoiled_record_loses_nothing_either() -> None:
    looked = 0
    for patient in synthetic():
        for _, _, spoiled in worse(patient):
            for record, as_of in read(spoiled):
                assert untold(record, as_of) == set(), spoiled.name
                looked += bool(strangers(record, as_of, terminology()))
        if looked > SPOILED:
            break
    assert looked > SPOILED / 2


@settings(max_examples=BROKEN, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(inputs())
def test_a_broken_resource_neither_stops_the_ledger_nor_is_lost_in_it(given_input: Given) -> None:
    configured, as_of = evaluator(), AS_OF
    with tempfile.TemporaryDirectory() as folder:
        try:
            for share in read_input(str(given_input.put(Path(folder))), None):
                for record in configured.records(share.entries).patients:
                    assert untold(record, as_of) == set()
        except InputError:
            return


def found(*resources: dict[str, object]) -> list[Stranger]:
    return list(strangers(only(read_all(*resources)), AS_OF, terminology()))


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        ({"value": 1, "unit": "ukat/L"}, "ukat/L"),
        ({"value": 1, "code": "ukat/L", "system": "http://unitsofmeasure.org"}, "ukat/L"),
        ({"value": 1, "unit": "mg/dL", "code": "U/L", "system": "http://unitsofmeasure.org"}, "mg/dL (U/L)"),
    ],
)
def test_a_unit_is_shown_as_it_was_written(quantity: dict[str, object], shown: str) -> None:
    (stranger,) = found(observation(coded(LOINC, "1742-6"), valueQuantity=quantity))
    assert (stranger.reason, stranger.unit, stranger.concepts) == ("unit", shown, ("alt",))


def test_an_unknown_answer_under_a_known_question_is_a_code_to_map() -> None:
    grade = {"coding": [{"system": "http://h.example/words", "code": "gering"}]}
    (stranger,) = found(observation(coded(OWN, "ascites_grade"), valueCodeableConcept=grade))
    assert (stranger.reason, stranger.code, stranger.concepts) == ("unknown-answer", "gering", ("ascites_grade",))


def test_a_value_that_is_not_there_is_no_matter_of_codes() -> None:
    assert found(observation(coded(LOINC, "1742-6"))) == []
    absent = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]}
    assert found(observation(coded(LOINC, "1742-6"), dataAbsentReason=absent)) == []


def test_a_drug_named_by_text_only_is_listed_by_its_text() -> None:
    request = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order"}
    drug = {"subject": SUBJECT, "authoredOn": "2024-04-01", "medicationCodeableConcept": {"text": "mystery drug"}}
    (stranger,) = found({**request, **drug})
    assert (stranger.system, stranger.code, stranger.reason) == (None, None, "unknown")
    assert stranger.display == "mystery drug"


TWO_DRUGS = {"coding": [{"system": ATC, "code": "L01EX08"}, {"system": ATC, "code": "L01EX02"}]}
BY_REFERENCE = [
    ("Medication/d1", {}, {"resourceType": "Medication", "id": "d1", "code": TWO_DRUGS}),
    ("#d1", {"contained": [{"resourceType": "Medication", "id": "d1", "code": TWO_DRUGS}]}, None),
]


@pytest.mark.parametrize(("reference", "more", "beside"), BY_REFERENCE)
@pytest.mark.parametrize("kind", ["MedicationStatement", "MedicationDispense"])
def test_a_conflict_that_stands_in_a_referenced_medication_shows_its_codes(
    kind: str, reference: str, more: dict[str, object], beside: dict[str, object] | None
) -> None:
    times = {"effectiveDateTime": "2024-04-01", "whenHandedOver": "2024-04-01"}
    words = {"type": coded("http://h.example/kinds", "FF")}  # of a dispense; not what was dispensed
    pointing = {"medicationReference": {"reference": reference}, "subject": SUBJECT, "status": "completed"}
    drug = {"resourceType": kind, "id": "m1", **pointing, **times, **words, **more}
    shown = {(s.reference, s.system, s.code, s.reason, s.concepts) for s in found(drug, *([beside] if beside else []))}
    assert shown == {
        (f"{kind}/m1", ATC, "L01EX08", "code-conflict", ("lenvatinib",)),
        (f"{kind}/m1", ATC, "L01EX02", "code-conflict", ("sorafenib",)),
    }


def test_an_older_copy_does_not_speak_for_the_newer_one() -> None:
    old = observation(coded(LOINC, "1742-6"), valueQuantity={"value": 1, "unit": "old"})
    new = observation(coded(LOINC, "1742-6"), valueQuantity={"value": 1, "unit": "new"})
    old["meta"], new["meta"] = {"lastUpdated": "2024-01-01T00:00:00Z"}, {"lastUpdated": "2024-02-01T00:00:00Z"}
    (stranger,) = found(new, old)
    assert stranger.unit == "new"
