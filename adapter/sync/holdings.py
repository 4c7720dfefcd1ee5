"""What of ours a server holds: found by identifier, and by id where searches may lag."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapter.errors import MissingError, RemoteError
from adapter.fhir.client import FhirClient
from adapter.output.evaluated import WriteSite
from adapter.output.identity import patient_system, result_system
from adapter.output.references import local_reference

Json = dict[str, Any]
_PATIENT = re.compile(r"Patient/[A-Za-z0-9\-.]{1,64}")
_LEFT = frozenset({"entered-in-error", "cancelled"})


class Held(msgspec.Struct, frozen=True):
    """One patient's results on the server by their identifier; `twins` are further copies under the same identifier."""

    by_key: Mapping[str, Json]
    twins: tuple[Json, ...] = ()

    def of_type(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Identifier and resource of each result of a type."""
        return ((key, found) for key, found in self.by_key.items() if found["resourceType"] == kind)


def own_key(resource: Mapping[str, Any], base: str) -> str | None:
    """The value of the resource's own identifier, None when it is not one of ours."""
    return _identifier(resource, result_system(base))


def held_results(client: FhirClient, kinds: tuple[str, ...], patient_key: str, site: WriteSite) -> Held:
    """What the server holds for a patient; raises RemoteError when that cannot be known in full."""
    by_key: dict[str, list[Json]] = {}
    for kind in kinds:
        asked = f"{patient_system(site.canonical_base)}|{patient_key}"
        found = client.search(kind, [("identifier", asked)])
        if found.incomplete:
            raise RemoteError(f"the server's {kind}s of ours could not be read in full: {found.incomplete}")
        for resource in (r.json() for r in found.resources if r.type == kind):
            key = own_key(resource, site.canonical_base)
            mine = _identifier(resource, patient_system(site.canonical_base)) == patient_key
            if key is not None and mine:
                by_key.setdefault(key, []).append(resource)
    ordered = {key: sorted(copies, key=_rank) for key, copies in by_key.items()}
    twins = [twin for copies in ordered.values() for twin in copies[1:] if twin.get("status") not in _LEFT]
    return Held({key: copies[0] for key, copies in ordered.items()}, tuple(twins))


def read_by_id(client: FhirClient, kind: str, identity: str) -> Json | None:
    """The resource under an id, None when there is none."""
    try:
        return client.read(kind, identity).json()
    except MissingError:
        return None


def held_patients(client: FhirClient, kinds: tuple[str, ...], site: WriteSite) -> tuple[set[str], str | None]:
    """References (`Patient/p1`) of all patients for whom the server holds something of ours, and why maybe not all.

    Raises RemoteError.
    """
    patients: set[str] = set()
    reason: str | None = None
    for kind in kinds:
        found = client.search(kind, [("identifier", f"{result_system(site.canonical_base)}|")])
        if found.refused:
            raise RemoteError(f"the search for {kind}s of ours was answered with nothing but an error")
        reason = reason or found.incomplete
        for resource in (r.json() for r in found.resources if r.type == kind):
            if own_key(resource, site.canonical_base) is not None:
                patients.update(_subject(resource, site))
    return patients, reason


def version_of(resource: Mapping[str, Any]) -> str | None:
    """The version that the server gave the resource."""
    version = resource.get("meta", {}).get("versionId")
    return version if isinstance(version, str) else None


def _subject(resource: Mapping[str, Any], site: WriteSite) -> Iterator[str]:
    holder = resource.get("subject") or resource.get("patient")
    if not isinstance(holder, dict):
        return
    system = holder.get("identifier", {}).get("system")
    if site.elsewhere and system != site.source:
        return
    reference = local_reference(holder)
    if reference is not None and _PATIENT.fullmatch(reference):
        yield reference


def _rank(resource: Mapping[str, Any]) -> tuple[bool, bool, str]:
    # The copy that a person took up stays, then the one with the lowest id: every worker chooses alike.
    status = resource.get("status")
    return status in _LEFT, status in ("draft", "final", "preliminary"), str(resource.get("id"))


def _identifier(resource: Mapping[str, Any], system: str) -> str | None:
    found = resource.get("identifier", [])
    for identifier in found if isinstance(found, list) else [found]:
        if isinstance(identifier, dict) and identifier.get("system") == system:
            value = identifier.get("value")
            return value if isinstance(value, str) else None
    return None
