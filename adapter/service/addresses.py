"""Which FHIR servers a call may make the service read."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from adapter.service.clients import Client
from adapter.service.site import Site


def may_read(base: str, site: Site, client: Client | None) -> bool:
    """A listed base and the site's own server whatever their address; on an open site any public or loopback base."""
    if base == site.settings.fhir_server or (client is not None and base in client.fhir_servers):
        return True
    return site.open and all(_public_or_loopback(address) for address in _addresses(base))


def _addresses(base: str) -> list[str]:
    """The addresses behind a base; none for a name that does not resolve, which then cannot be reached."""
    try:
        parts = urlsplit(base)
        found = socket.getaddrinfo(parts.hostname or "", parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, ValueError, UnicodeError):
        return []
    return [str(row[4][0]) for row in found]


def _public_or_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(mapped.is_loopback or (mapped.is_global and not mapped.is_multicast))
