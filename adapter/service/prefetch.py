"""What a CDS Hooks client prefetched: the templates that we publish and the reading of what arrives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapter.service.refusals import Refusal

PAGE = 1000
SEARCHED = {
    "conditions": "Condition",
    "observations": "Observation",
    "medicationAdministrations": "MedicationAdministration",
    "medicationStatements": "MedicationStatement",
    "medicationRequests": "MedicationRequest",
    "medicationDispenses": "MedicationDispense",
    "procedures": "Procedure",
    "serviceRequests": "ServiceRequest",
    "appointments": "Appointment",
    "bodyStructures": "BodyStructure",
    "imagingStudies": "ImagingStudy",
    "diagnosticReports": "DiagnosticReport",
    "documentReferences": "DocumentReference",
}
TYPES: dict[str, str] = {"patient": "Patient", **SEARCHED}
MEDICATIONS = "medications"
KINDS = {**TYPES, MEDICATIONS: "Medication"}
REQUIRED = ("patient", "conditions")
TEMPLATES: dict[str, str] = {
    "patient": "Patient/{{context.patientId}}",
    **{key: f"{kind}?patient={{{{context.patientId}}}}&_count={PAGE}" for key, kind in SEARCHED.items()},
}
_MEDICATION_REFERENCE = re.compile(r"(?:(https?://.+)/)?Medication/([A-Za-z0-9\-._]{1,64})(?:/_history/[^/]+)?")
_PATIENT_REFERENCE = re.compile(r"(?:.*/)?Patient/([^/#?|]+)(?:/_history/[^/]+)?")

Resource = dict[str, Any]


@dataclass
class Had:
    """What is in hand of one key: its resources; `fault` why there are none; `doubt` why they may not be all.

    `next`: where the next page is; `total`: how many the source counts; `status`: HTTP status of a server's fault.
    """

    resources: list[Resource] = field(default_factory=list)
    fault: str | None = None
    doubt: str | None = None
    next: str | None = None
    total: int | None = None
    status: int | None = None

    @property
    def gap(self) -> str | None:
        """Why this is not everything, None when it is."""
        if self.fault or self.doubt:
            return self.fault or self.doubt
        if self.next:
            return "only the first page was given"
        if self.total is not None and self.total > len(self.resources):
            return f"{len(self.resources)} of {self.total} were given"
        return None


def had(value: object, kind: str) -> Had:
    """The reading of one prefetched value: a resource, a Bundle, null (known empty) or an error of the client."""
    if value is None:
        return Had()
    if not isinstance(value, dict):
        return Had(fault="no FHIR resource was sent")
    if value.get("resourceType") == "OperationOutcome":
        return Had(fault="the client sent an OperationOutcome")
    if value.get("resourceType") != "Bundle":
        return Had([value]) if value.get("resourceType") == kind else Had(fault=f"no {kind} and no Bundle was sent")
    return from_bundle(value, kind)


def from_bundle(bundle: Mapping[str, Any], kind: str) -> Had:
    """The resources of a searchset; an error entry makes it a fault, a warning or a few unusable entries a doubt.

    Entries of which none is of this kind are a fault: an empty result has no entries.
    """
    total = bundle.get("total")
    following = _next(bundle)
    result = Had(next=following or None, total=total if isinstance(total, int) else None)
    if following == "":
        result.doubt = "a further page cannot be had: its link is none"
    entries = bundle.get("entry") or []
    if not isinstance(entries, list):
        return Had(fault="the Bundle's entry is no list")
    unusable = 0
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome":
            _note(resource, result)
        elif isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            result.resources.append(resource)
            unusable += resource["resourceType"] not in KINDS.values() and not _included(entry)
        else:
            unusable += 1
    _judge(result, unusable, kind)
    return result


def _included(entry: Mapping[str, Any]) -> bool:
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") == "include"


def _judge(result: Had, unusable: int, kind: str) -> None:
    if (unusable or result.resources) and all(r["resourceType"] != kind for r in result.resources):
        result.fault = result.fault or f"the Bundle has entries, but no {kind} that can be read"
    elif unusable:
        result.doubt = result.doubt or f"{unusable} entries of the Bundle cannot be read"


def _note(outcome: Mapping[str, Any], result: Had) -> None:
    issues = outcome.get("issue")
    severities = {issue.get("severity") for issue in issues or [] if isinstance(issue, dict)}
    if severities == {"information"}:
        return
    if severities and severities <= {"information", "warning"}:
        result.doubt = "the source warned that the result may not be complete"
    else:
        result.fault = "the result holds an OperationOutcome"


def _next(bundle: Mapping[str, Any]) -> str | None:
    """Where the next page is; empty when there is one that no address tells."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return None


def check_one_patient(resources: Iterable[Resource], patient_id: str) -> None:
    """Refuses (400) what is about another patient than the call's."""
    for resource in resources:
        kind = resource.get("resourceType")
        if of_another(resource, patient_id):
            raise Refusal(400, f"prefetch: a {kind} belongs to another patient than context.patientId")


def of_another(resource: Resource, patient_id: str) -> bool:
    """Whether a resource is another patient's."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id", patient_id)) != patient_id
    named = set(_patients(resource))
    shared = resource.get("resourceType") == "Appointment" and patient_id in named
    return bool(named - {patient_id}) and not shared


def _patients(resource: Resource) -> Iterator[str]:
    holders = [resource.get("subject"), resource.get("patient")]
    participants = resource.get("participant") if resource.get("resourceType") == "Appointment" else None
    for participant in participants if isinstance(participants, list) else []:
        holders.append(participant.get("actor") if isinstance(participant, dict) else None)
    for holder in holders:
        reference = holder.get("reference") if isinstance(holder, dict) else None
        match = _PATIENT_REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if match:
            yield match[1]


def medications_named(held: Mapping[str, Had], base: str | None) -> list[str]:
    """Ids of the Medications on the call's server (`base`) that resources point to and that are not in hand."""
    resources = [resource for found in held.values() for resource in found.resources]
    known = {resource.get("id") for resource in resources if resource.get("resourceType") == "Medication"}
    holders = (resource.get("medicationReference") for resource in resources)
    references = (holder.get("reference") for holder in holders if isinstance(holder, dict))
    matches = (_MEDICATION_REFERENCE.fullmatch(one) for one in references if isinstance(one, str))
    ids = {match[2]: None for match in matches if match and match[1] in (None, base)}
    return [one for one in ids if one not in known]
