"""A client from what a site sets: address, token or SMART Backend Services."""

from __future__ import annotations

from pathlib import Path

from adapter.errors import UsageError
from adapter.fhir.auth import Auth, FixedToken, NoAuth, SmartBackend
from adapter.fhir.client import FhirClient
from adapter.fhir.transport import Patience


def connect(
    base: str,
    *,
    token: str | None = None,
    smart_client_id: str | None = None,
    smart_key: Path | None = None,
    smart_scope: str = "system/*.rs",
    patience: Patience | None = None,
) -> FhirClient:
    """The client of a server; nothing is asked of it yet. Raises UsageError for a credential that cannot be used."""
    return FhirClient(base, auth=_auth(base, token, smart_client_id, smart_key, smart_scope), patience=patience)


def _auth(base: str, token: str | None, client_id: str | None, key: Path | None, scope: str) -> Auth:
    if token:
        return FixedToken(token)
    if client_id and key:
        return SmartBackend.from_file(base, client_id, key, scope)
    if client_id or key:
        raise UsageError("SMART Backend Services needs both HCC_SMART_CLIENT_ID and HCC_SMART_KEY: set both or neither")
    return NoAuth()
