"""Everything a server holds of one patient that an evaluation reads, type by type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from adapter.errors import MissingError, RefusedError, RemoteError
from adapter.fhir.client import FhirClient
from adapter.fhir.paging import Found
from adapter.fhir.raw import RawResource
from adapter.fhir.transport import is_broken

SEARCHED = (
    "Condition", "Observation", "MedicationAdministration", "MedicationStatement", "MedicationRequest",
    "MedicationDispense", "Procedure", "ServiceRequest", "Appointment", "BodyStructure", "ImagingStudy",
    "DiagnosticReport", "DocumentReference",
)  # fmt: skip
CATEGORIES = (
    "laboratory", "imaging", "exam", "survey", "vital-signs", "procedure", "therapy", "social-history", "activity",
)  # fmt: skip
AT_ONCE = 4
_RELATIVE = re.compile(r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Za-z]+)/(?P<id>[A-Za-z0-9\-._]{1,64})(?:/_history/.+)?")
Gap = tuple[str, str]


class PatientRead(msgspec.Struct, frozen=True):
    """One patient's resources, the Patient first.

    `incomplete`: (type, reason) of each type that was not had in full; absence of such a type is unknown.
    `merged_into`: the reference of the patient that replaced this one, `""` when it is not named, None when not merged.
    `broken`: those gaps that may be closed by the next read: an exchange failed, or what came was no FHIR.
    """

    id: str
    base: str
    resources: tuple[RawResource, ...]
    incomplete: tuple[Gap, ...] = ()
    merged_into: str | None = None
    broken: tuple[Gap, ...] = ()

    @property
    def conditions_read(self) -> bool:
        """Whether the Conditions on the server are all here."""
        return all(kind != "Condition" for kind, _ in self.incomplete)

    @property
    def versions(self) -> dict[str, str | None]:
        """Version of each resource by its reference."""
        return {r.reference: r.version for r in self.resources if r.reference is not None}


class _Gaps(dict[str, str]):
    """Type -> why it was not had in full; `broken`: those that the next read may close."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}

    def note(self, kind: str, error: RemoteError) -> None:
        """One failed exchange."""
        self.setdefault(kind, str(error))
        if is_broken(error):
            self.broken.setdefault(kind, str(error))


class _Subjects(msgspec.Struct):
    subject: Any = None
    patient: Any = None
    participant: Any = None


class _Pointers(msgspec.Struct):
    medicationReference: Any = None
    focus: Any = None


_subjects = msgspec.json.Decoder(_Subjects)
_pointers = msgspec.json.Decoder(_Pointers)


def read_patient(client: FhirClient, patient_id: str) -> PatientRead:
    """All input resources of one patient; a type that fails is named in `incomplete` and spoils no other.

    Raises MissingError when the patient is not, or no longer, there, and RemoteError when the Patient cannot be read.
    """
    patient = client.read("Patient", patient_id)
    gaps = _Gaps()
    found: dict[object, RawResource] = {}
    for identity in (patient_id, *_replaced(patient, client.base)):
        if identity != patient_id:
            found.update(_old_record(client, identity, gaps))
        _gather(client, identity, found, gaps)
    for resource in _pointed_at(client, found.values(), gaps):
        found[resource.reference or resource.body] = resource
    resources, broken = (patient, *found.values()), tuple(gaps.broken.items())
    return PatientRead(patient_id, client.base, resources, tuple(gaps.items()), _merged_into(patient), broken)


