"""Conditions, lesions, subjects, copies and the account of every resource."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapter.normalize.times import Moments
from adapter.timeline.events import Lesion, Measurement, Problem
from adapter.values import parse_as_of, parse_when
from tests.normalize.reading import (
    LOINC,
    OWN,
    PATIENT,
    SNOMED,
    SUBJECT,
    accounts,
    coded,
    condition,
    fact,
    facts,
    lab,
    observation,
    only,
    read,
    read_all,
    reasons,
    terminology,
)

HCC, CIRRHOSIS = coded(SNOMED, "109841003"), coded(SNOMED, "19943007")
STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


@pytest.mark.parametrize(
    ("members", "onset"),
    [
        ({"onsetDateTime": "2023-11"}, "2023-11"),
        ({"onsetDateTime": None, "onsetString": "about 2023-05-12 at home"}, "2023-05-12"),
        ({"onsetDateTime": None, "onsetString": "2023年5月"}, "2023-05"),
        ({"onsetDateTime": None, "onsetPeriod": {"start": "2023-05-12"}}, "2023-05-12"),
        ({"onsetDateTime": None, "recordedDate": "2023-05-12"}, None),
        ({"onsetDateTime": "unknown"}, None),
    ],
)
def test_onset_is_read_in_every_way_that_it_comes(members: dict[str, Any], onset: str | None) -> None:
    found = fact(Problem, condition(CIRRHOSIS, **members))
    assert (found.onset.iso if found.onset else None) == onset


def test_an_age_of_onset_needs_the_birth_and_spans_a_year() -> None:
    resource = condition(CIRRHOSIS, onsetDateTime=None, onsetAge={"value": 57, "code": "a"})
    found = fact(Problem, resource).onset
    assert found is not None
    assert found.last - found.first == 365
    unborn = {**PATIENT, "birthDate": None}
    events = only(read_all(unborn, resource)).timeline.events
    assert [e.onset for e in events if isinstance(e, Problem)] == [None]


@pytest.mark.parametrize(
    ("code", "used", "confirmed", "refuted"),
    [
        ("confirmed", 2, True, False),
        ("provisional", 2, False, False),
        ("unconfirmed", 2, False, False),
        ("differential", 2, False, False),
        ("refuted", 1, None, None),
        ("entered-in-error", 1, None, None),
    ],
)
def test_verification_decides_what_a_condition_says(
    code: str, used: int, confirmed: bool | None, refuted: bool | None
) -> None:
    resource = condition(HCC, verificationStatus=coded(STATUS, code))
    assert accounts(resource).used == used
    assert [(p.confirmed, p.refuted) for p in facts(Problem, resource)] == ([(confirmed, refuted)] if used == 2 else [])


def test_a_refuted_cirrhosis_is_kept() -> None:
    assert fact(Problem, condition(CIRRHOSIS, verificationStatus=coded(STATUS, "refuted"))).refuted


def test_a_verification_that_nobody_knows_is_not_confirmed() -> None:
    found = fact(Problem, condition(HCC, verificationStatus={"text": "Refuted"}))
    assert (found.confirmed, found.notes) == (False, ("verification-unclear",))


@pytest.mark.parametrize(
    ("conditions", "known"),
    [
        ([HCC], False),
        ([HCC, coded(SNOMED, "94391008")], False),
        ([HCC, CIRRHOSIS], True),
        ([HCC, coded(SNOMED, "38341003")], True),
        ([], False),
    ],
)
def test_conditions_were_read_when_one_beside_the_cancer_is_there(
    conditions: list[dict[str, Any]], known: bool
) -> None:
    given = [condition(code, f"c{i}") for i, code in enumerate(conditions)]
    assert only(read(*given)).timeline.conditions_read is known
    assert only(read(*given, complete=True)).timeline.conditions_read


def lesion(*parts: dict[str, Any], **members: Any) -> dict[str, Any]:
    return observation(coded(LOINC, "21889-1"), component=list(parts), **members)


def size(value: float, unit: str = "mm", **members: Any) -> dict[str, Any]:
    return {"code": coded(LOINC, "33728-7"), "valueQuantity": {"value": value, "unit": unit}, **members}


def part(key: str, **members: Any) -> dict[str, Any]:
    return {"code": coded(OWN, key), **members}


def test_a_lesion_has_its_sizes_role_enhancement_and_identity() -> None:
    found = fact(
        Lesion,
        lesion(
            size(5.6, "cm"),
            part("viable_diameter", valueQuantity={"value": 40, "unit": "mm"}),
            part("lesion_role", valueCodeableConcept=coded(OWN, "target")),
            part("arterial_phase_hyperenhancement", valueCodeableConcept=coded(OWN, "present")),
            part("lesion_id", valueString="L1"),
            part("imaging_modality", valueCodeableConcept=coded(OWN, "mri")),
        ),
    )
    assert found.diameter is not None
    assert found.viable is not None
    assert found.diameter.number == 56
    assert found.viable.number == 40
    assert (found.lesion, found.role, found.enhancement, found.modality) == ("L1", "target", "present", "mri")


@pytest.mark.parametrize(
    ("site", "key", "outside", "notes"),
    [
        (coded(SNOMED, "39607008"), "body_site_lung", True, ()),
        (coded(SNOMED, "10200004"), "body_site_liver", False, ()),
        (coded(SNOMED, "999"), None, False, ("site-unknown",)),
        (None, None, False, ()),
    ],
)
def test_a_lesion_is_outside_the_liver_only_at_a_listed_site(
    site: dict[str, Any] | None, key: str | None, outside: bool, notes: tuple[str, ...]
) -> None:
    found = fact(Lesion, lesion(size(12), bodySite=site))
    assert (found.site, found.extrahepatic, found.notes) == (key, outside, notes)


def test_a_lesion_in_focus_is_that_body_structure() -> None:
    structure = {"resourceType": "BodyStructure", "id": "b1", "patient": SUBJECT, "location": coded(SNOMED, "39607008")}
    resource = lesion(size(12), focus=[{"reference": "BodyStructure/b1"}], method=coded(SNOMED, "77477000"))
    found = fact(Lesion, resource, structure)
    assert (found.lesion, found.extrahepatic, found.modality) == ("BodyStructure/b1", True, "ct")
    assert accounts(resource, structure).used == 3
    assert accounts(structure).not_counted == 1


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([size(12, "U/L")], "unit"),
        ([{"code": coded(LOINC, "33728-7"), "valueQuantity": {"value": 12}}], "no-unit"),
        ([size(-1)], "implausible"),
        ([size(12, modifierExtension=[{"url": "x"}])], "modifier-extension"),
        ([part("lesion_role", valueCodeableConcept=coded(OWN, "target"))], "no-value"),
    ],
)
def test_a_lesion_with_an_unusable_part_is_not_used(parts: list[dict[str, Any]], reason: str) -> None:
    assert reasons(lesion(*parts)) == {"Observation/o1": reason}


BASE = "http://server.example/fhir"
HOME = {"fullUrl": f"{BASE}/Patient/p1", "resource": PATIENT}


def entry(subject: str, url: str | None = None) -> dict[str, Any]:
    resource = lab("1742-6", 30, "U/L", subject={"reference": subject})
    return {"fullUrl": url, "resource": resource} if url else {"resource": resource}


@pytest.mark.parametrize(
    ("subject", "url", "mine"),
    [
        ("Patient/p1", f"{BASE}/Observation/o1", True),
        ("Patient/p1/_history/2", f"{BASE}/Observation/o1", True),
        (f"{BASE}/Patient/p1", f"{BASE}/Observation/o1", True),
        ("Patient/p1", "urn:uuid:11111111-1111-1111-1111-111111111111", True),
        ("Patient/p1", None, True),
        ("Patient/p2", f"{BASE}/Observation/o1", False),
        ("http://elsewhere.example/fhir/Patient/p1", f"{BASE}/Observation/o1", False),
        ("Patient/p1", "http://elsewhere.example/fhir/Observation/o1", False),
        ("Patient/P1", f"{BASE}/Observation/o1", False),
    ],
)
def test_a_fact_reaches_its_own_patient_only(subject: str, url: str | None, mine: bool) -> None:
    records = read_all(HOME, entry(subject, url))
    own = records.patients[0]
    assert own.reference == "Patient/p1"
    assert len(own.timeline.events) == (1 if mine else 0)
    assert len(records.patients) == (1 if mine else 2)


def test_a_subject_is_answered_by_a_full_url() -> None:
    urn = "urn:uuid:22222222-2222-2222-2222-222222222222"
    nameless = {"resourceType": "Patient", "gender": "female"}
    records = read_all({"fullUrl": urn, "resource": nameless}, entry(urn))
    found = only(records)
    assert (found.reference, found.timeline.person.sex, len(found.timeline.events)) == (urn, "female", 1)


def test_a_subject_without_patient_resource_has_a_record_of_its_own() -> None:
    found = only(read_all(entry("Patient/p9")))
    assert (found.reference, found.given, found.timeline.person.birth) == ("Patient/p9", False, None)


@pytest.mark.parametrize(
    ("subject", "counts"),
    [({}, "rejected"), ({"display": "somebody"}, "rejected"), ({"reference": "Group/g1"}, "notCounted")],
)
def test_what_is_nobodys_is_listed_with_the_only_patient_and_else_apart(subject: dict[str, str], counts: str) -> None:
    stray = lab("1742-6", 30, "U/L", subject=subject)
    found = accounts(stray)
    assert (found.rejected_count, found.not_counted) == ((1, 0) if counts == "rejected" else (0, 1))
    two = read_all(PATIENT, {**PATIENT, "id": "p2"}, stray)
    assert [(o.reference, o.counts) for o in two.orphans] == [("Observation/o1", counts)]
    assert all(len(p.timeline.events) == 0 for p in two.patients)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"meta": {"lastUpdated": "2024-01-01T00:00:00Z"}}, {"meta": {"lastUpdated": "2024-01-01T00:00:00.5Z"}}),
        ({"meta": {"versionId": "9"}}, {"meta": {"versionId": "10"}}),
        ({"status": "final"}, {"status": "entered-in-error"}),
        ({"valueQuantity": {"value": 1, "unit": "U/L"}}, {"valueQuantity": {"value": 2, "unit": "U/L"}}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_copies_the_newer_counts_in_any_order(
    older: dict[str, Any], newer: dict[str, Any], turned: bool
) -> None:
    copies = [lab("1742-6", 10, "U/L", **older), lab("1742-6", 20, "U/L", **newer)]
    if newer.get("valueQuantity") is None:
        expected = [Decimal(20)] if newer.get("status") != "entered-in-error" else []
    else:
        expected = [Decimal(2)]
    given = copies[::-1] if turned else copies
    assert [m.value.number for m in facts(Measurement, *given)] == expected
    assert accounts(*given).not_counted == (1 if expected else 2)


def test_every_resource_is_in_exactly_one_count() -> None:
    found = accounts(
        lab("1742-6", 10, "U/L", "used"),
        lab("1742-6", 10, None, "rejected"),
        lab("99999-9", 10, None, "unmapped"),
        lab("1742-6", 10, "U/L", "cancelled", status="cancelled"),
        lab("1742-6", 10, "U/L", "later", effectiveDateTime="2024-06-01"),
        lab("99999-9", 10, "U/L", "later-unmapped", effectiveDateTime="2024-06-01"),
        lab("1742-6", 10, None, "later-rejected", effectiveDateTime="2024-06-01"),
        {"resourceType": "Encounter", "id": "e1", "subject": SUBJECT},
        {"resourceType": "Organization", "id": "g1"},
    )
    assert (found.used, found.rejected_count, found.unmapped_count) == (2, 1, 1)
    assert (found.not_counted, found.other_type) == (4, 2)


def test_versions_are_those_of_the_resources_that_have_one() -> None:
    found = only(read(lab("1742-6", 10, "U/L", meta={"versionId": "7"}), lab("1742-6", 1, "U/L", "o2")))
    assert found.versions == {"Observation/o1": "7"}


@pytest.mark.parametrize(
    ("members", "deceased"),
    [({"deceasedBoolean": True}, True), ({"deceasedBoolean": False}, False), ({}, False)],
)
def test_the_person_may_have_died(members: dict[str, Any], deceased: bool) -> None:
    assert only(read_all({**PATIENT, **members})).timeline.person.deceased is deceased


def test_a_time_of_death_is_kept() -> None:
    died = only(read_all({**PATIENT, "deceasedDateTime": "2024-02"})).timeline.person.deceased
    assert died not in (True, False)


def test_days_are_those_of_the_site() -> None:
    resource = lab("1742-6", 10, "U/L", effectiveDateTime="2024-04-28T23:30:00Z")
    assert fact(Measurement, resource, zone="Asia/Shanghai").when.iso == "2024-04-29"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
def test_remembered_times_are_those_of_the_full_reading(zone: str) -> None:
    moments = Moments(zone)
    texts = [
        f"{year}-{month:02d}-{day:02d}T{hour:02d}:{minute}:00{offset}"
        for year in (1986, 2023, 2024)
        for month, day in ((1, 1), (3, 10), (3, 31), (10, 27), (11, 3), (12, 31))
        for hour, minute in ((0, "00"), (1, "30"), (2, "30"), (6, "59"), (23, "59"))
        for offset in ("Z", "+08:00", "-05:00", "+05:30")
    ]
    wrong = ["2023-02-30T00:00:00Z", "2023-01-01T25:00:00Z", "2023-01-01T10:00:00?", "2023-01-01T24:00:00Z", "x" * 25]
    for text in [*texts, *texts[::-1], *wrong, "2024-01-01T10:00:00", "2024-01"]:
        moments.known.clear()
        assert moments.of(text) == parse_when(text, zone), text


def test_the_as_of_may_be_an_instant() -> None:
    resource = lab("1742-6", 10, "U/L", effectiveDateTime="2024-04-28T12:00:00Z")
    record = only(read_all(PATIENT, resource, terminology=terminology()))
    assert record.accounts(parse_as_of("2024-04-28T11:59:59Z", "UTC")).not_counted == 1
    assert record.accounts(parse_as_of("2024-04-28T12:00:00Z", "UTC")).used == 2
