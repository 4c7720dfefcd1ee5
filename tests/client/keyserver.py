"""An https server of key sets, with an authority of its own."""

from __future__ import annotations

import ipaddress
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.listening import Listening, Quiet

Json = dict[str, Any]


def write_certificate(certificate: Path, secret: Path) -> None:
    """A certificate of this machine's own address that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 5, now - timedelta(days=1), now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    certificate.write_bytes(made.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Exchange(Quiet):
    """One request and its answer."""

    keys: KeyServer

    def do_GET(self) -> None:
        """A key set, a redirect or nothing."""
        self.keys.log.append(self.path)
        target = self.keys.redirects.get(self.path)
        raw = json.dumps(self.keys.sets.get(self.path, {})).encode()
        self.send_response(302 if target else 200 if self.path in self.keys.sets else 404)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class KeyServer:
    """`sets` are the key sets by path; `authority` is the certificate to trust."""

    def __init__(self, home: Path) -> None:
        self.sets: dict[str, Json] = {}
        self.redirects: dict[str, str] = {}
        self.log: list[str] = []
        self.authority, secret = home / "authority.pem", home / "authority.key"
        write_certificate(self.authority, secret)
        secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secured.load_cert_chain(self.authority, secret)
        self.server = Listening(type("Bound", (Exchange,), {"keys": self}), secured)
        self.host = self.server.origin

    def close(self) -> None:
        """Ends it."""
        self.server.close()
