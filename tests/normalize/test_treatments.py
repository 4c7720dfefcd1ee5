"""Drugs, procedures and plans: exposure, its ending, and what is only planned."""

from __future__ import annotations

from typing import Any

import pytest

from adapter.timeline.events import Exposure, Performed, Plan
from adapter.values import parse_as_of
from tests.normalize.reading import (
    ATC,
    OWN,
    PATIENT,
    SUBJECT,
    accounts,
    coded,
    drug,
    fact,
    facts,
    only,
    procedure,
    read,
    read_all,
    read_document_of,
    reasons,
    terminology,
)

ADMINISTRATION, STATEMENT = "MedicationAdministration", "MedicationStatement"
REQUEST, DISPENSE = "MedicationRequest", "MedicationDispense"
ON = "2024-03-01"
PERIOD = {"start": ON, "end": "2024-03-20"}
OPEN_PERIOD = {"start": ON}


@pytest.mark.parametrize(
    ("kind", "key", "members", "end", "ending"),
    [
        (ADMINISTRATION, "camrelizumab", {"status": "completed", "effectiveDateTime": ON}, ON, "known"),
        (ADMINISTRATION, "camrelizumab", {"status": "completed", "effectivePeriod": PERIOD}, "2024-03-20", "known"),
        (ADMINISTRATION, "lenvatinib", {"status": "in-progress", "effectivePeriod": OPEN_PERIOD}, None, "open"),
        (ADMINISTRATION, "lenvatinib", {"status": "completed", "effectivePeriod": OPEN_PERIOD}, None, "unknown"),
        (STATEMENT, "lenvatinib", {"status": "active", "effectivePeriod": OPEN_PERIOD}, None, "open"),
        (STATEMENT, "lenvatinib", {"status": "active", "effectiveDateTime": ON}, None, "open"),
        (STATEMENT, "lenvatinib", {"status": "active", "effectivePeriod": PERIOD}, "2024-03-20", "known"),
        (STATEMENT, "bevacizumab", {"status": "active", "effectiveDateTime": ON}, ON, "known"),
        (
            STATEMENT,
            "bevacizumab",
            {"status": "active", "effectivePeriod": OPEN_PERIOD, "dateAsserted": "2024-03-09"},
            "2024-03-09",
            "known",
        ),
        (STATEMENT, "entecavir", {"status": "stopped", "effectivePeriod": OPEN_PERIOD}, None, "unknown"),
        (
            STATEMENT,
            "entecavir",
            {"status": "completed", "effectivePeriod": OPEN_PERIOD, "dateAsserted": "2024-03-09"},
            "2024-03-09",
            "known",
        ),
        (STATEMENT, "entecavir", {"status": "on-hold", "effectivePeriod": PERIOD}, "2024-03-20", "on-hold"),
        (
            STATEMENT,
            "entecavir",
            {"status": "on-hold", "effectivePeriod": OPEN_PERIOD, "dateAsserted": "2024-03-09"},
            "2024-03-09",
            "on-hold",
        ),
        (REQUEST, "lenvatinib", {"status": "completed", "intent": "order", "authoredOn": ON}, None, "unknown"),
        (DISPENSE, "lenvatinib", {"status": "completed", "whenHandedOver": ON}, None, "unknown"),
        (
            DISPENSE,
            "lenvatinib",
            {"status": "completed", "whenHandedOver": ON, "daysSupply": {"value": 20}},
            "2024-03-20",
            "known",
        ),
    ],
)
def test_an_exposure_ends_as_its_record_says(
    kind: str, key: str, members: dict[str, Any], end: str | None, ending: str
) -> None:
    found = fact(Exposure, drug(kind, key, **members))
    assert (found.drug, found.start.iso, found.end and found.end.iso, found.ending) == (key, ON, end, ending)
    assert found.administered is (kind == ADMINISTRATION)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ADMINISTRATION, "not-done"),
        (ADMINISTRATION, "entered-in-error"),
        (ADMINISTRATION, "on-hold"),
        (STATEMENT, "not-taken"),
        (STATEMENT, "intended"),
        (STATEMENT, "entered-in-error"),
        (DISPENSE, "cancelled"),
    ],
)
def test_a_status_that_does_not_count_is_not_counted(kind: str, status: str) -> None:
    resource = drug(kind, "lenvatinib", status=status, effectiveDateTime=ON, whenHandedOver=ON)
    assert facts(Exposure, resource) == []
    assert accounts(resource).not_counted == 1


