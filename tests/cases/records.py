"""Patients, conditions, drugs, procedures, plans and documents of a case."""

from __future__ import annotations

from typing import Any

from tests.cases import codes
from tests.cases.observations import Fact, effective

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def some(**members: Any) -> Fact:
    """The members that the case gives."""
    return {name: str(value) for name, value in members.items() if value is not None}


def instant(when: str) -> str:
    """A day as an instant of that day, for the elements that FHIR allows no plain date in."""
    return when if "T" in when else f"{when}T08:00:00Z"


def patient(fact: Fact) -> Fact:
    """The Patient resource."""
    deceased = fact.get("deceased")
    built: Fact = {
        "resourceType": "Patient",
        "id": fact.get("id", "p1"),
        **some(birthDate=fact.get("born", "1966-03-01"), gender=fact.get("sex", "male")),
    }
    if isinstance(deceased, bool):
        built["deceasedBoolean"] = deceased
    elif deceased is not None:
        built["deceasedDateTime"] = str(deceased)
    return built


def condition(fact: Fact) -> Fact:
    """A Condition, active and confirmed unless the case says otherwise."""
    built: Fact = {"resourceType": "Condition", "code": codes.concept_coding(fact["code"], "Condition")}
    for element, system, word in (
        ("clinicalStatus", CLINICAL, fact.get("clinical", "active")),
        ("verificationStatus", VERIFICATION, fact.get("verification", "confirmed")),
    ):
        if word is not None:
            built[element] = {"coding": [{"system": system, "code": word}]}
    return built | some(
        onsetDateTime=fact.get("onset"), abatementDateTime=fact.get("abatement"), recordedDate=fact.get("recorded")
    )


def medication(fact: Fact) -> Fact:
    """The drug of a medication resource."""
    return {"medicationCodeableConcept": codes.concept_coding(fact["drug"], "Medication")}


def dose(fact: Fact) -> Fact:
    """A MedicationAdministration."""
    frame = {"resourceType": "MedicationAdministration", "status": "completed"}
    return {**frame, **medication(fact), **effective(fact)}


def statement(fact: Fact) -> Fact:
    """A MedicationStatement."""
    frame = {"resourceType": "MedicationStatement", "status": "active"}
    return {**frame, **medication(fact), **effective(fact), **some(dateAsserted=fact.get("asserted"))}


def request(fact: Fact) -> Fact:
    """A MedicationRequest."""
    built = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", **medication(fact)}
    timing: Fact = {}
    if "on" in fact:
        timing["event"] = [str(fact["on"])]
    bounds = some(start=fact.get("from"), end=fact.get("to"))
    if bounds:
        timing["repeat"] = {"boundsPeriod": bounds}
    instruction = {"dosageInstruction": [{"timing": timing}]} if timing else {}
    return {**built, **some(authoredOn=fact.get("authored")), **instruction}


def dispense(fact: Fact) -> Fact:
    """A MedicationDispense."""
    built = {"resourceType": "MedicationDispense", "status": "completed", **medication(fact)}
    days = {"value": fact["days"], "unit": "d", "system": codes.UCUM, "code": "d"} if "days" in fact else None
    supply = {"daysSupply": days} if days else {}
    return {**built, **some(whenHandedOver=fact.get("on")), **supply}


def procedure(fact: Fact) -> Fact:
    """A Procedure."""
    code = codes.concept_coding(fact["code"], "Procedure")
    return {"resourceType": "Procedure", "status": "completed", "code": code, **effective(fact, "performed")}


def order(fact: Fact) -> Fact:
    """A ServiceRequest."""
    built = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    code = codes.concept_coding(fact["code"], "Procedure")
    return {**built, "code": code, **effective(fact, "occurrence"), **some(authoredOn=fact.get("authored"))}


def appointment(fact: Fact) -> Fact:
    """An Appointment; its patient is a participant."""
    built: Fact = {"resourceType": "Appointment", "status": "booked"}
    built["serviceType"] = [codes.concept_coding(fact["code"], "Procedure")]
    if "on" in fact:
        built["start"] = instant(str(fact["on"]))
    return built | some(created=fact.get("created"))


def study(fact: Fact) -> Fact:
    """An ImagingStudy."""
    code = codes.concept_coding(fact["code"], "ImagingStudy")
    built = {"resourceType": "ImagingStudy", "status": "available", "procedureCode": [code]}
    return {**built, **some(started=fact.get("on"))}


def report(fact: Fact) -> Fact:
    """A DiagnosticReport."""
    code = codes.concept_coding(fact["code"], "DiagnosticReport")
    return {"resourceType": "DiagnosticReport", "status": "final", "code": code, **effective(fact)}


def document(fact: Fact) -> Fact:
    """A DocumentReference."""
    built: Fact = {"resourceType": "DocumentReference", "status": "current"}
    built["type"] = codes.concept_coding(fact["code"], "DocumentReference")
    built["content"] = [{"attachment": {"contentType": "text/plain"}}]
    return {**built, "date": instant(str(fact["on"]))} if "on" in fact else built