def _gather(client: FhirClient, patient_id: str, found: dict[object, RawResource], gaps: _Gaps) -> None:
    """Every searched type of one record, several at once."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="read") as pool:
        parts = list(pool.map(lambda kind: _of_type(client, kind, patient_id), SEARCHED))
    for kind, part in zip(SEARCHED, parts, strict=True):
        if part.incomplete:
            gaps[kind] = part.incomplete
        if part.incomplete and part.broken:
            gaps.broken[kind] = part.incomplete
        mine = [r for r in part.resources if concerns(r, patient_id)]
        if part.resources and not mine:
            gaps.setdefault(kind, "the server answered with other patients' resources only")
        found.update({resource.reference or resource.body: resource for resource in mine})


def _old_record(client: FhirClient, identity: str, gaps: _Gaps) -> dict[object, RawResource]:
    """The Patient resource of a record that was merged away; servers may have dropped it."""
    try:
        old = client.read("Patient", identity)
    except MissingError:
        return {}
    except RemoteError as error:
        gaps.note("Patient", error)
        return {}
    return {old.reference or old.body: old}


def concerns(resource: RawResource, patient_id: str) -> bool:
    """Whether the resource names this patient, or names none that could be told apart (a server may ignore filters)."""
    named = list(_patients(resource))
    return not named or patient_id in named


def _of_type(client: FhirClient, kind: str, patient_id: str) -> Found:
    try:
        found = client.search(kind, [("patient", patient_id)])
    except RefusedError as error:
        # An expired or missing credential concerns every type: that is a failure of the read, not of one type.
        if error.status == 401:
            raise
        return Found((), str(error))
    except RemoteError as error:
        if kind == "Observation" and error.status == 400:
            return _by_category(client, patient_id)
        return Found((), str(error), broken=is_broken(error))
    kept = tuple(r for r in found.resources if r.type == kind or r.mode != "match")
    return msgspec.structs.replace(found, resources=kept)


def _by_category(client: FhirClient, patient_id: str) -> Found:
    """Observations of a server that wants a category with every search."""
    resources: list[RawResource] = []
    reasons: list[str] = []
    broken = False
    for category in CATEGORIES:
        try:
            part = client.search("Observation", [("patient", patient_id), ("category", category)])
        except RemoteError as error:
            part = Found((), f"category {category}: {error}", broken=is_broken(error))
        resources += part.resources
        reasons += [part.incomplete] if part.incomplete else []
        broken = broken or part.broken
    return Found(tuple(resources), reasons[0] if reasons else None, broken=broken)


def _pointed_at(client: FhirClient, resources: Iterable[RawResource], gaps: _Gaps) -> Iterator[RawResource]:
    """Medications and lesions that the resources name and that no search gave."""
    known = {r.reference for r in resources}
    wanted = {ref: None for r in resources for ref in _targets(r, client.base) if ref not in known}
    for reference in wanted:
        kind, _, identity = reference.partition("/")
        try:
            yield client.read(kind, identity)
        except MissingError:
            continue
        except RemoteError as error:
            gaps.note(kind, error)


def _targets(resource: RawResource, base: str) -> Iterator[str]:
    if not resource.type.startswith("Medication") and resource.type != "Observation":
        return
    try:
        found = _pointers.decode(resource.body)
    except (msgspec.MsgspecError, RecursionError):
        return
    holders = [found.medicationReference, *(found.focus if isinstance(found.focus, list) else [])]
    for holder in holders:
        reference = holder.get("reference") if isinstance(holder, Mapping) else None
        match = _RELATIVE.fullmatch(reference) if isinstance(reference, str) else None
        if match and match["base"] in (None, base) and match["type"] in ("Medication", "BodyStructure"):
            yield f"{match['type']}/{match['id']}"


def _patients(resource: RawResource) -> Iterator[str]:
    try:
        found = _subjects.decode(resource.body)
    except (msgspec.MsgspecError, RecursionError):
        return
    actors = found.participant if isinstance(found.participant, list) else []
    holders = [found.subject, found.patient, *(a.get("actor") for a in actors if isinstance(a, Mapping))]
    for holder in holders:
        reference = holder.get("reference") if isinstance(holder, Mapping) else None
        match = _RELATIVE.fullmatch(reference) if isinstance(reference, str) else None
        if match and match["type"] == "Patient":
            yield match["id"]


def _links(patient: RawResource, kind: str) -> Iterator[str]:
    """The references of the patient's links of a type; an empty text where a link names none."""
    links = patient.json().get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, Mapping) and link.get("type") == kind:
            other = link.get("other")
            reference = other.get("reference") if isinstance(other, Mapping) else None
            yield reference if isinstance(reference, str) else ""


def _replaced(patient: RawResource, base: str) -> Iterator[str]:
    """Ids of the records on this server that the patient's record replaces."""
    for reference in dict.fromkeys(_links(patient, "replaces")):
        match = _RELATIVE.fullmatch(reference)
        if match and match["type"] == "Patient" and match["base"] in (None, base):
            yield match["id"]


def _merged_into(patient: RawResource) -> str | None:
    return next(_links(patient, "replaced-by"), None)
