"""What a CDS Hooks client prefetched: the templates that we publish and the reading of what arrives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from adapter.errors import InputError
from adapter.fhir.documents import OUTCOME, Document, Link, read_closed, typed_document
from adapter.resources.clinical import DRUGGED, READ_TYPES, Medication
from adapter.resources.datatypes import Reference
from adapter.resources.entries import UNREAD, Broken, Entries, Entry
from adapter.resources.repair import read, read_list
from adapter.service.sent import Sent

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
_UNREADABLE = "what was sent cannot be read as FHIR R4"
_BUNDLE = UNREAD["Bundle"]
_READABLE = frozenset(READ_TYPES)
_OF_DRUGS = frozenset({Medication, *DRUGGED})
_MEDICATION_REFERENCE = re.compile(r"(?:(https?://.+)/)?Medication/([A-Za-z0-9\-._]{1,64})(?:/_history/[^/]+)?")

Resource: TypeAlias = Any
"""A typed resource, or what is left of a broken one."""


class _Search(msgspec.Struct, gc=False):
    """Why an entry is in a searchset."""

    mode: str | None = None


class _Issue(msgspec.Struct, gc=False):
    """One issue of an OperationOutcome."""

    severity: str | None = None


class _Outcome(msgspec.Struct, gc=False):
    """An OperationOutcome."""

    issue: list[_Issue] | None = None


@dataclass
class Had:
    """What is in hand of one key: its pages; `fault` why there are none; `doubt` why they may not be all.

    `next`: where the next page is; `total`: how many the source counts, of which `matches` are here (what it added by
    itself is not counted); `status`: HTTP status of a server's fault.
    """

    pages: list[Entries] = field(default_factory=list)
    fault: str | None = None
    doubt: str | None = None
    next: str | None = None
    total: int | None = None
    matches: int = 0
    status: int | None = None

    @property
    def resources(self) -> list[Resource]:
        """The resources of all pages."""
        return [entry.resource for page in self.pages for entry in page.items]

    @property
    def gap(self) -> str | None:
        """Why this is not everything, None when it is."""
        if self.fault or self.doubt:
            return self.fault or self.doubt
        if self.next:
            return "only the first page was given"
        if self.total is not None and self.total > self.matches:
            return f"{self.matches} of {self.total} were given"
        return None


def kind_of(resource: Resource) -> str:
    """The resource type."""
    return resource.type if resource.__class__ is Broken else resource.__class__.__name__


def page_of(resources: Iterable[tuple[Resource, bytes]], name: str) -> Entries:
    """Resources with their JSON as a page; `name` is what those without id are called by."""
    found = list(resources)
    return Entries([Entry(None, shaped) for shaped, _ in found], lambda i: f"{name}[{i}]", lambda i: found[i][1])


def had(sent: Sent | None, key: str) -> Had:
    """The reading of one prefetched value: a resource, a Bundle, null (known empty) or an error of the client."""
    kind = KINDS[key]
    if sent is None:
        return Had()
    try:
        document = _document(sent, key)
    except InputError:
        return Had(fault=_UNREADABLE)
    if document is None:
        return Had(fault="no FHIR resource was sent")
    if document.bundle:
        return _from_bundle(document, kind)
    found = document.entries.items[0].resource
    if found.__class__ is OUTCOME:
        return Had(fault="the client sent an OperationOutcome")
    if found.__class__ is Broken:
        return Had(fault=_UNREADABLE)
    return Had([document.entries]) if kind_of(found) == kind else Had(fault=f"no {kind} and no Bundle was sent")


def _document(sent: Sent, key: str) -> Document | None:
    """What was sent, None when it is no JSON object. Raises InputError when it is no FHIR R4."""

    def place(index: int) -> str:
        return f"prefetch.{key}.entry[{index}]"

    if sent.typed is not None:
        return typed_document(sent.typed, sent.text, key, place)
    text = sent.text()
    return read_closed(text, key, place) if text.startswith(b"{") else None


def _from_bundle(document: Document, kind: str) -> Had:
    """The resources of a searchset; an error entry makes it a fault, a warning or a few unusable entries a doubt.

    Entries of which none is of this kind are a fault: an empty result has no entries.
    """
    following = _next(document.link) if document.link else None
    result = Had(next=following or None, total=_total(document.total) if document.total else None)
    if following == "":
        result.doubt = "a further page cannot be had: its link is none"
    entries, unusable = document.entries, document.entries.skipped
    if not entries.items and not unusable:
        result.pages = [entries]
        return result
    for entry in entries.items:
        entry.fullUrl = None  # a proxy's name for the server would make the same patient another one
    if not unusable and entries.kinds <= _READABLE:
        result.pages = [entries]
        _judge(result, unusable, kind)
        return result
    kept: list[int] = []
    for index, entry in enumerate(entries.items):
        found = entry.resource.__class__
        if found is OUTCOME:
            _note(entries.original(index), result)
        elif (named := kind_of(entry.resource)) and found is not _BUNDLE:
            kept.append(index)
            unusable += found is Broken or (named not in KINDS.values() and not _included(entry))
        else:
            unusable += 1
    result.pages = [entries if len(kept) == len(entries) else some(entries, kept)]
    _judge(result, unusable, kind)
    return result


def some(entries: Entries, kept: list[int]) -> Entries:
    """The entries at some indexes."""
    items = [entries.items[index] for index in kept]
    return Entries(items, lambda i: entries.place(kept[i]), lambda i: entries.original(kept[i]), entries.base)


def _included(entry: Entry) -> bool:
    search = read(entry.search, _Search)
    return search is not None and search.mode == "include"


def _matches(page: Entries, kind: str) -> int:
    """How many entries the search found by itself; what it included besides does not count to its total."""
    said = {bytes(entry.search) for entry in page.items if entry.search}
    included = {text for text in said if (search := read(text, _Search)) and search.mode == "include"}
    items = [e for e in page.items if bytes(e.search) not in included] if included else page.items
    return sum(kind_of(entry.resource) == kind for entry in items)


def _judge(result: Had, unusable: int, kind: str) -> None:
    if result.total is not None:
        result.matches = sum(_matches(page, kind) for page in result.pages)
    kinds = {one.__name__ for page in result.pages for one in page.kinds}
    broken = {r.type for r in result.resources if r.__class__ is Broken} if Broken.__name__ in kinds else set()
    # Of several Observations one may be lost; of the one Patient a death would be.
    lost = kind == KINDS["patient"] and kind in broken
    if lost or ((unusable or kinds) and kind not in kinds | broken):
        result.fault = result.fault or f"the Bundle has entries, but no {kind} that can be read"
    elif unusable:
        result.doubt = result.doubt or f"{unusable} entries of the Bundle cannot be read"


def _note(outcome: bytes, result: Had) -> None:
    found = read(outcome, _Outcome) or _Outcome()
    severities = {issue.severity for issue in found.issue or ()}
    if severities == {"information"}:
        return
    if severities and severities <= {"information", "warning"}:
        result.doubt = "the source warned that the result may not be complete"
    else:
        result.fault = "the result holds an OperationOutcome"


def _next(links: Raw) -> str | None:
    """Where the next page is; empty when there is one that no address tells."""
    return next((link.url or "" for link in read_list(links, Link) if link.relation == "next"), None)


def _total(raw: Raw) -> int | None:
    text = bytes(raw)
    return int(text) if text.isdigit() else None


def medications_named(held: Mapping[str, Had], base: str | None) -> list[str]:
    """Ids of the Medications on the call's server (`base`) that resources point to and that are not in hand."""
    drugs = [page for found in held.values() for page in found.pages if not page.kinds.isdisjoint(_OF_DRUGS)]
    resources = [entry.resource for page in drugs for entry in page.items]
    known = {resource.id for resource in resources if resource.__class__ is Medication}
    raws = [r.medicationReference for r in resources if r.__class__ in DRUGGED and r.medicationReference]
    references = (read(raw, Reference) for raw in raws)
    matches = (_MEDICATION_REFERENCE.fullmatch(one.reference) for one in references if one and one.reference)
    ids = {match[2]: None for match in matches if match and match[1] in (None, base)}
    return [one for one in ids if one not in known]
