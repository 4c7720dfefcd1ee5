"""What the reading of one record leaves behind for the next: what codes mean, and nothing that is anybody's own."""

from __future__ import annotations

import gc
import json
from types import FunctionType, ModuleType
from typing import Any

import pytest
from msgspec import Raw

from adapter.fhir.documents import read_document
from adapter.normalize.records import Record, read_records
from adapter.normalize.vocabulary import KEPT, LONGEST, vocabulary_of
from adapter.resources.repair import MALFORMED_NUMBER
from adapter.terminology import Terminology, load_terminology
from adapter.timeline.events import Measurement
from tests.normalize.reading import (
    AS_OF,
    INTERPRETATION,
    LOINC,
    OWN,
    PATIENT,
    SNOMED,
    coded,
    condition,
    drug,
    lab,
    observation,
    only,
    procedure,
)

HUGE = "1e400"
SECRET = "Zebedee Quill"
NOTED = [{"url": "http://ward.example/note", "valueString": SECRET}]


@pytest.fixture
def fresh() -> Terminology:
    """Tables of which nothing was read yet; whatever is remembered is remembered with them."""
    return load_terminology()


def record_of(tables: Terminology, *resources: dict[str, Any]) -> Record:
    """The record of patient p1; the text "@" stands for a number that no JSON writer writes."""
    entries = [{"resource": resource} for resource in (PATIENT, *resources)]
    text = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).replace('"@"', HUGE)
    return only(read_records(read_document(text.encode(), "test").entries, zone="UTC", terminology=tables))


PLAIN = lab("1742-6", 240, "U/L", referenceRange=[{"high": {"value": 40, "unit": "U/L"}}])
ODD = {
    **PLAIN,
    "contained": [{"resourceType": "Basic", "extension": [{"url": "http://x.example", "valueDecimal": "@"}]}],
}


def outcome(record: Record) -> tuple[int, list[str]]:
    """How many numbers are used, and the reasons why others are not."""
    used = [event for event in record.timeline.events if isinstance(event, Measurement)]
    return len(used), [one.reason for one in record.accounts(AS_OF).rejected]


@pytest.mark.parametrize(
    "before", [(), (PLAIN,), (ODD,), (PLAIN, ODD, PLAIN)], ids=["nothing", "twin", "itself", "all"]
)
def test_a_huge_number_in_a_contained_resource_is_malformed_whatever_was_read_before(
    fresh: Terminology, before: tuple[dict[str, Any], ...]
) -> None:
    for resource in before:
        record_of(fresh, resource)
    assert outcome(record_of(fresh, ODD)) == (0, [MALFORMED_NUMBER])
    assert outcome(record_of(fresh, PLAIN)) == (1, [])


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_twins_in_one_record_only_the_one_with_the_huge_number_is_malformed(
    fresh: Terminology, turned: bool
) -> None:
    twins = [{**PLAIN, "id": "plain"}, {**ODD, "id": "odd"}]
    record = record_of(fresh, *(twins[::-1] if turned else twins))
    assert outcome(record) == (1, [MALFORMED_NUMBER])
    assert [event.source for event in record.timeline.events] == ["Observation/plain"]


def remembered(tables: Terminology) -> list[bytes]:
    """Every text that is reached from the vocabulary of some tables, without the tables themselves."""
    found, met, waiting = [], {id(tables)}, [vocabulary_of(tables)]
    while waiting:
        one = waiting.pop()
        if id(one) in met or isinstance(one, type | ModuleType | FunctionType):
            continue
        met.add(id(one))
        if isinstance(one, bytes | Raw):
            found.append(bytes(one))
        elif isinstance(one, str):
            found.append(one.encode())
        waiting += gc.get_referents(one)
    return found


def with_words(code: dict[str, Any], words: dict[str, Any]) -> dict[str, Any]:
    """A code whose first coding has something more."""
    first, *others = code["coding"]
    return {**code, "coding": [{**first, **words}, *others]}


def patient_with(words: dict[str, Any]) -> list[dict[str, Any]]:
    """Every kind of element that is remembered, each with something more in it."""
    quantity = {"value": 240, "unit": "U/L", **words}
    ranges = [{"high": {"value": 40, "unit": "U/L"}, **words}]
    interpreted = [with_words(coded(INTERPRETATION, "H"), words)]
    return [
        lab("1742-6", 0, None, "value", valueQuantity=quantity),
        lab("1742-6", 240, "U/L", "range", referenceRange=ranges),
        lab("1742-6", 240, "U/L", "interpretation", interpretation=interpreted),
        observation(with_words(coded(LOINC, "1920-8"), words), "code", valueQuantity={"value": 30, "unit": "U/L"}),
        observation(coded(OWN, "cnlc_stage"), "word", valueCodeableConcept=with_words(coded(OWN, "IIIa"), words)),
        condition(with_words(coded(SNOMED, "109841003"), words)),
        {**drug("MedicationStatement", "lenvatinib", status="active", effectiveDateTime="2024-04-01")}
        | {"medicationCodeableConcept": with_words(coded(OWN, "lenvatinib"), words)},
        {**procedure("tace"), "code": with_words(coded(OWN, "tace"), words)},
    ]


@pytest.mark.parametrize(
    "words",
    [{"extension": NOTED}, {"display": f"{SECRET} {'x' * LONGEST}"}],
    ids=["an extension", "a text that is long"],
)
def test_no_element_that_holds_somebodys_words_is_remembered(fresh: Terminology, words: dict[str, Any]) -> None:
    plain = record_of(fresh, *patient_with({}))
    before = [text for text in remembered(fresh) if b"IIIa" in text or b"240" in text or b"lenvatinib" in text]
    assert len(before) > 2, "the plain elements are remembered"
    found = record_of(fresh, *patient_with(words))
    assert found.timeline.events == plain.timeline.events
    assert not [text for text in remembered(fresh) if SECRET.encode() in text]


def test_what_is_remembered_of_one_code_never_grows_without_end(fresh: Terminology) -> None:
    record_of(fresh, *(lab("1742-6", value, "U/L", f"o{value}") for value in range(KEPT + 50)))
    kept = [text for text in remembered(fresh) if text.startswith(b'{"value"')]
    assert 0 < len(kept) <= KEPT
