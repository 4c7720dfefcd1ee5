"""Who we are to a FHIR server: nobody, the bearer of a fixed token, or a SMART Backend Services client."""

from __future__ import annotations

import json
import threading
import time
import uuid
import zlib
from pathlib import Path
from typing import Any, Protocol

import requests
import urllib3

from adapter.errors import RefusedError, RemoteError, UsageError
from adapter.fhir.content import ACCEPTED, small_content

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = {"RSA": "RS384", "EC": "ES384"}
_LIFETIME, _SKEW, _DEFAULT_EXPIRY, _KEPT = 240, 5, 300, 0.8


class NoCredential(requests.auth.AuthBase):
    """Keeps requests from adding the credentials of a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request as it is."""
        return request


class Auth(Protocol):
    """The credential of one server."""

    def token(self) -> str | None:
        """The bearer token to send now, None for none."""

    def refresh(self, refused: str | None) -> bool:
        """Whether there is another token to try after the server refused this one."""


class NoAuth:
    """No credential."""

    def token(self) -> str | None:
        """None."""
        return None

    def refresh(self, refused: str | None) -> bool:
        """There is nothing else to try."""
        return False


class FixedToken(NoAuth):
    """A bearer token that the site set."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str | None:
        """The token."""
        return self._token


class SmartBackend:
    """A token by private_key_jwt, kept for 80 % of its life, one request for it at a time.

    `key` is a JWK (RSA or EC P-384) with its private part and `kid`; `clock` gives seconds since the epoch.
    """

    def __init__(
        self, base: str, client_id: str, key: dict[str, Any], scope: str, *, timeout: float = 30, clock: Any = time.time
    ) -> None:
        self._base, self._client_id, self._scope = base.rstrip("/"), client_id, scope
        self._key, self._algorithm = key, _algorithm(key)
        self._timeout, self._clock = timeout, clock
        self._lock = threading.Lock()
        self._endpoint: str | None = None
        self._held: tuple[str, float] | None = None
        self.granted: str | None = None

    @classmethod
    def from_file(cls, base: str, client_id: str, file: Path, scope: str) -> SmartBackend:
        """The client of a JWK file; raises UsageError when it holds no private key."""
        try:
            key = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            raise UsageError(f"{file.name} cannot be read as a JWK: give the private key as one JSON object") from None
        return cls(base, client_id, key if isinstance(key, dict) else {}, scope)

    def token(self) -> str | None:
        """A token that is still good; raises RemoteError when none can be had."""
        with self._lock:
            if self._held is None or self._clock() >= self._held[1]:
                self._held = self._fetched()
            return self._held[0]

    def refresh(self, refused: str | None) -> bool:
        """Drop the refused token unless another thread already did."""
        with self._lock:
            if self._held is not None and self._held[0] == refused:
                self._held = None
            return True

    def _fetched(self) -> tuple[str, float]:
        asked = self._clock()
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(self._token_endpoint()),
        }
        answer = _exchange("POST", self._token_endpoint(), self._timeout, form)
        token, expires = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token:
            raise RefusedError("the token endpoint gave no access_token: check the client's registration")
        self.granted = answer.get("scope") if isinstance(answer.get("scope"), str) else None
        lasts = expires if isinstance(expires, int | float) and expires > 0 else _DEFAULT_EXPIRY
        return token, asked + lasts * _KEPT

    def _token_endpoint(self) -> str:
        if self._endpoint is None:
            found = _exchange("GET", f"{self._base}/.well-known/smart-configuration", self._timeout)
            endpoint = found.get("token_endpoint")
            if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
                raise RemoteError("the server's smart-configuration names no token_endpoint: set a fixed token instead")
            self._endpoint = endpoint
        return self._endpoint

    def _assertion(self, audience: str) -> str:
        from joserfc import jwk, jwt

        now = int(self._clock())
        header = {"alg": self._algorithm, "typ": "JWT", "kid": self._key.get("kid")}
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "iat": now - _SKEW,
            "exp": now + _LIFETIME,
        }
        key = jwk.import_key(self._key)
        return jwt.encode({k: v for k, v in header.items() if v}, claims, key, algorithms=[self._algorithm])


def _algorithm(key: dict[str, Any]) -> str:
    algorithm = ALGORITHMS.get(str(key.get("kty")))
    if algorithm is None or not key.get("d"):
        raise UsageError("the SMART key is no private RSA or EC key in JWK form: make one and register its public part")
    if key.get("kty") == "EC" and key.get("crv") != "P-384":
        raise UsageError("the SMART key's curve is not P-384, which ES384 needs: make another key")
    return algorithm


def _exchange(method: str, url: str, timeout: float, form: dict[str, str] | None = None) -> dict[str, Any]:
    what = "the token endpoint" if method == "POST" else "the smart-configuration"
    until = time.monotonic() + timeout
    headers = {"Accept": "application/json", "Accept-Encoding": ACCEPTED}
    try:
        with requests.request(
            method,
            url,
            data=form,
            timeout=timeout,
            allow_redirects=False,
            headers=headers,
            auth=NoCredential(),
            stream=True,
        ) as answer:
            content = small_content(answer, until) if answer.ok else b""
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise RemoteError(f"{what} could not be reached ({type(error).__name__}): check the server's address") from None
    except (ValueError, zlib.error):
        raise RemoteError(f"{what} gave no answer that can be read in full: check the server's address") from None
    if not answer.ok:
        raise RefusedError(f"{what} answered {answer.status_code}: check client id, key and scope", answer.status_code)
    return _object(content, what)


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise RemoteError(f"{what} did not answer with JSON") from None
    return found if isinstance(found, dict) else {}
