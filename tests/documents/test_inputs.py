"""Files, folders and standard input become shares, each evaluated for itself."""

from __future__ import annotations

import gc
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from adapter.errors import InputError
from adapter.fhir.inputs import Share, read_input
from adapter.normalize.accounts import Accounts
from adapter.normalize.records import read_records
from adapter.timeline.events import Exposure
from tests.normalize.reading import AS_OF, OWN, PATIENT, coded, lab, terminology

NO_INPUT = io.BytesIO()
READ: dict[str, Any] = {"terminology": terminology(), "zone": "UTC"}


def text(*resources: Any) -> bytes:
    return b"\n".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in resources) + b"\n"


def bundle(*resources: Any) -> bytes:
    entries = [{"resource": r} for r in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def patient(name: str) -> dict[str, Any]:
    return {**PATIENT, "id": name}


def value(owner: str, identity: str) -> dict[str, Any]:
    return lab("1742-6", 30, "U/L", identity, subject={"reference": f"Patient/{owner}"})


def shares(source: str | Path, content: bytes = b"") -> list[Share]:
    return list(read_input(str(source), io.BytesIO(content)))


def counts(found: list[Share]) -> list[tuple[str, int]]:
    """Patient and number of resources of every share that has one."""
    return [(reference, account.resources) for reference, account in accounts(found)]


def accounts(found: list[Share]) -> list[tuple[str, Accounts]]:
    listed = []
    for share in found:
        records = read_records(share.entries, terminology=terminology(), zone="UTC")
        listed += [(r.reference, r.accounts(AS_OF)) for r in records.patients]
    return listed


def test_standard_input_is_a_bundle_a_resource_or_lines() -> None:
    assert counts(shares("-", bundle(PATIENT, value("p1", "o1")))) == [("Patient/p1", 2)]
    assert counts(shares("-", json.dumps(PATIENT, indent=2).encode())) == [("Patient/p1", 1)]
    assert counts(shares("-", text(PATIENT, value("p1", "o1")))) == [("Patient/p1", 2)]


def test_lines_are_grouped_by_patient_and_a_bad_line_is_listed() -> None:
    lines = text(patient("a"), value("b", "o1"), b"", b"not json", value("a", "o2"), patient("b"), b"\xff{}")
    found = accounts(shares("-", lines))
    assert [(reference, account.used) for reference, account in found] == [("Patient/a", 2), ("Patient/b", 2)]
    nobody = read_records(shares("-", lines)[-1].entries, terminology=terminology(), zone="UTC")
    assert [(o.reference, o.reason) for o in nobody.orphans] == [
        ("standard input:4", "malformed: not JSON"),
        ("standard input:7", "malformed: not UTF-8"),
    ]


def test_the_only_patient_lists_the_bad_line() -> None:
    [(_, account)] = accounts(shares("-", text(PATIENT, b"{", value("p1", "o1"))))
    assert [(r.reference, r.reason) for r in account.rejected] == [("standard input:2", "malformed: not JSON")]
    assert account.resources == 3


def test_a_folder_is_bundles_each_for_itself_and_one_pool(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(bundle(PATIENT, value("p1", "o1")))
    (tmp_path / "two.json").write_bytes(bundle(PATIENT))
    (tmp_path / "patients.ndjson").write_bytes(text(patient("a"), patient("b")))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "values.ndjson").write_bytes(text(value("b", "o1"), value("a", "o2")))
    (tmp_path / "single.json").write_text(json.dumps(value("a", "o3"), indent=1))
    (tmp_path / "readme.txt").write_text("not looked at")
    assert counts(shares(tmp_path)) == [("Patient/p1", 2), ("Patient/p1", 1), ("Patient/a", 3), ("Patient/b", 2)]


def test_a_pooled_dose_finds_its_medication_in_another_file(tmp_path: Path) -> None:
    dose = {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "Medication/d1"},
        "effectiveDateTime": "2024-03-01",
    }
    (tmp_path / "a.ndjson").write_bytes(text(PATIENT, dose, patient("p2")))
    (tmp_path / "b.ndjson").write_bytes(
        text({"resourceType": "Medication", "id": "d1", "code": coded(OWN, "sintilimab")})
    )
    first = read_records(shares(tmp_path)[0].entries, terminology=terminology(), zone="UTC").patients[0]
    assert [e.drug for e in first.timeline.events if isinstance(e, Exposure)] == ["sintilimab"]


def linked(identity: str, kind: str, other: str) -> dict[str, Any]:
    return {**patient(identity), "link": [{"other": {"reference": f"Patient/{other}"}, "type": kind}]}


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([patient("a"), linked("b", "replaced-by", "a")], {"Patient/a": 2}),
        ([linked("a", "replaces", "b")], {"Patient/a": 2}),
        ([patient("a"), linked("b", "seealso", "a")], {"Patient/a": 1, "Patient/b": 1}),
        ([linked("a", "replaced-by", "b"), linked("b", "replaced-by", "a")], {"Patient/a": 1, "Patient/b": 1}),
        ([patient("a"), linked("b", "replaced-by", "gone")], {"Patient/a": 1, "Patient/b": 1}),
        ([patient("a"), linked("c", "replaced-by", "a"), linked("b", "replaced-by", "c")], {"Patient/a": 2}),
    ],
)
def test_merged_records_of_a_pool_are_one_patient(people: list[dict[str, Any]], expected: dict[str, int]) -> None:
    content = text(*people, value("a", "o1"), value("b", "o2"))
    whole = read_records(shares("-", bundle(*people, value("a", "o1"), value("b", "o2")))[0].entries, **READ)
    assert {r.reference: len(r.timeline.events) for r in whole.patients} == expected
    found = {}
    for share in shares("-", content):
        for record in read_records(share.entries, only=share.patient, **READ).patients:
            found[record.reference] = len(record.timeline.events)
    assert found == expected


