"""Drugs, procedures and plans of the synthetic patients."""

from __future__ import annotations

from adapter.sandbox.chart import CLINICIAN, Chart, frame, quantity
from adapter.sandbox.codings import concept
from adapter.sandbox.definitions import Doses, Order, Prescription, ProcedureFact, Tablets, days_of
from adapter.sandbox.refusal import JsonObject


def doses(chart: Chart, fact: Doses) -> list[JsonObject]:
    """One MedicationAdministration a day."""
    return [
        {
            **frame("MedicationAdministration", chart.id(fact.drug, day), f"{fact.drug}, {chart.day(day)}"),
            "status": "completed",
            "medicationCodeableConcept": concept(fact.drug),
            "subject": chart.patient,
            "effectiveDateTime": chart.day(day),
            "performer": [{"actor": {"reference": f"Practitioner/{CLINICIAN}"}}],
            "dosage": {"text": f"{fact.mg:g} mg intravenously", "dose": quantity(fact.mg, "mg")},
        }
        for day in days_of(fact.days)
    ]


def tablets(chart: Chart, fact: Tablets) -> list[JsonObject]:
    """A MedicationStatement; the drug in it, or as a Medication of its own."""
    statement: JsonObject = {
        **frame("MedicationStatement", chart.id(fact.drug, fact.start), f"{fact.drug} from {chart.day(fact.start)}"),
        "status": "active" if fact.end is None else "completed",
        "subject": chart.patient,
        "effectivePeriod": chart.period(fact.start, fact.end),
        "dateAsserted": chart.day(fact.start if fact.end is None else fact.end),
        "dosage": [{"text": f"{fact.mg:g} mg once daily"}],
    }
    if not fact.reference:
        return [{**statement, "medicationCodeableConcept": concept(fact.drug)}]
    drug = frame("Medication", chart.short_id(f"drug-{fact.drug}"), fact.drug)
    statement["medicationReference"] = {"reference": f"Medication/{drug['id']}"}
    return [{**drug, "code": concept(fact.drug), "status": "active"}, statement]


def prescription(chart: Chart, fact: Prescription) -> list[JsonObject]:
    """A MedicationRequest for a day to come."""
    return [
        {
            **frame("MedicationRequest", chart.id(f"order-{fact.drug}", fact.day), f"order of {fact.drug}"),
            "status": fact.status,
            "intent": "order",
            "medicationCodeableConcept": concept(fact.drug),
            "subject": chart.patient,
            "authoredOn": chart.day(fact.authored),
            "requester": {"reference": f"Practitioner/{CLINICIAN}"},
            "dosageInstruction": [{"timing": {"event": [chart.day(fact.day)]}}],
        }
    ]


def procedures(chart: Chart, fact: ProcedureFact) -> list[JsonObject]:
    """Completed Procedures."""
    return [
        {
            **frame("Procedure", chart.id(fact.code, day), f"{fact.code.replace('_', ' ')}, {chart.day(day)}"),
            "status": "completed",
            "code": concept(fact.code),
            "subject": chart.patient,
            "performedDateTime": chart.day(day),
            "performer": [{"actor": {"reference": f"Practitioner/{CLINICIAN}"}}],
        }
        for day in days_of(fact.days)
    ]


def order(chart: Chart, fact: Order) -> list[JsonObject]:
    """A ServiceRequest, and the Appointment for it when it is booked."""
    request: JsonObject = {
        **frame("ServiceRequest", chart.id(f"order-{fact.code}", fact.day), f"order of {fact.code.replace('_', ' ')}"),
        "status": "active",
        "intent": "order",
        "code": concept(fact.code),
        "subject": chart.patient,
        "occurrenceDateTime": chart.day(fact.day),
        "authoredOn": chart.day(fact.authored),
        "requester": {"reference": f"Practitioner/{CLINICIAN}"},
    }
    return [request, _appointment(chart, fact, request)] if fact.booked else [request]


def _appointment(chart: Chart, fact: Order, request: JsonObject) -> JsonObject:
    day = chart.day(fact.day)
    return {
        **frame("Appointment", chart.id(f"appointment-{fact.code}", fact.day), f"appointment on {day}"),
        "status": "booked",
        "serviceType": [request["code"]],
        "start": f"{day}T08:00:00+08:00",
        "end": f"{day}T14:00:00+08:00",
        "created": chart.day(fact.authored),
        "basedOn": [{"reference": f"ServiceRequest/{request['id']}"}],
        "participant": [{"actor": chart.patient, "status": "accepted"}],
    }
