"""Callers of the service with keys and tokens of their own, sound and forged."""

from __future__ import annotations

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.site import Site
from tests.servers.listening import Listening, Quiet
from tests.service.conftest import AS_OF, PUBLIC, Json, settings_in

ISS = "https://ehr.example.org"
KEY = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384", "use": "sig"})
OTHER = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
DISCOVERY = f"{PUBLIC}/cds-services"
T1: dict[str, Any] = {"tenant": "t1"}


def key_set(*keys: ECKey | RSAKey) -> str:
    """The public parts as a JWK Set."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def token(
    url: str | list[Any] = DISCOVERY,
    *,
    key: Any = KEY,
    header: Json | None = None,
    algorithm: str = "ES384",
    **claims: Any,
) -> dict[str, str]:
    """The header with a token that holds but for what is changed; a claim or header of None is left out."""
    now = int(time.time())
    body = {"iss": ISS, "aud": url, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **claims}
    head = {"alg": algorithm, "typ": "JWT", "kid": "k1", **(header or {})}
    parts = [{k: v for k, v in part.items() if v is not None} for part in (head, body)]
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in parts)
    signature = _encoded(JWSRegistry.algorithms[algorithm].sign(signed, key))
    return {"Authorization": f"Bearer {(signed + b'.' + signature).decode()}"}


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def write_clients(folder: Path) -> Path:
    """The file of two trusted callers, one of them with tenants and a FHIR server, the other without a service."""
    (folder / "keys.json").write_text(key_set(KEY, RSA))
    path = folder / "clients.toml"
    path.write_text(
        f'[[client]]\niss = "{ISS}"\njwks = "keys.json"\ntenants = ["t1", "t2"]\n'
        'fhir_servers = ["https://fhir.ehr.example.org/r4/"]\n'
        '[[client]]\niss = "https://other.example.org"\njwks = "keys.json"\nservices = ["none"]\n'
    )
    return path


def app_in(folder: Path, **environment: str) -> TestClient:
    """A worker of the service whose clients file and state lie in the folder."""
    settings = settings_in(folder, **{"HCC_CLIENTS": str(folder / "clients.toml"), **environment})
    return TestClient(create_app(Site(settings, PUBLIC, frozen=AS_OF)), raise_server_exceptions=False)


def status(client: TestClient, headers: dict[str, str] | None) -> int:
    """How discovery answers; a 401 says nothing more."""
    answer = client.get("/cds-services", headers=headers)
    if answer.status_code == 401:
        assert answer.content == b""
    return answer.status_code


class KeyServer:
    """A key set at an address."""

    def __init__(self) -> None:
        self.body, self.status, self.asked, self.wait = key_set(KEY), 200, 0, 0.0
        server = self

        class Answers(Quiet):
            def do_GET(self) -> None:
                server.asked += 1
                time.sleep(server.wait)
                self.send_response(server.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(server.body.encode())

        self.http = Listening(Answers)
        self.url = f"{self.http.origin}/jwks"

    def stop(self) -> None:
        self.http.close()
