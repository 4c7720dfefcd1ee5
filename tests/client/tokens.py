"""Tokens of CDS Hooks clients: good ones by a library, bad ones by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

Json = dict[str, Any]
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def b64(raw: bytes) -> str:
    """URL-safe and without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def packed(part: Json) -> str:
    """A header or payload as it stands in a token."""
    return b64(json.dumps(part).encode())


def payload(token: str) -> Json:
    """The claims of a token."""
    part = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class Client:
    """One caller with its own key."""

    def __init__(self, iss: str, alg: str = "ES384", kid: str | None = None) -> None:
        self.iss, self.alg = iss, alg
        self.kid = kid or f"kid-{uuid.uuid4().hex[:8]}"
        members: Any = {"kid": self.kid, "alg": alg, "use": "sig"}
        self.key: ECKey | RSAKey = (
            ECKey.generate_key(CURVES[alg], members) if alg in CURVES else RSAKey.generate_key(2048, members)
        )

    def jwks(self) -> Json:
        """The public part as a JWK Set."""
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig"}]}

    def claims(self, aud: Any, **change: Any) -> Json:
        """A payload that holds, but for the changes; `...` takes a claim away."""
        now = int(time.time())
        body = {"iss": self.iss, "aud": aud, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **change}
        return {name: value for name, value in body.items() if value is not ...}

    def header(self, **change: Any) -> Json:
        """A header that holds, but for the changes."""
        return {"alg": self.alg, "kid": self.kid, "typ": "JWT", **change}

    def token(self, aud: Any, header: Json | None = None, key: Any = None, **change: Any) -> str:
        """A signed token; `...` as a value removes a claim."""
        head = self.header(**(header or {}))
        return jwt.encode(head, self.claims(aud, **change), key or self.key, algorithms=[head["alg"]])


def signed_as_is(client: Client, aud: str, header: Json) -> str:
    """A token truly signed with ES384, whatever its header says or lacks."""
    text = f"{packed(header)}.{packed(client.claims(aud))}"
    return f"{text}.{b64(JWSRegistry.algorithms['ES384'].sign(text.encode(), client.key))}"


def without_header(client: Client, aud: str, name: str) -> str:
    """A truly signed token whose header lacks `name` (the library would add typ itself)."""
    return signed_as_is(client, aud, {field: value for field, value in client.header().items() if field != name})


def unsigned(client: Client, aud: str, alg: str | None = "none") -> str:
    """A token that says it needs no signature."""
    return f"{packed(client.header(alg=alg))}.{packed(client.claims(aud))}."


def hmac_signed(client: Client, aud: str, secret: bytes, alg: str) -> str:
    """Key confusion: what is public as the secret of an HMAC."""
    text = f"{packed(client.header(alg=alg))}.{packed(client.claims(aud))}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), HASHES[alg]).digest())}"