def test_an_active_order_of_an_oral_drug_is_exposure_and_of_an_infusion_a_plan() -> None:
    order = {"status": "active", "intent": "order", "authoredOn": ON}
    oral, infused = drug(REQUEST, "lenvatinib", **order), drug(REQUEST, "camrelizumab", **order)
    assert fact(Exposure, oral).ending == "open"
    assert facts(Exposure, infused) == []
    plan = fact(Plan, infused)
    assert (plan.what, plan.drug, plan.on, plan.authored and plan.authored.iso) == ("camrelizumab", True, None, ON)


def test_an_order_is_timed_by_its_own_timing() -> None:
    timed = [{"timing": {"event": ["2024-05-08"]}}]
    infused = drug(REQUEST, "camrelizumab", status="active", intent="order", authoredOn=ON, dosageInstruction=timed)
    on = fact(Plan, infused).on
    assert on is not None
    assert on.iso == "2024-05-08"
    bounds = [{"timing": {"repeat": {"boundsPeriod": {"start": "2024-04-01", "end": "2024-06-01"}}}}]
    oral = drug(REQUEST, "lenvatinib", status="active", intent="order", authoredOn=ON, dosageInstruction=bounds)
    found = fact(Exposure, oral)
    assert (found.start.iso, found.end and found.end.iso, found.ending) == ("2024-04-01", "2024-06-01", "known")
    until = fact(Plan, oral).until
    assert until is not None
    assert until.iso == "2024-06-01"


@pytest.mark.parametrize(
    "members",
    [{"intent": "plan"}, {"intent": "proposal"}, {"intent": "order", "doNotPerform": True}, {"status": "cancelled"}],
)
def test_what_is_no_order_is_not_counted(members: dict[str, Any]) -> None:
    resource = drug(REQUEST, "lenvatinib", **{"status": "active", "intent": "order", "authoredOn": ON, **members})
    assert only(read(resource)).timeline.events == ()
    assert accounts(resource).not_counted == 1


def test_a_draft_of_any_drug_is_a_plan() -> None:
    draft = drug(REQUEST, "lenvatinib", status="draft", intent="order", authoredOn=ON)
    assert facts(Exposure, draft) == []
    assert fact(Plan, draft).oral


def test_an_uncoded_drug_is_known_by_its_exact_name_only() -> None:
    def given(text: str) -> dict[str, Any]:
        return drug(
            ADMINISTRATION, "x", medicationCodeableConcept={"text": text}, status="completed", effectiveDateTime=ON
        )

    found = fact(Exposure, given("信迪利单抗"))
    assert (found.drug, found.notes) == ("sintilimab", ("by-name",))
    assert accounts(given("sintilimab 200 mg")).unmapped_count == 1


def test_names_of_two_drugs_are_a_conflict() -> None:
    concept = {"text": "lenvatinib", "coding": [{"system": "http://x.example", "code": "1", "display": "Sorafenib"}]}
    resource = drug(ADMINISTRATION, "x", medicationCodeableConcept=concept, status="completed", effectiveDateTime=ON)
    assert reasons(resource) == {"MedicationAdministration/m1": "code-conflict"}


def test_a_known_code_is_never_overruled_by_a_name() -> None:
    concept = {"text": "sorafenib", "coding": coded(ATC, "L01EX08")["coding"]}
    resource = drug(ADMINISTRATION, "x", medicationCodeableConcept=concept, status="completed", effectiveDateTime=ON)
    assert fact(Exposure, resource).drug == "lenvatinib"


@pytest.mark.parametrize("reference", ["Medication/d1", "Medication/d1/_history/3", "#inner"])
def test_a_referenced_medication_is_found(reference: str) -> None:
    dose = drug(
        ADMINISTRATION, "x", status="completed", effectiveDateTime=ON, medicationReference={"reference": reference}
    )
    del dose["medicationCodeableConcept"]
    dose["contained"] = [{"resourceType": "Medication", "id": "inner", "code": coded(OWN, "penpulimab")}]
    medication = {"resourceType": "Medication", "id": "d1", "code": coded(OWN, "penpulimab")}
    assert fact(Exposure, dose, medication).drug == "penpulimab"
    assert accounts(dose, medication).used == (2 if reference == "#inner" else 3)


@pytest.mark.parametrize(
    "reference", [{"reference": "Medication/none"}, {"display": "lenvatinib"}, {"reference": "#no"}]
)
def test_a_medication_that_cannot_be_had_is_unresolved(reference: dict[str, str]) -> None:
    dose = drug(ADMINISTRATION, "x", status="completed", effectiveDateTime=ON, medicationReference=reference)
    del dose["medicationCodeableConcept"]
    assert reasons(dose) == {"MedicationAdministration/m1": "unresolved-reference"}


