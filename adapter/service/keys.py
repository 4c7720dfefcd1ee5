"""The public keys of trusted callers, from a file or from the one address that their entry names."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass

import orjson
import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from adapter.service.clients import Client

LIFETIME = 3600.0
SHORTEST_BETWEEN_FETCHES = 60.0
_LARGEST = 1 << 20
_PATIENCE = 3.0
log = logging.getLogger("hcc.service")


@dataclass
class _Cached:
    keys: KeySet | None = None
    fetched: float = -math.inf
    tried: float = -math.inf


class KeyRing:
    """Keys per issuer, cached for an hour; an unknown key id fetches once more, at most once a minute."""

    def __init__(self) -> None:
        self._cache: dict[str, _Cached] = {}
        self._lock = threading.Lock()

    def key(self, client: Client, kid: str) -> ECKey | RSAKey | None:
        """The public key with this id, None when the issuer has none."""
        with self._lock:
            cached, now = self._cache.setdefault(client.iss, _Cached()), time.monotonic()
            found = _find(cached.keys, kid) if now - cached.fetched < LIFETIME else None
            if found is None and now - cached.tried >= SHORTEST_BETWEEN_FETCHES:
                cached.tried = now
                fresh = _read(client)
                if fresh is not None:
                    cached.keys, cached.fetched = fresh, now
                found = _find(fresh, kid)
            return found


def _find(keys: KeySet | None, kid: str) -> ECKey | RSAKey | None:
    for key in keys.keys if keys else ():
        if key.kid == kid and isinstance(key, ECKey | RSAKey):
            return key
    return None


def _read(client: Client) -> KeySet | None:
    try:
        return KeySet.import_key_set(orjson.loads(_key_bytes(client)))
    except (OSError, ValueError, KeyError, TypeError, JoseError, requests.RequestException) as error:
        log.warning("the keys of iss %s cannot be read: %s", client.iss, type(error).__name__)
        return None


def _key_bytes(client: Client) -> bytes:
    if client.jwks is not None:
        return client.jwks.read_bytes()
    with requests.get(client.jku or "", timeout=_PATIENCE, allow_redirects=False, stream=True) as reply:
        if reply.status_code != 200:
            raise ValueError("no key set there")
        body: bytes = reply.raw.read(_LARGEST + 1, decode_content=True)
    if len(body) > _LARGEST:
        raise ValueError("a key set of this size is not read")
    return body
