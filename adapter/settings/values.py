"""The values of all settings, typed, each with the place that it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus

_HIDDEN = "***"
# To the last @: a password may hold any character, as people write it.
_LOGIN = re.compile(r"^((?:[\w+.\-]+://)?[^:/@?#\s]*):(?!//).*@", re.DOTALL)
_PARAMETER = re.compile(r"([?&;#])([^?&;#]*)")
_QUERY = re.compile(r"[?#]")
_SECRET = ("pass", "pwd", "token", "key", "secret", "sig", "auth", "cred")


@dataclass(frozen=True)
class Settings:
    """What contract.md 5 names; `sources` says for each name `flag`, the variable, the file, or `default`."""

    fhir_server: str | None
    write_server: str | None
    state: str = field(repr=False)
    edition: str
    lang: str
    time_zone: str
    mappings: Path | None
    thresholds: Path | None
    options: frozenset[str]
    canonical_base: str
    public_url: str | None
    clients: Path | None
    cds_deadline: float
    read_deadline: float
    cds_silent: frozenset[str]
    cors_origins: tuple[str, ...]
    body_limit: int
    fhir_token: str | None = field(repr=False)
    write_token: str | None = field(repr=False)
    smart_client_id: str | None
    smart_key: Path | None
    smart_scope: str
    sources: Mapping[str, str]
    shown: Mapping[str, str | None]

    @property
    def write_target(self) -> str | None:
        """Where to write: the write server, else the server that is read; None when nothing is to be written."""
        if self.write_server == "none":
            return None
        return self.write_server or self.fhir_server


def without_secrets(text: str) -> str:
    """The text with the password of an address and every secret parameter hidden."""
    return _PARAMETER.sub(_veiled, _LOGIN.sub(rf"\1:{_HIDDEN}@", text))


def refused_text(text: str) -> str:
    """A value that is not usable, as an error may show it: nothing of a query, which may hold anything."""
    shown = without_secrets(text)
    head = _QUERY.split(shown, maxsplit=1)[0]
    return shown if head == shown else f"{head}?{_HIDDEN}"


def _veiled(match: re.Match[str]) -> str:
    name, equals, value = match[2].partition("=")
    secret = any(word in unquote_plus(match[2]).lower() for word in _SECRET)
    return f"{match[1]}{name}={_HIDDEN}" if equals and value and secret else match[0]
