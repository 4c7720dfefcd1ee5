"""FHIR datatypes with only the elements that we read."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Raw, Struct

ABSENT = Raw(b"")


class Coding(Struct, gc=False):
    """A code of a system; `system` None is never matched."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Struct, gc=False):
    """Codings and a text of one meaning."""

    coding: list[Coding] | None = None
    text: str | None = None


class Quantity(Struct, gc=False):
    """An amount; also Age and Duration. The value is exact."""

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Period(Struct, gc=False):
    """A time from `start` to `end`, both included, either open."""

    start: str | None = None
    end: str | None = None


class Repeat(Struct, gc=False):
    """The bounds of a Timing."""

    boundsPeriod: Period | None = None
    boundsDuration: Quantity | None = None


class Timing(Struct, gc=False):
    """Events, or a repetition within bounds."""

    event: list[str] | None = None
    repeat: Repeat | None = None


class Identifier(Struct, gc=False):
    """A business identifier."""

    system: str | None = None
    value: str | None = None


class Reference(Struct, gc=False):
    """A literal reference, or a logical one by identifier; displays are never resolved."""

    reference: str | None = None
    identifier: Identifier | None = None


class Bound(Struct, gc=False):
    """From `low` to `high`."""

    low: Quantity | None = None
    high: Quantity | None = None


class ReferenceRange(Struct, gc=False):
    """A range that a laboratory gives beside a value."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None
    appliesTo: list[CodeableConcept] | None = None
    age: Bound | None = None


class Component(Struct, gc=False):
    """A part of an Observation."""

    code: Raw = ABSENT
    modifierExtension: Raw = ABSENT
    valueQuantity: Raw = ABSENT
    valueCodeableConcept: Raw = ABSENT
    valueString: str | None = None
    valueInteger: Decimal | None = None
    valueBoolean: bool | None = None
    interpretation: Raw = ABSENT
    dataAbsentReason: Raw = ABSENT
    referenceRange: Raw = ABSENT


class Meta(Struct, gc=False):
    """What a server says about a version of a resource."""

    lastUpdated: str | None = None
    versionId: str | None = None


class Dosage(Struct, gc=False):
    """When a drug is to be taken."""

    timing: Timing | None = None


class DispenseRequest(Struct, gc=False):
    """How long an order may be dispensed."""

    validityPeriod: Period | None = None


class Participant(Struct, gc=False):
    """Who takes part in an appointment."""

    actor: Reference | None = None


class PatientLink(Struct, gc=False):
    """Another record of the same person."""

    other: Reference | None = None
    type: str | None = None


class Contained(Struct, gc=False):
    """A contained Medication or BodyStructure."""

    resourceType: str | None = None
    id: str | None = None
    status: str | None = None
    code: Raw = ABSENT
    location: Raw = ABSENT
    identifier: list[Identifier] | None = None
    modifierExtension: Raw = ABSENT


class DocumentContext(Struct, gc=False):
    """When the documented event took place."""

    period: Period | None = None
