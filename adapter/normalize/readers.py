"""The reader of each type of resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapter.normalize.chart import Chart
from adapter.normalize.conditions import read_condition
from adapter.normalize.desk import Desk
from adapter.normalize.medications import read_administration, read_dispense, read_request, read_statement
from adapter.normalize.observations import read_observation
from adapter.normalize.procedures import read_appointment, read_procedure, read_service_request
from adapter.normalize.studies import read_document, read_report, read_study
from adapter.resources.clinical import (
    Appointment,
    BodyStructure,
    Condition,
    DiagnosticReport,
    DocumentReference,
    ImagingStudy,
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Patient,
    Procedure,
    ServiceRequest,
)
from adapter.resources.repair import MALFORMED_NUMBER, outsized

READERS: dict[type[Any], Callable[[Any, str, Chart, Desk], None]] = {
    Condition: read_condition,
    Observation: read_observation,
    MedicationAdministration: read_administration,
    MedicationStatement: read_statement,
    MedicationRequest: read_request,
    MedicationDispense: read_dispense,
    Procedure: read_procedure,
    ServiceRequest: read_service_request,
    Appointment: read_appointment,
    ImagingStudy: read_study,
    DiagnosticReport: read_report,
    DocumentReference: read_document,
}
NAMES: dict[type[Any], str] = {kind: kind.__name__ for kind in READERS} | {
    kind: kind.__name__ for kind in (Patient, Medication, BodyStructure)
}
# Raw elements with numbers, where the reader would take one beyond a double for a missing one.
NUMBERED: dict[type[Any], tuple[str, ...]] = {
    Condition: ("onsetAge", "onsetRange", "abatementAge", "abatementRange"),
    MedicationRequest: ("dosageInstruction", "dispenseRequest", "contained"),
    MedicationDispense: ("daysSupply", "contained"),
    MedicationStatement: ("contained",),
}


def read_one(kind: type[Any], resource: Any, source: str, chart: Chart, desk: Desk) -> None:
    """Put one resource on the chart: what no reader has foreseen makes it malformed and never spoils the rest."""
    if kind in NUMBERED and any(outsized(getattr(resource, name)) for name in NUMBERED[kind]):
        desk.reject_kind(chart, source, NAMES[kind], MALFORMED_NUMBER, NAMES[kind])
        return
    try:
        READERS[kind](resource, source, chart, desk)
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        desk.reject_kind(chart, source, NAMES[kind], "malformed: a value out of all bounds", NAMES[kind])
