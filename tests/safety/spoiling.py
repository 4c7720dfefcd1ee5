"""Newer values that nobody can use, for each kind of Observation of a record."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from tests.cases.codes import concept_coding
from tests.safety.patients import Json, Patient, is_concept, resources, subject_of

SPOILED = "spoiled-value"
VALUES = ("valueQuantity", "valueCodeableConcept", "valueString", "valueInteger", "valueBoolean", "component")
TIMES = ("effectiveDateTime", "effectivePeriod", "effectiveInstant")
STRANGE = {"url": "http://example.org/fhir/StructureDefinition/not-what-it-says", "valueBoolean": True}


def no_value(resource: Json) -> bool:
    """Nothing was measured."""
    for name in (*VALUES, "interpretation"):
        resource.pop(name, None)
    return True


def no_unit(resource: Json) -> bool:
    """A number without its unit, where a unit is needed."""
    quantity = resource.get("valueQuantity")
    if not isinstance(quantity, dict) or not quantity.get("unit") or quantity.get("code", "")[:1] in ("", "1", "{"):
        return False
    resource["valueQuantity"] = {"value": quantity.get("value")}
    return True


def unknown_unit(resource: Json) -> bool:
    """A number in a unit that no table knows."""
    quantity = resource.get("valueQuantity")
    if not isinstance(quantity, dict):
        return False
    resource["valueQuantity"] = {"value": quantity.get("value"), "unit": "furlong"}
    return True


def code_conflict(resource: Json) -> bool:
    """Two codings that mean different things."""
    other = concept_coding("alt" if subject_of(resource) == "creatinine" else "creatinine", "Observation")
    resource["code"] = {"coding": [*resource["code"].get("coding", ()), *other["coding"]]}
    return True


def modified(resource: Json) -> bool:
    """A modifier extension that may mean the opposite."""
    resource["modifierExtension"] = [STRANGE]
    return True


def absent_reason(resource: Json) -> bool:
    """A value and the statement that there is none."""
    system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    # Beside components the reason speaks of the Observation's own value, of which there is none.
    for holder in (resource, *(resource.get("component") or ())):
        holder["dataAbsentReason"] = {"coding": [{"system": system, "code": "error"}]}
    return True


def no_time(resource: Json) -> bool:
    """A value of any time, perhaps the newest."""
    for name in TIMES:
        resource.pop(name, None)
    return True


FORMS: dict[str, Callable[[Json], bool]] = {
    "no-value": no_value,
    "no-unit": no_unit,
    "unknown-unit": unknown_unit,
    "code-conflict": code_conflict,
    "modifier-extension": modified,
    "absent-reason": absent_reason,
    "no-time": no_time,
}


def models(patient: Patient) -> dict[str, Json]:
    """For each concept one Observation of the record to copy."""
    found: dict[str, Json] = {}
    for resource in resources(patient):
        about = subject_of(resource)
        if resource.get("resourceType") != "Observation" or not about or resource.get("status") != "final":
            continue
        if not is_concept(about):
            continue
        if "modifierExtension" not in resource and resource.get("subject"):
            found[about] = resource
    return dict(sorted(found.items()))


def spoiled(patient: Patient, model: Json, form: str) -> Patient | None:
    """The record with one more value that is the newest and cannot be used; None where the form cannot be told."""
    resource = copy.deepcopy(model)
    for name in ("meta", "issued", "identifier", *TIMES):
        resource.pop(name, None)
    resource["id"] = SPOILED
    resource["effectiveDateTime"] = patient.as_of
    if not FORMS[form](resource):
        return None
    return patient.with_entries([*patient.entries, {"resource": resource}])


def worse(patient: Patient) -> Iterator[tuple[str, str, Patient]]:
    """(concept, form, record) of each unusable newer value."""
    for about, model in models(patient).items():
        for form in FORMS:
            made = spoiled(patient, model, form)
            if made is not None:
                yield about, form, made