def test_references_by_identifier_find_their_patient_and_medication_in_a_pool() -> None:
    mrn, stock = ({"system": f"http://h.example/{name}", "value": "7"} for name in ("mrn", "stock"))
    dose = {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "status": "completed",
        "subject": {"identifier": mrn},
        "medicationReference": {"identifier": stock},
        "effectiveDateTime": "2024-03-01",
    }
    drug = {"resourceType": "Medication", "id": "d1", "identifier": [stock], "code": coded(OWN, "sintilimab")}
    found = shares("-", text({**patient("a"), "identifier": [mrn]}, patient("b"), dose, drug))
    events = {}
    for share in found:
        for record in read_records(share.entries, only=share.patient, **READ).patients:
            events[record.reference] = [e.drug for e in record.timeline.events if isinstance(e, Exposure)]
    assert events == {"Patient/a": ["sintilimab"], "Patient/b": []}


def test_an_identifier_of_two_patients_names_neither() -> None:
    mrn = {"system": "http://h.example/mrn", "value": "7"}
    stray = {**value("a", "o1"), "subject": {"identifier": mrn}}
    found = shares("-", text(*({**patient(p), "identifier": [mrn]} for p in "ab"), stray))
    people = {r.reference: len(r.timeline.events) for s in found for r in read_records(s.entries, **READ).patients}
    assert people == {"Patient/a": 0, "Patient/b": 0}


def test_a_newer_copy_that_went_to_another_patient_takes_the_fact_along() -> None:
    older = {**value("a", "o1"), "meta": {"versionId": "1"}}
    newer = {**value("b", "o1"), "meta": {"versionId": "2"}}
    found = shares("-", text(patient("a"), patient("b"), older, newer))
    events = {}
    for share in found:
        for record in read_records(share.entries, terminology=terminology(), zone="UTC", only=share.patient).patients:
            events[record.reference] = len(record.timeline.events)
    assert events == {"Patient/a": 0, "Patient/b": 1}


def test_a_bad_file_of_a_folder_is_a_trouble_and_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(b"{")
    (tmp_path / "empty.ndjson").write_bytes(b"")
    (tmp_path / "good.json").write_bytes(bundle(PATIENT))
    found = shares(tmp_path)
    assert counts(found) == [("Patient/p1", 1)]
    troubles = [s.trouble for s in found if s.trouble]
    assert [t.split(":")[0] for t in troubles] == ["bad.json", "empty.ndjson"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nothing\nhere\n"])
def test_lines_without_a_resource_are_unusable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(content)
    with pytest.raises(InputError):
        shares(path)


def test_a_missing_path_and_an_empty_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        shares(tmp_path / "none.json")
    with pytest.raises(InputError, match="holds no"):
        shares(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    path.write_bytes(bundle(PATIENT))
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        shares(path)


def test_memory_does_not_grow_with_the_number_of_patients(tmp_path: Path) -> None:
    def peak(patients: int) -> int:
        path = tmp_path / f"{patients}.ndjson"
        with path.open("wb") as stream:
            for number in range(patients):
                owner = f"p{number}"
                stream.write(text(patient(owner), *(value(owner, f"o{number}-{i}") for i in range(30))))
        tracemalloc.start()  # thirty facts each: Python keeps shorter tuples for reuse
        for share in read_input(str(path), NO_INPUT):
            read_records(share.entries, terminology=terminology(), zone="UTC")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(20)
    gc.freeze()  # as in a process of its own: what other tests have left behind makes full collections rare
    gc.collect()
    try:
        assert peak(1000) < 3 * peak(100)
    finally:
        gc.unfreeze()


def test_a_line_with_a_bundle_that_cannot_be_read_is_malformed_not_another_type() -> None:
    twice = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"x"}}],"entry":[]}'
    ((reference, account),) = accounts(shares("-", text(patient("a"), twice)))
    assert reference == "Patient/a" and account.other_type == 0
    assert [(one.reference, one.reason) for one in account.rejected] == [
        ("standard input:2", "malformed: Bundle.entry stands there twice; put all entries into one list")
    ]


def test_a_medication_that_nobody_points_at_is_counted_beside_several_patients() -> None:
    alone = {"resourceType": "Medication", "id": "d1"}
    found = shares("-", text(patient("a"), patient("b"), alone))
    orphans = [o.reference for s in found for o in read_records(s.entries, only=s.patient, **READ).orphans]
    assert orphans == ["Medication/d1"]
