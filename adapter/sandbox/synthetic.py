"""The synthetic patients as FHIR Bundles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from adapter.sandbox import bloodwork, record, scans, treatment
from adapter.sandbox.chart import Chart
from adapter.sandbox.definitions import Definition, Fact, definitions
from adapter.sandbox.refusal import JsonObject

# What is pointed at is written before what points at it, for servers that take no transaction.
_ORDER = ["Organization", "Practitioner", "Patient", "Medication", "Condition", "BodyStructure", "ImagingStudy",
          "ServiceRequest", "Observation", "DiagnosticReport"]  # fmt: skip
_BUILDERS: dict[str, Callable[[Chart, Any], list[JsonObject]]] = {
    "condition": record.condition,
    "visits": bloodwork.visits,
    "serology": bloodwork.serology,
    "observation": record.observation,
    "imaging": scans.imaging,
    "doses": treatment.doses,
    "tablets": treatment.tablets,
    "prescription": treatment.prescription,
    "procedure": treatment.procedures,
    "order": treatment.order,
    "adverse_event": record.adverse_event,
    "pathology": record.pathology,
    "board": record.board,
}


def synthetic_bundles(as_of: date) -> list[JsonObject]:
    """One transaction Bundle for each synthetic patient, with every date relative to `as_of`.

    Pure: the same day gives the same Bundles; the ids do not depend on the day. Raises TableError when a definition is
    wrong.
    """
    return [_bundle(definition, as_of) for definition in definitions()]


def resources_of(bundle: JsonObject) -> list[JsonObject]:
    """The resources of a Bundle."""
    return [entry["resource"] for entry in bundle["entry"]]


def _bundle(definition: Definition, as_of: date) -> JsonObject:
    chart = Chart(definition, as_of)
    found = [*record.surroundings(), *record.patient(chart), *scans.lesions(chart)]
    for fact in definition.facts:
        found += _built(chart, fact)
    entries = [_entry(resource) for resource in sorted(found, key=_rank)]
    return {"resourceType": "Bundle", "id": definition.key, "type": "transaction", "entry": entries}


def _built(chart: Chart, fact: Fact) -> list[JsonObject]:
    return _BUILDERS[fact.kind](chart, fact.given)


def _rank(resource: JsonObject) -> int:
    kind = resource["resourceType"]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _entry(resource: JsonObject) -> JsonObject:
    place = f"{resource['resourceType']}/{resource['id']}"
    # The fullUrl of a known id is its address; the sandbox's own base stands for any server's.
    full = f"https://hcc-conversion.org/fhir/sandbox/{place}"
    return {"fullUrl": full, "resource": resource, "request": {"method": "PUT", "url": place}}
