"""Marks of other FHIR versions, as far as their shapes betray them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from adapter.errors import InputError
from adapter.resources.clinical import DRUGGED, Condition, MedicationRequest, Procedure
from adapter.resources.datatypes import ABSENT
from adapter.resources.entries import Broken, Entries, Entry
from adapter.resources.repair import read

_OLDER_NAMES = """
BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest
EligibilityResponse ExpansionProfile ImagingManifest ImagingObjectSelection MedicationOrder Order OrderResponse
ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence ServiceDefinition
"""
_OLDER = frozenset(_OLDER_NAMES.split())
_NEWER_NAMES = """
ActorDefinition ArtifactAssessment BiologicallyDerivedProductDispense Citation ClinicalUseDefinition
ConditionDefinition DeviceAssociation DeviceDispense DeviceUsage EncounterHistory EvidenceReport FormularyItem
GenomicStudy ImagingSelection InventoryItem InventoryReport MedicationUsage NutritionIntake NutritionProduct
Permission RequestOrchestration Requirements SubscriptionStatus SubscriptionTopic TestPlan Transport
"""
_NEWER = frozenset(_NEWER_NAMES.split())
# Where STU3 says `context`, R4 says `encounter`; of the other drug records both say `context`.
_ENCOUNTERED = (MedicationRequest, Procedure)
# Only these can tell of another version.
TELLING = frozenset({Broken, Condition, Procedure, *DRUGGED})
OLDER, NEWER = "STU3 or older", "R5 or newer"


class _Marks(msgspec.Struct, gc=False):
    """Elements that R4 does not have where we look."""

    verificationStatus: Raw = ABSENT
    clinicalStatus: Raw = ABSENT
    medication: Raw = ABSENT
    occurrenceDateTime: Raw = ABSENT
    occurrencePeriod: Raw = ABSENT
    wasNotGiven: Raw = ABSENT
    notGiven: Raw = ABSENT
    notDone: Raw = ABSENT
    taken: Raw = ABSENT
    context: Raw = ABSENT


def foreign_type(kind: str) -> str | None:
    """The other FHIR version that has a resource type which R4 has not."""
    return OLDER if kind in _OLDER else NEWER if kind in _NEWER else None


def without_foreign(entries: Entries, name: str) -> Entries:
    """The entries with resources of another FHIR version broken. Raises InputError when nothing speaks for R4."""
    found = [(i, v) for i, e in enumerate(entries.items) if (v := foreign_version(e.resource, entries.original, i))]
    if not found:
        return entries
    if not any(_speaks_r4(e.resource, entries.original, i) for i, e in enumerate(entries.items)):
        raise InputError(f"{name}: this looks like FHIR {found[0][1]}, not R4 (4.0.1); export it as R4")
    items = list(entries.items)
    for index, version in found:
        resource: Any = items[index].resource
        kind = resource.type if isinstance(resource, Broken) else type(resource).__name__
        subject = getattr(resource, "subject", ABSENT)
        broken = Broken(kind, resource.id, subject, f"malformed: a shape of FHIR {version}", kind)
        items[index] = Entry(items[index].fullUrl, broken)
    return Entries(items, entries.place, entries.original, entries.base, entries.deleted, entries.skipped)


def _speaks_r4(resource: Any, original: Callable[[int], bytes], index: int) -> bool:
    """Whether a resource has a shape that only R4 has; `original(index)` is its JSON."""
    if isinstance(resource, Condition):
        return _begins(resource.verificationStatus, b"{") or _begins(resource.clinicalStatus, b"{")
    if isinstance(resource, DRUGGED):
        named = resource.medicationCodeableConcept or resource.medicationReference
        return bool(named and resource.status) and _marked(original, index, None, resource.__class__) is None
    if isinstance(resource, Procedure):
        performed = resource.performedDateTime or resource.performedPeriod
        return bool(performed) and _marked(original, index, None, Procedure) is None
    return False


def foreign_version(resource: Any, original: Callable[[int], bytes] | None = None, index: int = 0) -> str | None:
    """The other FHIR version that a resource betrays; `original` gives its JSON for a closer look."""
    kind = resource.__class__
    if kind is Broken:
        return foreign_type(resource.type)
    if kind is Condition:
        old = _begins(resource.verificationStatus, b'"') or _begins(resource.clinicalStatus, b'"')
        return OLDER if old else None
    if kind in DRUGGED and not (resource.medicationCodeableConcept or resource.medicationReference):
        return _marked(original, index, NEWER)
    if kind is Procedure and not resource.performedDateTime and not resource.performedPeriod:
        return _marked(original, index, None)
    return None


def _marked(
    original: Callable[[int], bytes] | None, index: int, unseen: str | None, kind: type[Any] | None = None
) -> str | None:
    if original is None:
        return unseen
    marks = read(original(index), _Marks) or _Marks()
    if marks.context and kind in _ENCOUNTERED:
        return OLDER
    if marks.notDone or marks.wasNotGiven or marks.notGiven or marks.taken:
        return OLDER
    newer = _begins(marks.medication, b"{") or bool(marks.occurrenceDateTime or marks.occurrencePeriod)
    return NEWER if newer else None


def _begins(raw: Raw, mark: bytes) -> bool:
    return bool(raw) and bytes(raw)[:1] == mark
