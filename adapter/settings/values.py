"""The values of all settings, typed, each with the place that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


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
    """A URL with its password and the secret values of its query hidden, any other text unchanged."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return _HIDDEN
    if not parts.scheme or not _ADDRESS.match(text):
        return text
    user, at, host = parts.netloc.rpartition("@")
    shown = parts._replace(query=_PARAMETER.sub(_veiled, parts.query), fragment=_HIDDEN if parts.fragment else "")
    if ":" in user:
        shown = shown._replace(netloc=f"{user.split(':', 1)[0]}:{_HIDDEN}{at}{host}")
    return _HIDDEN.join(urlunsplit(shown).split(quote(_HIDDEN)))


def _veiled(match: re.Match[str]) -> str:
    name = unquote_plus(match[1]).lower()
    return f"{match[1]}={_HIDDEN}" if any(word in name for word in _SECRET) else match[0]
