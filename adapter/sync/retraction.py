"""Whether what an issue rested on was taken back, or the issue just no longer holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from adapter.errors import MissingError, RemoteError
from adapter.fhir.client import FhirClient
from adapter.fhir.raw import RawResource
from adapter.fhir.reading import PatientRead, concerns
from adapter.output.references import local_reference, stated_version

Json = dict[str, Any]
# Records of one moment: new content says that the old one was wrong. Orders, plans and courses change by nature.
RECORDS = frozenset({"Observation", "DiagnosticReport", "MedicationAdministration", "MedicationDispense"})
UNDONE = frozenset({"not-done", "cancelled"})
UNFINISHED = frozenset({"registered", "preliminary", "partial", "preparation", "in-progress", "on-hold"})


class Sources(msgspec.Struct, frozen=True):
    """References that were taken back; `gone` of them are no longer on the server."""

    retracted: frozenset[str]
    gone: frozenset[str]


def references_of(issue: Mapping[str, Any]) -> frozenset[str]:
    """`Type/id` of everything that a result rests on: implicated, evidence and addressed."""
    return frozenset(found for found in map(local_reference, _holders(issue)) if found is not None)


def traced_versions(traces: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The version of each source that Provenances state, by `Type/id`."""
    versions: dict[str, str] = {}
    for entity in (e for trace in traces for e in trace.get("entity", [])):
        reference, version = local_reference(_plain(entity.get("what", {}))), stated_version(entity.get("what", {}))
        if reference and version:
            versions[reference] = version
    return versions


def taken_back(
    references: Iterable[str], read: PatientRead | None, client: FhirClient, versions: Mapping[str, str]
) -> Sources:
    """Which of the references no longer count; `read` None when the patient is gone. Raises RemoteError."""
    known = {} if read is None else {r.reference: r for r in read.resources}
    partly = {kind for kind, _ in read.incomplete} if read is not None else set()
    retracted, gone = set[str](), set[str]()
    for reference in sorted(set(references)):
        kind, _, identity = reference.partition("/")
        found = known.get(reference)
        if found is None and kind not in partly:
            found = _reread(client, kind, identity)
            if found is None:
                gone.add(reference)
            if found is None or read is None or not concerns(found, read.id):
                retracted.add(reference)
                continue
        if found is not None and (_counts_no_more(found) or _amended(found, versions.get(reference), client)):
            retracted.add(reference)
    return Sources(frozenset(retracted), frozenset(gone))


def _counts_no_more(found: RawResource) -> bool:
    resource = found.json()
    status = resource.get("status")
    if status == "entered-in-error" or (found.type in RECORDS and status in UNDONE):
        return True
    verification = resource.get("verificationStatus")
    codings = verification.get("coding", []) if isinstance(verification, dict) else []
    return any(c.get("code") in ("entered-in-error", "refuted") for c in codings if isinstance(c, dict))


def _amended(found: RawResource, before: str | None, client: FhirClient) -> bool:
    """Whether a finished record says something else than in the version that was used."""
    if found.type not in RECORDS or before is None or found.version in (None, before) or found.id is None:
        return False
    try:
        old = client.read(found.type, found.id, before).json()
    except RemoteError:
        return True
    if old.get("status") in UNFINISHED:
        return False
    return _content(old) != _content(found.json())


def _content(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key not in ("meta", "text")}


def _reread(client: FhirClient, kind: str, identity: str) -> RawResource | None:
    try:
        return client.read(kind, identity)
    except MissingError:
        return None


def _holders(issue: Mapping[str, Any]) -> Iterator[Json]:
    yield from issue.get("implicated", [])
    yield from issue.get("addresses", [])
    for evidence in issue.get("evidence", []):
        yield from evidence.get("detail", [])


def _plain(what: Json) -> Json:
    return what if "reference" in what else {"identifier": what.get("identifier")}
