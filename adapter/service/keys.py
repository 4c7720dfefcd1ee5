"""The public keys of trusted callers, from a file or from the one address that their entry names."""

from __future__ import annotations

import logging
import math
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import requests
import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from adapter.fhir.auth import NoCredential
from adapter.fhir.content import ACCEPTED, SMALL, small_content
from adapter.service.clients import Client

LIFETIME = 3600.0
SHORTEST_BETWEEN_FETCHES = 60.0
SHORTEST_AFTER_FAILURE = 10.0
SHORTEST_RSA = 2048
_PATIENCE = 3.0
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_KINDS: dict[str, type[ECKey] | type[RSAKey]] = {"EC": ECKey, "RSA": RSAKey}
_FAILURES = (OSError, ValueError, TypeError, requests.RequestException, urllib3.exceptions.HTTPError, zlib.error)
log = logging.getLogger("hcc.service")

Key = ECKey | RSAKey


class KeysUnreadable(Exception):
    """No key set could be had; the message says why, in a few words."""


@dataclass(frozen=True)
class KeySet:
    """The usable keys by their ids, and of each other key why it is not used."""

    keys: Mapping[str, Key]
    faults: tuple[str, ...] = ()


@dataclass
class _Cached:
    keys: Mapping[str, Key] = field(default_factory=dict)
    fetched: float = -math.inf
    next_try: float = -math.inf
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeyRing:
    """Keys per issuer, cached for an hour; an unknown key id fetches once more, at most once a minute."""

    def __init__(self) -> None:
        self._cache: dict[str, _Cached] = {}
        self._lock = threading.Lock()

    def key(self, client: Client, kid: str) -> Key | None:
        """The public key with this id, None when the issuer has none."""
        with self._lock:
            cached = self._cache.setdefault(client.iss, _Cached())
        now = time.monotonic()
        found = cached.keys.get(kid) if now - cached.fetched < LIFETIME else None
        if found is not None:
            return found
        with cached.lock:  # of this issuer alone: nobody else waits for its address
            if time.monotonic() >= cached.next_try:
                _fetch(client, cached)
            fresh = time.monotonic() - cached.fetched < LIFETIME
            return cached.keys.get(kid) if fresh else None


def _fetch(client: Client, cached: _Cached) -> None:
    try:
        found = read_keys(client)
    except KeysUnreadable as error:
        log.warning("the keys of iss %s cannot be read: %s", client.iss, error)
        cached.next_try = time.monotonic() + SHORTEST_AFTER_FAILURE
        return
    for fault in found.faults:
        log.warning("iss %s: %s", client.iss, fault)
    cached.keys, cached.fetched = found.keys, time.monotonic()
    cached.next_try = cached.fetched + SHORTEST_BETWEEN_FETCHES


def read_keys(client: Client) -> KeySet:
    """The keys of an issuer, read now. Raises KeysUnreadable."""
    try:
        content = orjson.loads(_key_bytes(client))
    except KeysUnreadable:
        raise
    except _FAILURES as error:
        raise KeysUnreadable(type(error).__name__) from None
    rows = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise KeysUnreadable("it holds no list of keys")
    keys: dict[str, Key] = {}
    faults = []
    for place, row in enumerate(rows):
        try:
            kid, key = _key(row)
            keys.setdefault(kid, key)
        except ValueError as error:
            faults.append(f"keys[{place}] is not used: {error}")
    return KeySet(keys, tuple(faults))


def _key(row: object) -> tuple[str, Key]:
    if not isinstance(row, dict):
        raise ValueError("no JSON object")
    kid, kind = row.get("kid"), _KINDS.get(str(row.get("kty")))
    if any(name in row for name in _PRIVATE):
        raise ValueError("it is private or symmetric, and whoever reads it could sign with it")
    if kind is None:
        raise ValueError("its kty is neither EC nor RSA")
    if not isinstance(kid, str) or not kid:
        raise ValueError("it has no kid")
    if row.get("use", "sig") != "sig" or "verify" not in row.get("key_ops", ["verify"]):
        raise ValueError("it is not for signatures")
    try:
        key: Key = kind.import_key(row)
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("it cannot be read as a JWK") from None
    if isinstance(key, RSAKey) and key.public_key.key_size < SHORTEST_RSA:
        raise ValueError(f"it is shorter than {SHORTEST_RSA} bits")
    return kid, key


def _key_bytes(client: Client) -> bytes:
    if client.jwks is not None:
        if client.jwks.stat().st_size > SMALL:
            raise KeysUnreadable("it is larger than 1 MiB")
        return client.jwks.read_bytes()
    until = time.monotonic() + _PATIENCE
    asked = {"timeout": _PATIENCE, "allow_redirects": False, "stream": True, "auth": NoCredential()}
    asked["headers"] = {"Accept-Encoding": ACCEPTED}
    with requests.get(client.jku or "", **asked) as reply:  # type: ignore[arg-type]  # one type for unlike options
        if reply.status_code != 200:
            raise KeysUnreadable(f"its address answered {reply.status_code}")
        try:
            return small_content(reply, until)
        except ValueError as error:
            raise KeysUnreadable(str(error)) from None
