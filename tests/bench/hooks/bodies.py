"""The patient-view calls that the bench sends: synthetic patients as a hospital's server would give them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from html import escape
from typing import Any
from uuid import UUID

import orjson

from adapter.sandbox.synthetic import synthetic_bundles

DAY = "2024-05-01"
KEYS = {
    "Condition": "conditions", "Observation": "observations", "MedicationAdministration": "medicationAdministrations",
    "MedicationStatement": "medicationStatements", "MedicationRequest": "medicationRequests",
    "MedicationDispense": "medicationDispenses", "Procedure": "procedures", "ServiceRequest": "serviceRequests",
    "Appointment": "appointments", "BodyStructure": "bodyStructures", "ImagingStudy": "imagingStudies",
    "DiagnosticReport": "diagnosticReports", "DocumentReference": "documentReferences",
}  # fmt: skip
SERVER = "https://ehr.example.org/fhir"
_UNDATED = ("Patient", "Condition", "BodyStructure")
_DATES = ("effectiveDateTime", "started", "performedDateTime", "authoredOn", "date", "dateAsserted", "start")

Resource = dict[str, Any]


def calls(resources: int) -> list[bytes]:
    """One call for each synthetic patient, with so many resources prefetched, about 2 kB each."""
    found = []
    for number, bundle in enumerate(synthetic_bundles(date.fromisoformat(DAY))):
        given = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] in ("Patient", *KEYS)]
        chosen = _filled(given, resources) if len(given) < resources else _newest(given, resources)
        found.append(_call(chosen, number))
    return found


def _filled(given: list[Resource], wanted: int) -> list[Resource]:
    """The resources and copies of the observations, each round of copies a week older."""
    labs = [r for r in given if r["resourceType"] == "Observation"]
    copies = []
    for number in range(wanted - len(given)):
        copy: Resource = json.loads(json.dumps(labs[number % len(labs)]))
        copy["id"] += f"-{number}"
        taken = copy.get("effectiveDateTime", "")
        if len(taken) >= len(DAY):
            earlier = date.fromisoformat(taken[: len(DAY)]) - timedelta(weeks=number // len(labs) + 1)
            copy["effectiveDateTime"] = earlier.isoformat() + taken[len(DAY) :]
        copies.append(copy)
    return [*given, *copies]


def _newest(given: list[Resource], wanted: int) -> list[Resource]:
    """Who the patient is and what of, then the newest facts."""
    return sorted(given, key=_age)[:wanted]


def _age(resource: Resource) -> tuple[bool, int]:
    texts = (resource.get(name) for name in _DATES)
    day = next((text[: len(DAY)] for text in texts if text and len(text) >= len(DAY)), None)
    return resource["resourceType"] not in _UNDATED, -date.fromisoformat(day).toordinal() if day else 0


def _call(resources: list[Resource], number: int) -> bytes:
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    prefetch: dict[str, Any] = {"patient": _as_kept(patient, 1)}
    for kind, key in KEYS.items():
        kept = [_as_kept(r, n) for n, r in enumerate(resources) if r["resourceType"] == kind]
        prefetch[key] = _searchset(f"{SERVER}/{kind}", patient["id"], kept)
    context = {"userId": "Practitioner/a", "patientId": patient["id"]}
    instance = str(UUID(int=number, version=4))
    return orjson.dumps({"hook": "patient-view", "hookInstance": instance, "context": context, "prefetch": prefetch})


def _searchset(address: str, patient: str, kept: list[Resource]) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(kept),
        "link": [{"relation": "self", "url": f"{address}?patient={patient}&_count=1000"}],
        "entry": [{"fullUrl": f"{address}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in kept],
    }


def _as_kept(resource: Resource, number: int) -> Resource:
    """The resource with what a server and a laboratory system add to it, which no rule asks for."""
    meta = {
        **resource.get("meta", {}),
        "versionId": str(number % 7 + 1),
        "lastUpdated": f"{DAY}T0{number % 10}:{number % 60:02}:12.418+08:00",
        "source": f"urn:uuid:{UUID(int=number, version=4)}",
    }
    kept = {**resource, "meta": meta}
    return {**kept, **_of_laboratory(kept, number)} if resource["resourceType"] == "Observation" else kept


def _of_laboratory(observation: Resource, number: int) -> Resource:
    added = {
        "identifier": [{"use": "official", "system": f"{SERVER}/identifier/result", "value": f"LIS-{number:08}"}],
        "encounter": {"reference": f"Encounter/e-{number // 40}"},
        "performer": [{"reference": "Organization/syn-hospital", "display": "Department of Laboratory Medicine"}],
        "text": {"status": "generated", "div": _narrative(observation)},
    }
    taken = observation.get("effectiveDateTime", "")
    return {**added, "issued": taken} if "T" in taken else added


def _narrative(observation: Resource) -> str:
    """The table that servers generate as a resource's text."""
    quantity = observation.get("valueQuantity", {})
    rows = {
        "Code": observation["code"].get("text", ""),
        "Value": f"{quantity.get('value', '')} {quantity.get('unit', '')}",
        "Taken": observation.get("effectiveDateTime", ""),
        "Patient": observation["subject"]["reference"],
        "Laboratory": "Department of Laboratory Medicine",
    }
    told = "".join(f"<tr><td>{name}</td><td>{escape(text)}</td></tr>" for name, text in rows.items())
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><table>{told}</table></div>'
