"""A CDS Hooks call, checked field by field before anything is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapter.fhir.client import is_id
from adapter.fhir.transport import address_fault
from adapter.service.orders import Drafts, drafts_of
from adapter.service.refusals import Refusal
from adapter.service.sent import Sent

_USER = re.compile(r"(?:.*/)?(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9\-.]{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_AUTHORIZATION = {"access_token": str, "token_type": str, "expires_in": int, "scope": str, "subject": str}


@dataclass(frozen=True)
class Access:
    """What the caller lets the service read: transient, never stored, logged or used beyond the call."""

    token: str = field(repr=False)
    scope: str
    expires_in: int


@dataclass(frozen=True)
class HookCall:
    """One call of a service; `prefetch`: what was sent under each key, None for null."""

    hook: str
    instance: str
    patient_id: str
    fhir_server: str | None
    access: Access | None
    prefetch: Mapping[str, Sent | None]
    drafts: Drafts | None = None


def hook_call(body: Mapping[str, Any], hook: str) -> HookCall:
    """The checked call; Refusal 400 names every field that is missing or wrong. Unknown members are ignored."""
    faults: list[str] = []
    sent_hook = _text(body, "hook", faults)
    instance = _text(body, "hookInstance", faults)
    if sent_hook and sent_hook != hook:
        faults.append(f"hook: this service answers {hook} only")
    context = body.get("context")
    if not isinstance(context, dict):
        faults.append("context: required, a JSON object")
        context = {}
    patient_id = _context(context, faults) if isinstance(body.get("context"), dict) else ""
    server = _server(body, faults)
    drafts = drafts_of(context, hook, faults) if patient_id else None
    access = _access(body, server, patient_id, faults)
    prefetch = body.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, dict):
        faults.append("prefetch: a JSON object of resources by key")
    if faults:
        raise Refusal(400, *faults)
    return HookCall(sent_hook, instance, patient_id, server, access, prefetch or {}, drafts)


def _text(holder: Mapping[str, Any], name: str, faults: list[str], path: str = "") -> str:
    value = holder.get(name)
    if isinstance(value, str) and value.strip():
        return value
    faults.append(f"{path}{name}: required, a text that is not empty")
    return ""


def _context(context: Mapping[str, Any], faults: list[str]) -> str:
    user = _text(context, "userId", faults, "context.")
    if user and not _USER.fullmatch(user):
        faults.append("context.userId: Practitioner, PractitionerRole, Patient or RelatedPerson, a slash and an id")
    sent = _text(context, "patientId", faults, "context.")
    patient_id = sent.removeprefix("Patient/")
    if sent and not is_id(patient_id):
        faults.append("context.patientId: a FHIR id (letters, digits, - . and _, at most 64, not only dots)")
    encounter = context.get("encounterId")
    if encounter is not None and not isinstance(encounter, str):
        faults.append("context.encounterId: a text")
    return patient_id


def _server(body: Mapping[str, Any], faults: list[str]) -> str | None:
    server = body.get("fhirServer")
    if server is None:
        return None
    if not isinstance(server, str) or not server.startswith(("http://", "https://")):
        faults.append("fhirServer: an http or https URL")
        return None
    fault = address_fault(server)
    if fault is not None:
        faults.append(f"fhirServer: {fault}")
        return None
    return server.rstrip("/")


def _access(body: Mapping[str, Any], server: str | None, patient_id: str, faults: list[str]) -> Access | None:
    given = body.get("fhirAuthorization")
    if given is None:
        return None
    if not isinstance(given, dict):
        faults.append("fhirAuthorization: a JSON object")
        return None
    if body.get("fhirServer") is None:
        faults.append("fhirServer: required where fhirAuthorization is present")
    wrong = [name for name, kind in _AUTHORIZATION.items() if not isinstance(given.get(name), kind)]
    faults += [f"fhirAuthorization.{name}: required" for name in wrong]
    if not wrong and given["token_type"].lower() != "bearer":
        faults.append("fhirAuthorization.token_type: Bearer")
    if "access_token" not in wrong and not _TOKEN.fullmatch(given["access_token"]):
        faults.append("fhirAuthorization.access_token: visible ASCII characters only, at least one")
    launched = given.get("patient")
    if launched is not None and (not isinstance(launched, str) or launched.removeprefix("Patient/") != patient_id):
        faults.append("fhirAuthorization.patient: another patient than context.patientId")
    if wrong or not server:
        return None
    return Access(given["access_token"], given["scope"], given["expires_in"])
