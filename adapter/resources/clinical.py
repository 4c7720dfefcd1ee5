"""FHIR R4 resources with only the elements that we read; complex elements stay raw until somebody asks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct

from adapter.resources.datatypes import ABSENT

# Elements with numbers that nobody here reads: decoding them finds a number beyond a double.
Unused = Any


class Resource(Struct, gc=False, tag_field="resourceType"):
    """What every resource that we read has. Its type is the class's tag."""

    id: str | None = None
    meta: Raw = ABSENT
    modifierExtension: Raw = ABSENT
    contained: Raw = ABSENT
    extension: Unused = None


class Patient(Resource, tag="Patient", gc=False):
    """The person."""

    birthDate: str | None = None
    gender: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    multipleBirthInteger: Unused = None
    identifier: Raw = ABSENT
    link: Raw = ABSENT


class Condition(Resource, tag="Condition", gc=False):
    """A diagnosis or problem."""

    subject: Raw = ABSENT
    code: Raw = ABSENT
    clinicalStatus: Raw = ABSENT
    verificationStatus: Raw = ABSENT
    onsetDateTime: str | None = None
    onsetPeriod: Raw = ABSENT
    onsetAge: Raw = ABSENT
    onsetString: str | None = None
    onsetRange: Raw = ABSENT
    abatementDateTime: str | None = None
    abatementPeriod: Raw = ABSENT
    abatementAge: Raw = ABSENT
    abatementString: str | None = None
    abatementRange: Raw = ABSENT
    recordedDate: str | None = None


class Observation(Resource, tag="Observation", gc=False):
    """A measurement or finding."""

    status: str | None = None
    code: Raw = ABSENT
    subject: Raw = ABSENT
    focus: Raw = ABSENT
    effectiveDateTime: str | None = None
    effectivePeriod: Raw = ABSENT
    effectiveInstant: str | None = None
    effectiveTiming: Raw = ABSENT
    issued: str | None = None
    valueQuantity: Raw = ABSENT
    valueCodeableConcept: Raw = ABSENT
    valueString: str | None = None
    valueInteger: Decimal | None = None
    valueBoolean: bool | None = None
    valueRange: Unused = None
    valueRatio: Unused = None
    valueSampledData: Unused = None
    interpretation: Raw = ABSENT
    dataAbsentReason: Raw = ABSENT
    bodySite: Raw = ABSENT
    method: Raw = ABSENT
    referenceRange: Raw = ABSENT
    component: Raw = ABSENT
    hasMember: Raw = ABSENT


class MedicationAdministration(Resource, tag="MedicationAdministration", gc=False):
    """A dose given."""

    status: str | None = None
    medicationCodeableConcept: Raw = ABSENT
    medicationReference: Raw = ABSENT
    subject: Raw = ABSENT
    effectiveDateTime: str | None = None
    effectivePeriod: Raw = ABSENT
    dosage: Unused = None


class MedicationStatement(Resource, tag="MedicationStatement", gc=False):
    """A statement that a drug is or was taken."""

    status: str | None = None
    medicationCodeableConcept: Raw = ABSENT
    medicationReference: Raw = ABSENT
    subject: Raw = ABSENT
    effectiveDateTime: str | None = None
    effectivePeriod: Raw = ABSENT
    dateAsserted: str | None = None
    dosage: Unused = None


class MedicationRequest(Resource, tag="MedicationRequest", gc=False):
    """An order of a drug."""

    status: str | None = None
    intent: str | None = None
    doNotPerform: bool | None = None
    medicationCodeableConcept: Raw = ABSENT
    medicationReference: Raw = ABSENT
    subject: Raw = ABSENT
    authoredOn: str | None = None
    dosageInstruction: Raw = ABSENT
    dispenseRequest: Raw = ABSENT


class MedicationDispense(Resource, tag="MedicationDispense", gc=False):
    """A drug handed over."""

    status: str | None = None
    medicationCodeableConcept: Raw = ABSENT
    medicationReference: Raw = ABSENT
    subject: Raw = ABSENT
    whenHandedOver: str | None = None
    daysSupply: Raw = ABSENT
    quantity: Unused = None
    dosageInstruction: Unused = None


class Procedure(Resource, tag="Procedure", gc=False):
    """A procedure done or in preparation."""

    status: str | None = None
    code: Raw = ABSENT
    subject: Raw = ABSENT
    performedDateTime: str | None = None
    performedPeriod: Raw = ABSENT
    performedString: str | None = None
    performedAge: Raw = ABSENT
    performedRange: Raw = ABSENT


class ServiceRequest(Resource, tag="ServiceRequest", gc=False):
    """An order of a procedure."""

    status: str | None = None
    intent: str | None = None
    doNotPerform: bool | None = None
    code: Raw = ABSENT
    subject: Raw = ABSENT
    occurrenceDateTime: str | None = None
    occurrencePeriod: Raw = ABSENT
    occurrenceTiming: Raw = ABSENT
    authoredOn: str | None = None
    quantityQuantity: Unused = None
    quantityRatio: Unused = None
    quantityRange: Unused = None


class Appointment(Resource, tag="Appointment", gc=False):
    """A booking."""

    status: str | None = None
    serviceType: Raw = ABSENT
    reasonCode: Raw = ABSENT
    start: str | None = None
    end: str | None = None
    requestedPeriod: Raw = ABSENT
    created: str | None = None
    participant: Raw = ABSENT
    priority: Unused = None
    minutesDuration: Unused = None


class BodyStructure(Resource, tag="BodyStructure", gc=False):
    """A lesion that measurements point at."""

    patient: Raw = ABSENT
    location: Raw = ABSENT


class ImagingStudy(Resource, tag="ImagingStudy", gc=False):
    """An imaging study (its date and kind)."""

    status: str | None = None
    subject: Raw = ABSENT
    started: str | None = None
    procedureCode: Raw = ABSENT
    numberOfSeries: Unused = None
    numberOfInstances: Unused = None
    series: Unused = None


class DiagnosticReport(Resource, tag="DiagnosticReport", gc=False):
    """A report (its date and kind)."""

    status: str | None = None
    code: Raw = ABSENT
    subject: Raw = ABSENT
    effectiveDateTime: str | None = None
    effectivePeriod: Raw = ABSENT
    issued: str | None = None


class DocumentReference(Resource, tag="DocumentReference", gc=False):
    """A document (its date and kind)."""

    status: str | None = None
    docStatus: str | None = None
    type: Raw = ABSENT
    category: Raw = ABSENT
    subject: Raw = ABSENT
    date: str | None = None
    context: Raw = ABSENT
    content: Unused = None


class Medication(Resource, tag="Medication", gc=False):
    """A drug that others point at."""

    identifier: Raw = ABSENT
    status: str | None = None
    code: Raw = ABSENT
    amount: Unused = None
    ingredient: Unused = None


READ_TYPES: tuple[type[Resource], ...] = (
    Patient,
    Condition,
    Observation,
    MedicationAdministration,
    MedicationStatement,
    MedicationRequest,
    MedicationDispense,
    Procedure,
    ServiceRequest,
    Appointment,
    BodyStructure,
    ImagingStudy,
    DiagnosticReport,
    DocumentReference,
    Medication,
)
DRUGGED = (MedicationAdministration, MedicationStatement, MedicationRequest, MedicationDispense)
"""The records of a drug."""
TYPE_NAMES: dict[type[Struct], str] = {cls: cls.__name__ for cls in READ_TYPES}