def test_a_medication_that_nothing_points_to_is_not_counted() -> None:
    assert accounts({"resourceType": "Medication", "id": "d1", "code": coded(OWN, "tace")}).not_counted == 1


def test_a_dose_without_time_is_not_used() -> None:
    assert reasons(drug(ADMINISTRATION, "lenvatinib", status="completed")) == {"MedicationAdministration/m1": "no-time"}


@pytest.mark.parametrize("status", ["completed", "in-progress", "stopped"])
def test_a_procedure_is_done_by_its_status(status: str) -> None:
    found = fact(Performed, procedure("deb_tace", status=status))
    assert (found.concept, found.when.iso) == ("deb_tace", ON)
    assert "tace" in found.groups


def test_a_procedure_may_last() -> None:
    period = {"start": ON, "end": "2024-03-04"}
    found = fact(Performed, procedure("haic", performedDateTime=None, performedPeriod=period))
    assert (found.when.iso, found.end and found.end.iso) == (ON, "2024-03-04")


def test_a_procedure_in_preparation_is_a_plan_that_is_always_known() -> None:
    plan = fact(Plan, procedure("hepatectomy", status="preparation", performedDateTime="2024-05-07"))
    assert (plan.what, plan.on and plan.on.iso, plan.authored, plan.preparation) == (
        "hepatectomy",
        "2024-05-07",
        None,
        True,
    )


@pytest.mark.parametrize(
    ("members", "counted"),
    [
        ({}, True),
        ({"status": "draft"}, True),
        ({"intent": "plan"}, True),
        ({"intent": "proposal"}, False),
        ({"status": "completed"}, False),
        ({"status": "revoked"}, False),
        ({"doNotPerform": True}, False),
        ({"occurrenceDateTime": "2024-04-01"}, False),
        ({"authoredOn": "2024-06-01"}, False),
    ],
)
def test_an_ordered_procedure_is_planned(members: dict[str, Any], counted: bool) -> None:
    base = {"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order", "subject": SUBJECT}
    when = {"authoredOn": "2024-04-20", "occurrenceDateTime": "2024-05-07", "code": coded(OWN, "hepatectomy")}
    found = accounts({**base, **when, **members})
    assert (found.used, found.not_counted) == ((2, 0) if counted else (1, 1))


def test_a_plan_of_a_passed_day_stays_on_the_timeline_for_the_guideline_to_see() -> None:
    assert len(facts(Plan, procedure("hepatectomy", status="preparation", performedDateTime="2024-04-01"))) == 1


def test_an_appointment_is_its_participants() -> None:
    booked = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "serviceType": [coded(OWN, "hepatectomy")],
        "start": "2024-05-07T08:00:00Z",
        "participant": [{"actor": {"reference": "Practitioner/x"}}, {"actor": {"reference": "Patient/p1"}}],
    }
    plan = fact(Plan, booked)
    assert (plan.what, plan.on and plan.on.iso) == ("hepatectomy", "2024-05-07")
    assert accounts({**booked, "status": "cancelled"}).not_counted == 1


@pytest.mark.parametrize(
    "resource",
    [
        {
            "resourceType": "ImagingStudy",
            "status": "available",
            "started": ON,
            "procedureCode": [coded(OWN, "mri_liver_contrast")],
        },
        {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "effectiveDateTime": ON,
            "code": coded(OWN, "mri_liver_contrast"),
        },
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "date": f"{ON}T09:00:00Z",
            "type": coded(OWN, "mdt_conference"),
        },
    ],
)
def test_scans_and_boards_are_dates(resource: dict[str, Any]) -> None:
    found = fact(Performed, {**resource, "id": "i1", "subject": SUBJECT})
    assert found.when.iso == ON


def test_draft_orders_are_plans_without_intent_or_subject() -> None:
    def draft(kind: str, **members: Any) -> dict[str, Any]:
        return {"resourceType": kind, "id": f"d-{kind}", "status": "draft", **members}

    orders = read_document_of(
        draft("MedicationRequest", medicationCodeableConcept=coded(OWN, "lenvatinib")),
        draft("ServiceRequest", code=coded(OWN, "hepatectomy"), subject=SUBJECT),
    )
    found = only(read_all(PATIENT, draft_orders=orders, terminology=terminology())).timeline.events
    assert [(p.what, p.draft) for p in found if isinstance(p, Plan)] == [("lenvatinib", True), ("hepatectomy", True)]


def test_a_dose_after_as_of_is_not_counted_until_then() -> None:
    dose = drug(ADMINISTRATION, "camrelizumab", status="completed", effectiveDateTime="2024-05-10")
    assert accounts(dose).not_counted == 1
    assert accounts(dose, as_of=parse_as_of("2024-05-10", "UTC")).used == 2
