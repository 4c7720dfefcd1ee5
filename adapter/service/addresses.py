"""Which FHIR servers a call may make the service read, and connections that go to checked addresses only."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from adapter.service.clients import Client
from adapter.service.site import Site

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Public by its number, and yet the inside of a cloud: its machines' agent.
_INSIDE = frozenset({ipaddress.ip_address("168.63.129.16")})
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
# Blocks of the IANA special-purpose registries that some Pythons call global; 2002::/16 and 192.88.99.0/24 are the
# gates of 6to4, which leads to any address.
_SPECIAL = tuple(
    ipaddress.ip_network(block) for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
)
_GLOBAL_ALL_THE_SAME = frozenset({ipaddress.ip_address("192.0.0.9"), ipaddress.ip_address("192.0.0.10")})


def may_read(base: str, site: Site, client: Client | None) -> bool:
    """A listed base and the site's own server whatever their address; on an open site any public or loopback base."""
    if _listed(base, site, client):
        return True
    try:
        parts = urlsplit(base)
        return site.open and bool(_checked(parts.hostname or "", parts.port or 443))
    except OSError:
        # A name that does not resolve cannot be reached, and a connection checks for itself.
        return site.open
    except ValueError:
        return False


def door(base: str, site: Site, client: Client | None) -> HTTPAdapter | None:
    """How to connect to a base that may be read: None as usual, else to public or loopback addresses only.

    The connection resolves the name once and goes to the address that it checked, so that a name that changes its
    address in between (DNS rebinding) leads nowhere.
    """
    return None if _listed(base, site, client) else CheckedAdapter()


class CheckedAdapter(HTTPAdapter):
    """HTTP connections of `requests` to public and loopback addresses alone, past any proxy."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Pools whose connections check where they go."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedSecurePool}

    def send(self, request: Any, *arguments: Any, **named: Any) -> Any:
        """A proxy would resolve the name again: it is not used."""
        return super().send(request, *arguments, **{**named, "proxies": {}})


class _Checked(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        named = self._dns_host
        try:
            addresses = _checked(named, self.port or 443)
        except (OSError, ValueError) as error:
            raise NewConnectionError(self, f"the name cannot be resolved ({type(error).__name__})") from None
        if not addresses:
            raise NewConnectionError(self, "the address is not allowed")
        try:
            return self._first_of(addresses)
        finally:
            self._dns_host = named

    def _first_of(self, addresses: list[str]) -> socket.socket:
        """A connection to the first address that takes one; the last one's failure is told."""
        for self._dns_host in addresses[:-1]:
            with suppress(NewConnectionError):
                return super()._new_conn()
        self._dns_host = addresses[-1]
        return super()._new_conn()


class _CheckedSecure(_Checked, HTTPSConnection):
    pass


class _CheckedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Checked


class _CheckedSecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _CheckedSecure


def _listed(base: str, site: Site, client: Client | None) -> bool:
    return base == site.settings.fhir_server or (client is not None and base in client.fhir_servers)


def _checked(host: str, port: int) -> list[str]:
    """The addresses of a host when all of them are allowed, else none. Raises OSError for a name without address.

    A host with a zone or a dot at its end is not allowed: resolvers differ in what they make of it.
    """
    try:
        name = host.encode("idna")
        if b"%" in name or name.endswith(b"."):
            return []
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("no name") from None
    addresses = [str(row[4][0]) for row in found]
    return addresses if all(_public_or_loopback(address) for address in addresses) else []


def _public_or_loopback(text: str) -> bool:
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        address = address.ipv4_mapped or address
    return address.is_loopback or _is_public(address)


def _is_public(address: Address) -> bool:
    """Whether an address is surely one of the public network."""
    if address in _GLOBAL_ALL_THE_SAME:
        return True
    if address in _INSIDE or address.is_multicast or any(address in block for block in _SPECIAL):
        return False
    return address.is_global and (address.version == 4 or address in _UNICAST)
