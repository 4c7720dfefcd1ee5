"""Every way to take all facts of one kind out of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tests.safety.patients import Json, Patient, concept_of, resources, subject_of

# What only tells lesions apart is no fact of its own.
IDENTITY = ("lesion_id",)


def kinds(patient: Patient) -> list[tuple[str, str]]:
    """(resource type, concept) of the record, in a fixed order; ("*", concept) where several types have it."""
    found = {(r["resourceType"], about) for r in resources(patient) if (about := subject_of(r)) and "resourceType" in r}
    shared = {about for kind, about in found if sum(1 for _, other in found if other == about) > 1}
    people = {("Patient", "patient")} if any(r.get("resourceType") == "Patient" for r in resources(patient)) else set()
    return sorted(found | people | {("*", about) for about in shared})


def parts(patient: Patient) -> list[tuple[str, str]]:
    """(concept, component) of the Observations that have components."""
    return sorted(
        {
            (subject_of(r) or "", part)
            for r in resources(patient)
            for c in r.get("component") or ()
            if isinstance(c, dict) and (part := concept_of(c.get("code"))) and part not in IDENTITY
        }
    )


def without_kind(patient: Patient, kind: str, about: str) -> Patient:
    """The record without every fact of a kind."""

    def kept(entry: Json) -> bool:
        resource = entry.get("resource") or {}
        if kind == "Patient":
            return bool(resource.get("resourceType") != "Patient")
        return subject_of(resource) != about or kind not in ("*", resource.get("resourceType"))

    changed = patient.with_entries([entry for entry in patient.entries if kept(entry)])
    # A component with a laboratory code is an Observation of its own (dictionary-local.md).
    return without_part(changed, None, about) if kind in ("*", "Observation") else changed


def without_part(patient: Patient, about: str | None, part: str) -> Patient:
    """The record without every component of a kind, in the Observations of one concept or (None) in all."""
    changed = patient.copied()
    for resource in resources(changed):
        if resource.get("component") and about in (None, subject_of(resource)):
            resource["component"] = [c for c in resource["component"] if concept_of(c.get("code")) != part]
    return changed


def poorer(patient: Patient) -> Iterator[tuple[str, Callable[[], Patient]]]:
    """Each kind of fact and how to get the record without it."""
    for kind, about in kinds(patient):
        yield f"{kind}:{about}", partial(without_kind, patient, kind, about)
    own = {about for _, about in kinds(patient)}
    for about, part in parts(patient):
        if part in own:
            continue
        yield f"{about}:{part}", partial(without_part, patient, about, part)
