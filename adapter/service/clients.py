"""The trusted callers of a site, read from its TOML file."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from adapter.errors import SettingError

ALGORITHMS = ("ES384", "RS384")
MORE_ALGORITHMS = ("ES256", "RS256", "PS384", "ES512")
LONGEST_NAME = 255
PUBLIC_KEY_ISSUERS = ("https://sandbox.cds-hooks.org",)


@dataclass(frozen=True)
class Client:
    """One caller: whose tokens (`iss`), signed with which keys (`jwks` file or `jku`), for what.

    Empty `tenants` and `services` mean any. `test` admits an issuer whose private key is public. `tenant`: the one that
    the token of this call named.
    """

    iss: str
    jwks: Path | None = None
    jku: str | None = None
    tenants: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ALGORITHMS
    fhir_servers: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    test: bool = False
    tenant: str | None = None

    @property
    def name(self) -> str:
        """Issuer and tenant, so that no caller's feedback speaks for another."""
        return (f"{self.iss} {self.tenant}" if self.tenant else self.iss)[:LONGEST_NAME]


_LISTS = ("tenants", "algorithms", "fhir_servers", "services")
_KEYS = ("iss", "jwks", "jku", "test", *_LISTS)


def read_clients(path: Path) -> dict[str, Client]:
    """The clients by issuer. Raises SettingError naming the file, the client's place and what is wrong."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"HCC_CLIENTS: {path} cannot be read as TOML ({type(error).__name__})") from None
    rows = table.get("client")
    if set(table) != {"client"} or not isinstance(rows, list) or not rows:
        raise SettingError(f"HCC_CLIENTS: {path} must hold one or more [[client]] tables and nothing else")
    clients: dict[str, Client] = {}
    for number, row in enumerate(rows, 1):
        try:
            client = _client(row, path.parent)
        except ValueError as error:
            raise SettingError(f"HCC_CLIENTS: {path}, client {number}: {error}") from None
        if client.iss in clients:
            raise SettingError(f"HCC_CLIENTS: {path}, client {number}: this iss stands there twice")
        clients[client.iss] = client
    return clients


def _client(row: Mapping[str, object], folder: Path) -> Client:
    for key in row:
        if key not in _KEYS:
            raise ValueError(f"{key} is no key; the nearest is {get_close_matches(key, _KEYS, n=1, cutoff=0)[0]}")
    iss, jwks, jku = (_text(row, key) for key in ("iss", "jwks", "jku"))
    lists = {key: _texts(row, key) for key in _LISTS if key in row}
    test = row.get("test", False)
    if not iss or (jwks is None) == (jku is None):
        raise ValueError("iss and one of jwks (file) and jku (URL) are needed")
    if iss in PUBLIC_KEY_ISSUERS and test is not True:
        raise ValueError("the private key of this iss is public; only `test = true` admits it")
    _check(lists, jku)
    if jwks is not None and not (folder / jwks).is_file():
        raise ValueError("the jwks file is not there: nobody could be verified")
    lists["fhir_servers"] = tuple(server.rstrip("/") for server in lists.get("fhir_servers", ()))
    return Client(iss, folder / jwks if jwks else None, jku, test=test is True, **lists)  # type: ignore[arg-type]  # _LISTS only


def _check(lists: Mapping[str, tuple[str, ...]], jku: str | None) -> None:
    allowed = ALGORITHMS + MORE_ALGORITHMS
    for algorithm in lists.get("algorithms", ()):
        if algorithm not in allowed:
            raise ValueError(f"algorithm {algorithm} is not permitted; permitted are {', '.join(allowed)}")
    if jku is None:
        return
    parts = urlsplit(jku)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError("jku must be an https URL")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(row: Mapping[str, object], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} must be a text")
    return value or None


def _texts(row: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = row[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} must be a list of texts")
    return tuple(value)
