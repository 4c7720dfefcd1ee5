"""The verification of a CDS Hooks caller's token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from adapter.service.clients import Client
from adapter.service.keys import KeyRing

SKEW = 60
LONGEST_LIFE = 3600


class Untrusted(Exception):
    """A token with a fault; the message is for the log and holds no part of the token."""


class Verifier:
    """Checks tokens against the trusted callers; `first_use` keeps (iss, jti) until exp and says whether it was new."""

    def __init__(self, clients: Mapping[str, Client], first_use: Callable[[str, str, int], bool]) -> None:
        self.clients = clients
        self.first_use = first_use
        self.keys = KeyRing()

    def verify(self, authorization: str | None, url: str) -> Client:
        """The caller of `url`. Raises Untrusted. Order: issuer, audience, times, tenant, signature, first use."""
        header, claims, signed = _opened(authorization)
        client = self.clients.get(_text(claims, "iss"))
        if client is None:
            raise Untrusted("iss is not trusted")
        if url.removesuffix("/") not in [audience.removesuffix("/") for audience in _audiences(claims)]:
            raise Untrusted("aud is another address")
        expires = _check_times(claims, int(time.time()))
        tenant = _tenant(claims)
        if client.tenants and tenant not in client.tenants:
            raise Untrusted("tenant is not trusted")
        self._check_signature(header, signed, client)
        if not self.first_use(client.iss, _text(claims, "jti"), expires + SKEW):
            raise Untrusted("jti was used before")
        return replace(client, tenant=tenant)

    def _check_signature(self, header: Mapping[str, Any], signed: bytes, client: Client) -> None:
        algorithm = header.get("alg")
        if algorithm not in client.algorithms:
            raise Untrusted("alg is not permitted")
        if "crit" in header or "b64" in header:
            raise Untrusted("the header asks for what is not supported")
        if str(header.get("typ", "")).upper() != "JWT":
            raise Untrusted("typ is not JWT")
        if client.jku is not None and header.get("jku", client.jku) != client.jku:
            raise Untrusted("jku is not the trusted one")
        key = self.keys.key(client, _text(header, "kid"))
        if key is None:
            raise Untrusted("kid is unknown")
        try:
            jws.deserialize_compact(signed, key, algorithms=[str(algorithm)])
        except (JoseError, ValueError, TypeError):
            raise Untrusted("the signature does not hold") from None


def _opened(authorization: str | None) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Untrusted("no bearer token")
    signed = token.strip().encode("ascii", "replace")
    try:
        opened = jws.extract_compact(signed)
        claims = orjson.loads(opened.payload or b"")
    except (JoseError, ValueError, TypeError):
        raise Untrusted("the token cannot be read") from None
    if not isinstance(claims, dict):
        raise Untrusted("the token holds no claims")
    return dict(opened.protected), claims, signed


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise Untrusted(f"{name} is missing")
    return value


def _tenant(claims: Mapping[str, Any]) -> str | None:
    """The tenant; it goes into the log and the state database, so it is a text that both can hold."""
    if "tenant" not in claims:
        return None
    tenant = claims["tenant"]
    if not isinstance(tenant, str) or not tenant.isprintable():
        raise Untrusted("tenant is no plain text")
    return tenant


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    return [one for one in several if isinstance(one, str)]


def _check_times(claims: Mapping[str, Any], now: int) -> int:
    times = [claims.get(name) for name in ("exp", "iat")]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in times):
        raise Untrusted("exp or iat is missing")
    expires, issued = (int(value) for value in times if value is not None)
    begins = claims.get("nbf")
    if isinstance(begins, int | float) and begins > now + SKEW:
        raise Untrusted("nbf lies ahead")
    if expires < now - SKEW or issued > now + SKEW:
        raise Untrusted("expired, or issued in the future")
    if not 0 <= expires - issued <= LONGEST_LIFE:
        raise Untrusted("valid for longer than an hour")
    return expires
