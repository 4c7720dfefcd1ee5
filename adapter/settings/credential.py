"""The site's own credential at its FHIR server, as the settings describe it."""

from __future__ import annotations

from adapter.errors import UsageError
from adapter.fhir.auth import Auth, FixedToken, NoAuth, SmartBackend
from adapter.settings.values import Settings


def own_credential(settings: Settings) -> Auth:
    """A fixed token, else SMART Backend Services, else nobody. Raises UsageError for a key that cannot be used."""
    smart = [name for name in ("smart_client_id", "smart_key") if getattr(settings, name)]
    if len(smart) == 1:
        raise UsageError("HCC_SMART_CLIENT_ID and HCC_SMART_KEY need each other: set both, or neither")
    if smart and settings.fhir_token:
        raise UsageError("HCC_FHIR_TOKEN and HCC_SMART_CLIENT_ID are two ways to sign in: set one of them")
    if settings.fhir_token:
        return FixedToken(settings.fhir_token)
    if settings.fhir_server and settings.smart_client_id and settings.smart_key:
        return SmartBackend.from_file(
            settings.fhir_server, settings.smart_client_id, settings.smart_key, settings.smart_scope
        )
    return NoAuth()
