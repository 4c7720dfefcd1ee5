"""Whose a resource is that came with a call or was read for it: another patient's is refused or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from adapter.fhir.origins import origin
from adapter.normalize.references import patient_named
from adapter.resources.clinical import READ_TYPES, Appointment, BodyStructure, Medication, Patient
from adapter.resources.datatypes import ABSENT, Participant, Reference
from adapter.resources.entries import Entries, Unread
from adapter.resources.repair import read, read_list
from adapter.service.prefetch import Resource, kind_of
from adapter.service.refusals import Refusal

_BY_SUBJECT: frozenset[Any] = frozenset(READ_TYPES) - {Patient, Appointment, Medication, BodyStructure}
_OF_SERVER = " of fhirServer"


def check_one_patient(pages: Iterable[Entries], whose: Whose) -> None:
    """Refuses (400) what is about another patient than the call's."""
    for page in pages:
        alike, own = page.kinds <= _BY_SUBJECT, whose.own
        for entry in page.items:
            resource: Any = entry.resource
            if alike and resource.subject == own:  # mostly the same words as before
                continue
            if resource is not None and whose.another(resource):
                raise Refusal(
                    400,
                    f"prefetch: a {kind_of(resource)} belongs to another patient than context.patientId{_OF_SERVER}",
                )
            own = whose.own


class Whose:
    """Whether resources are about another patient than this one on a server (`base`; None: the first one named).

    What names this patient by the server's whole address gets the plain reference. An id on another server is another
    patient; what nobody can look up (`urn:`) names nobody. `own` is the subject met last that is nobody else's.
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
        if kind_of(resource) == Patient.__name__:
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
        if text == f"Patient/{self._patient_id}" or patient_named(text) is None:
            return False, None
        mine = self._mine(text)
        return not mine, Raw(self._plain) if mine else None

    def _mine(self, reference: str) -> bool:
        """Whether a reference names this patient on the call's server; where the call names none, the first named."""
        named = patient_named(reference)
        if named is None or named[1] != self._patient_id:
            return False
        base = named[0]
        if base is None:
            return True
        if self._base is None:
            self._base = _place(base)
        place = _place(base)
        return place is not None and place == self._base

    def means_this(self, resource: Resource) -> bool:
        """Whether a draft's subject, where it has one, is this patient."""
        reference = read(resource.subject, Reference)
        text = (reference.reference or "").strip() if reference is not None else ""
        return not text or self._mine(text)

    def _appointment(self, appointment: Appointment) -> bool:
        named = [text for text in _actors(appointment) if patient_named(text) is not None]
        mine = any(map(self._mine, named))
        # Beside this patient nobody else counts, and what cannot be looked up names nobody.
        appointment.participant = Raw(b'[{"actor":' + self._plain + b"}]") if mine else ABSENT
        return bool(named) and not mine


def _actors(appointment: Appointment) -> Iterator[str]:
    for participant in read_list(appointment.participant, Participant):
        if participant.actor is not None and participant.actor.reference:
            yield participant.actor.reference.strip()


def _place(base: str) -> tuple[str, int | None, str] | None:
    """Host, port where it is not the scheme's own, and path: what makes two addresses one server, http or https."""
    found = origin(base)
    if found is None:
        return None
    scheme, host, port = found
    own = (scheme, port) in (("http", 80), ("https", 443))
    return host, None if own else port, urlsplit(base).path.rstrip("/")
