"""Which patients of a server concern us: those with a confirmed HCC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from adapter.errors import RemoteError
from adapter.fhir.client import FhirClient
from adapter.fhir.paging import Found

_CHUNK = 40
_UNSURE = frozenset({"unconfirmed", "provisional", "differential", "refuted", "entered-in-error"})
_PATIENT = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9\-._]{1,64})(?:/_history/.+)?")


def find_patients(client: FhirClient, codings: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str | None]:
    """Ids of patients with a Condition of one of these (system, code), sorted, and why they may not be all.

    A longer code that begins with one of them is found where a search gives it; a coding without code searches its
    whole system. A Condition that says refuted, unconfirmed or entered in error does not count. Raises RemoteError.
    """
    wanted = list(codings)
    codes = sorted({code for _, code in wanted if code})
    whole = sorted({f"{system}|" for system, code in wanted if not code})
    ids: set[str] = set()
    reasons: list[str] = []
    for tokens in (*(codes[start : start + _CHUNK] for start in range(0, len(codes), _CHUNK)), *([w] for w in whole)):
        found = _conditions(client, tokens)
        ids.update(identity for resource in found.resources for identity in _patient(resource.json(), codes))
        reasons += [found.incomplete] if found.incomplete else []
    return tuple(sorted(ids)), reasons[0] if reasons else None


def every_patient(client: FhirClient) -> tuple[tuple[str, ...], str | None]:
    """Ids of all patients of a server, sorted, and why they may not be all. Raises RemoteError."""
    found = _answered(client.search("Patient"))
    ids = {resource.id for resource in found.resources if resource.type == "Patient" and resource.id}
    return tuple(sorted(ids)), found.incomplete


def _conditions(client: FhirClient, codes: Sequence[str]) -> Found:
    # Codes without their system: servers name the same system in several ways, and the evaluation decides anyhow.
    return _answered(client.search("Condition", [("code", ",".join(codes))]))


def _answered(found: Found) -> Found:
    """Raises RemoteError when the server gave nothing but an error: that says nothing about who is there."""
    if found.refused:
        raise RemoteError("the search for patients was answered with nothing but an error: check what may be searched")
    return found


def _patient(condition: Mapping[str, Any], codes: Sequence[str]) -> Iterator[str]:
    found = _codes(condition.get("code"))
    if condition.get("resourceType") != "Condition" or not any(code.startswith(tuple(codes)) for code in found):
        return
    if _codes(condition.get("verificationStatus")) & _UNSURE:
        return
    subject = condition.get("subject")
    reference = subject.get("reference") if isinstance(subject, Mapping) else None
    match = _PATIENT.fullmatch(reference) if isinstance(reference, str) else None
    if match:
        yield match[1]


def _codes(concept: object) -> set[str]:
    codings = concept.get("coding") if isinstance(concept, Mapping) else None
    found = [c.get("code") for c in (codings if isinstance(codings, list) else []) if isinstance(c, Mapping)]
    return {code for code in found if isinstance(code, str)}
