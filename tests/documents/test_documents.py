"""Bytes become entries whatever they are; what is unusable as a whole is one clear line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.errors import InputError
from adapter.fhir.documents import read_document
from adapter.normalize.records import read_records
from adapter.timeline.events import Measurement, Problem
from tests.normalize.reading import (
    AS_OF,
    PATIENT,
    coded,
    condition,
    drug,
    facts,
    lab,
    only,
    procedure,
    read,
    read_all,
    reasons,
    terminology,
)

SNOMED = "http://snomed.info/sct"
LAB = lab("1742-6", 30, "U/L")
HCC = coded(SNOMED, "109841003")
DEEP = b"[" * 100_000 + b"]" * 100_000


def bundle(*resources: Any, **members: Any) -> bytes:
    entries = [{"resource": r} for r in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries, **members}).encode()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"hello", "not JSON"),
        (b"<Bundle/>", "not JSON"),
        (bundle(PATIENT)[:-9], "not JSON"),
        (bundle(PATIENT) + b"}", "not JSON"),
        (bundle(PATIENT, LAB).replace(b": 30", b": NaN"), "not JSON"),
        (bundle(PATIENT, LAB).replace(b": 30", b": -Infinity"), "not JSON"),
        (bundle(PATIENT).replace(b"male", b"\xff\xfe"), "not UTF-8"),
        (bundle(PATIENT).decode().encode("utf-16"), "not UTF-8"),
        (DEEP, "nested too deep"),
        (b'{"resourceType":"Bundle","entry":' + DEEP + b"}", "nested too deep"),
        (b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","name":' + DEEP + b"}}]}", "deep"),
        (b"[]", "no FHIR resource"),
        (b"5", "no FHIR resource"),
        (b'{"a": 1}', "resourceType"),
        (b'{"resourceType":"Bundle","entry":5}', "no array"),
        (b'{"resourceType":"CapabilityStatement","fhirVersion":"3.0.2"}', "FHIR 3.0.2"),
        (bundle(PATIENT, {"resourceType": "MedicationOrder", "id": "m"}), "STU3 or older"),
        (bundle(PATIENT, condition(HCC, verificationStatus="confirmed")), "STU3 or older"),
        (
            bundle(
                PATIENT,
                condition(HCC, verificationStatus="confirmed"),
                procedure("tace", context={"reference": "Encounter/e"}),
                drug("MedicationRequest", "lenvatinib", status="active", context={"reference": "Encounter/e"}),
            ),
            "STU3 or older",
        ),
        (
            bundle(PATIENT, {"resourceType": "MedicationStatement", "id": "m", "medication": {"concept": HCC}}),
            "R5 or newer",
        ),
    ],
)
def test_what_is_unusable_as_a_whole_is_one_line(content: bytes, cause: str) -> None:
    with pytest.raises(InputError) as error:
        read_document(content, "input.json")
    assert cause in str(error.value)
    assert "input.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_is_nothing() -> None:
    assert len(read_document(b"\xef\xbb\xbf" + bundle(PATIENT, LAB), "x").entries) == 2


def test_one_condition_of_another_version_spoils_only_itself() -> None:
    known = condition(HCC, "c2", verificationStatus=coded("x", "confirmed"))
    odd = condition(HCC, "c1", verificationStatus="confirmed")
    assert reasons(known, odd) == {"Condition/c1": "malformed"}
    assert len(facts(Problem, known, odd)) == 1


@pytest.mark.parametrize(
    "entry", [None, 5, "text", [], {}, {"resource": None}, {"resource": 7}, {"fullUrl": "http://x"}]
)
def test_an_entry_that_is_no_resource_is_malformed_and_spoils_nothing(entry: Any) -> None:
    whole = {"resourceType": "Bundle", "type": "collection", "entry": [entry, {"resource": PATIENT}, {"resource": LAB}]}
    document = read_document(json.dumps(whole).encode(), "x")
    record = only(read_records(document.entries, terminology=terminology(), zone="UTC"))
    found = record.accounts(AS_OF)
    assert [(r.reference, r.reason.split(":")[0]) for r in found.rejected] == [("Bundle.entry[0]", "malformed")]
    assert (found.resources, found.used) == (3, 2)


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"code": [lab("1742-6", 1)["code"]]}, 30),
        ({"subject": [{"reference": "Patient/p1"}]}, 30),
        ({"status": ["final"]}, 30),
        ({"valueQuantity": {"value": "30", "unit": "U/L"}}, 30),
        ({"valueQuantity": [{"value": 30, "unit": "U/L"}]}, 30),
        ({"referenceRange": {"high": {"value": 40}}}, 30),
        ({"unknownElement": {"x": [1, None]}, "note": 5, "interpretation": "H"}, 30),
        ({"component": None, "bodySite": None, "issued": None}, 30),
        ({"id": 17}, 30),
    ],
)
def test_broken_cardinality_does_not_lose_a_value(members: dict[str, Any], value: int) -> None:
    assert [m.value.number for m in facts(Measurement, {**LAB, **members})] == [value]


def test_a_number_beyond_a_double_is_malformed_and_all_else_is_used() -> None:
    text = bundle(PATIENT, LAB, lab("1920-8", 31, "U/L", "o2")).replace(b": 30", b": 1e400")
    record = only(read_records(read_document(text, "x").entries, terminology=terminology(), zone="UTC"))
    found = record.accounts(AS_OF)
    assert [(r.reference, r.reason.split(":")[0]) for r in found.rejected] == [("Observation/o1", "malformed")]
    assert found.used == 2


def test_numbers_are_exact() -> None:
    text = bundle(PATIENT, LAB).replace(b": 30", b": 0.1234567890123456789")
    record = only(read_records(read_document(text, "x").entries, terminology=terminology(), zone="UTC"))
    assert [str(e.value.number) for e in record.timeline.events if isinstance(e, Measurement)] == [
        "0.1234567890123456789"
    ]


def test_do_not_perform_is_never_guessed() -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "s",
        "subject": {"reference": "Patient/p1"},
        "doNotPerform": "maybe",
    }
    assert reasons(order) == {"ServiceRequest/s": "malformed"}


@pytest.mark.parametrize("kind", ["collection", "searchset", "transaction", "batch", "history", "document", None])
def test_every_kind_of_bundle_is_read(kind: str | None) -> None:
    assert len(facts(Measurement, LAB, bundle={"type": kind})) == 1


def test_an_entry_object_for_an_array_is_one_entry() -> None:
    whole = {"resourceType": "Bundle", "type": "collection", "entry": {"resource": PATIENT}}
    assert len(read_document(json.dumps(whole).encode(), "x").entries) == 1


def test_a_bundle_without_entries_is_empty() -> None:
    assert len(read_document(b'{"resourceType":"Bundle","type":"searchset"}', "x").entries) == 0


def test_bundles_in_a_bundle_are_opened() -> None:
    inner = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": LAB}]}
    assert len(facts(Measurement, inner, bundle={"type": "batch-response"})) == 1


def test_a_deleted_resource_of_a_history_does_not_count() -> None:
    whole = {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [{"request": {"method": "DELETE", "url": "Observation/o1"}}, {"resource": PATIENT}, {"resource": LAB}],
    }
    record = only(
        read_records(read_document(json.dumps(whole).encode(), "x").entries, terminology=terminology(), zone="UTC")
    )
    assert record.timeline.events == ()
    assert record.accounts(AS_OF).not_counted == 1


@pytest.mark.parametrize(
    ("kind", "severity", "link", "types"),
    [
        ("searchset", "warning", "http://s.example/fhir/Observation?patient=p1", {"Observation"}),
        ("searchset", "error", "http://s.example/fhir/Condition/_search", {"Condition"}),
        ("searchset", "information", "http://s.example/fhir/Observation", set()),
        ("collection", "error", "http://s.example/fhir/Observation", set()),
    ],
)
def test_an_outcome_in_a_searchset_admits_what_is_missing(kind: str, severity: str, link: str, types: set[str]) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "incomplete"}]}
    text = bundle(PATIENT, outcome, type=kind, link=[{"relation": "self", "url": link}])
    document = read_document(text, "x")
    assert {kind for kind, _ in document.incomplete} == types
    record = only(read_records(document.entries, terminology=terminology(), zone="UTC", incomplete=document.incomplete))
    assert record.timeline.incomplete == types
    assert record.accounts(AS_OF).other_type == 1


def test_the_search_link_tells_the_base_of_absolute_references() -> None:
    mine = {**LAB, "subject": {"reference": "http://s.example/fhir/Patient/p1"}}
    link = [{"relation": "self", "url": "http://s.example/fhir/Observation?patient=p1"}]
    assert len(read(mine, bundle={"type": "searchset", "link": link}).patients) == 1
    assert len(read_all(PATIENT, mine).patients) == 2


def test_a_resource_type_that_nobody_knows_is_another_type() -> None:
    record = only(read({"resourceType": "FooType", "id": "f", "subject": {"reference": "Patient/p1"}}))
    assert record.accounts(AS_OF).other_type == 1


def entry_text(resource: Any) -> str:
    return json.dumps({"resource": resource})


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (f"[{entry_text(LAB)}]", f"[{entry_text(PATIENT)}]", "collection"),
        (f"[{entry_text(PATIENT)}]", "[]", "searchset"),
        ("[5]", f"[{entry_text(PATIENT)}]", "collection"),
        (f"[{entry_text(PATIENT)}]", "null", "collection"),
        (f"[{entry_text(PATIENT)}]", f"[{entry_text({'resourceType': 'List', 'entry': []})}]", "collection"),
    ],
)
def test_a_bundle_with_two_lists_of_entries_is_refused_because_one_would_be_lost(
    first: str, second: str, kind: str
) -> None:
    text = f'{{"entry": {first}, "resourceType": "Bundle", "type": "{kind}", "entry" : {second}}}'
    with pytest.raises(InputError, match=r"file: Bundle\.entry stands there twice"):
        read_document(text.encode(), "file")
    outer = f'{{"resourceType":"Bundle","entry":[{entry_text(PATIENT)},{{"resource":{text}}}]}}'
    with pytest.raises(InputError, match=r"Bundle\.entry\[1\]: Bundle\.entry stands there twice"):
        read_document(outer.encode(), "file")


def test_the_word_entry_elsewhere_in_a_bundle_disturbs_nothing() -> None:
    listing = {"resourceType": "List", "id": "l", "entry": [{"entry": "@"}] * 2}
    text = bundle(PATIENT, {**LAB, "note": [{"text": "entry"}]}, listing, meta={"tag": [{"code": "entry"}]})
    assert len(read_document(text.replace(b'"@"', b"9" * 5000), "file").entries) == 3


def test_a_copy_of_a_resource_in_a_bundle_inside_is_a_copy_and_what_is_new_there_is_used() -> None:
    accounts = only(read(json.loads(bundle(PATIENT, LAB)))).accounts(AS_OF)
    assert (accounts.resources, accounts.used, accounts.not_counted) == (3, 2, 1)


def test_a_searchset_inside_a_bundle_admits_what_is_missing_too() -> None:
    warned = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}
    link = [{"relation": "self", "url": "http://server/fhir/Observation?patient=p1"}]
    inner = json.loads(bundle(LAB, warned, type="searchset", link=link))
    found = read_document(bundle(PATIENT, inner, type="batch-response"), "file")
    assert found.incomplete == (("Observation", "warning: incomplete"),)
