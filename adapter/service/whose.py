"""Whose a resource is that came with a call or was read for it: another patient's is refused or left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from adapter.resources.clinical import READ_TYPES, Appointment, BodyStructure, Medication, Patient
from adapter.resources.datatypes import ABSENT, Participant, Reference
from adapter.resources.entries import Unread
from adapter.resources.repair import read, read_list
from adapter.service.prefetch import Resource, kind_of
from adapter.service.refusals import Refusal

_PATIENT_REFERENCE = re.compile(r"(?:.*/)?Patient/([^/#?|]+)(?:/_history/[^/]+)?")
_BY_SUBJECT: frozenset[Any] = frozenset(READ_TYPES) - {Patient, Appointment, Medication, BodyStructure}
_OF_SERVER = " of fhirServer"


def check_one_patient(resources: Iterable[Resource], patient_id: str, base: str | None) -> None:
    """Refuses (400) what is about another patient than the call's; `base` is the call's FHIR server."""
    whose = Whose(patient_id, base)
    for resource in resources:
        if resource.__class__ in _BY_SUBJECT and resource.subject == whose.own:  # mostly the same words as before
            continue
        if whose.another(resource):
            raise Refusal(
                400, f"prefetch: a {kind_of(resource)} belongs to another patient than context.patientId{_OF_SERVER}"
            )


class Whose:
    """Whether resources are about another patient than this one on a server (`base`; None: the first one named).

    What names this patient by the server's whole address gets the plain reference. An id on another server is another
    patient; what nobody can look up (`urn:`) names nobody. `own` is the subject met last that is this patient.
    """

    def __init__(self, patient_id: str, base: str | None) -> None:
        self._patient_id = patient_id
        self._base = None if base is None else _place(base)
        self._plain = msgspec.json.encode({"reference": f"Patient/{patient_id}"})
        self._known: dict[bytes, tuple[bool, Raw | None]] = {}
        self.own = ABSENT

    def another(self, resource: Resource) -> bool:
        """Whether a resource is another patient's; this patient's own is given the plain reference."""
        kind = resource.__class__
        if kind is Patient:
            return str(resource.id or self._patient_id) != self._patient_id
        if kind is Appointment:
            return self._appointment(resource)
        if kind is Medication:
            return False
        if kind is BodyStructure:
            return self._named(resource, "patient")
        if isinstance(resource, Unread) and self._named(resource, "patient"):
            return True
        return self._named(resource, "subject")

    def _named(self, resource: Resource, element: str) -> bool:
        key = bytes(getattr(resource, element))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._meant(read(key, Reference))
        if found[1] is not None:
            setattr(resource, element, found[1])
        elif not found[0]:
            self.own = Raw(key)
        return found[0]

    def _meant(self, reference: Reference | None) -> tuple[bool, Raw | None]:
        """Whether another patient is meant, and what to say instead."""
        text = (reference.reference or "").strip() if reference is not None else ""
        if text.startswith("urn:"):
            return False, ABSENT
        if text == f"Patient/{self._patient_id}":
            return False, None
        named = _patient_of(reference)
        if named is None:
            return False, None
        mine = named == self._patient_id and self._at_home(text)
        return not mine, Raw(self._plain) if mine else None

    def _at_home(self, reference: str) -> bool:
        """Whether a reference stands on the call's server; the first server named is it where the call names none."""
        base = reference.partition("/_history/")[0].rpartition("/Patient/")[0]
        if not base:
            return True
        if self._base is None:
            self._base = _place(base)
        return _place(base) == self._base

    def means_this(self, resource: Resource) -> bool:
        """Whether a draft's subject, where it has one, is this patient."""
        reference = read(resource.subject, Reference)
        text = (reference.reference or "").strip() if reference is not None else ""
        return not text or _patient_of(reference) == self._patient_id

    def _appointment(self, appointment: Appointment) -> bool:
        named = [text for text in _actors(appointment) if _patient_named(text) is not None]
        if not any(_patient_named(text) == self._patient_id and self._at_home(text) for text in named):
            return bool(named)
        appointment.participant = Raw(b'[{"actor":' + self._plain + b"}]")
        return False


def _actors(appointment: Appointment) -> Iterator[str]:
    for participant in read_list(appointment.participant, Participant):
        if participant.actor is not None and participant.actor.reference:
            yield participant.actor.reference.strip()


def _patient_of(reference: Reference | None) -> str | None:
    """The id of the patient that a reference names."""
    return _patient_named((reference.reference or "").strip()) if reference is not None else None


def _patient_named(text: str) -> str | None:
    match = _PATIENT_REFERENCE.fullmatch(text) if text else None
    return match[1] if match else None


def _place(base: str) -> tuple[str | None, int | None, str]:
    """Host, port where it is not the scheme's own, and path: what makes two addresses one server."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return None, None, base
    return parts.hostname, None if port in (80, 443) else port, parts.path.rstrip("/")
