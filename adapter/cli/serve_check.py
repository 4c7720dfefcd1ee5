"""The check of everything that a start of the service would read, without starting it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from adapter.cli.outcome import DONE, checked_as_of, say, unexpected, write
from adapter.cli.serve import check_shared, in_url, listen
from adapter.errors import AdapterError, RemoteError, SettingError, UsageError
from adapter.fhir.client import FhirClient
from adapter.fhir.transport import Patience
from adapter.output.wordbook import texts_of
from adapter.service.clients import Client, is_loopback, read_clients
from adapter.service.evaluation import evaluator_of
from adapter.service.hooks import HOOKS
from adapter.service.keys import KeysUnreadable, read_keys
from adapter.service.operations import OPEN_WARNING
from adapter.service.silence import silent_services
from adapter.service.site import Site
from adapter.settings import Settings, load
from adapter.settings.credential import own_credential
from adapter.settings.known import LANGUAGES
from adapter.state.standing import standing
from adapter.values.text import one_line

NOTHING_TRUSTED = "nobody is trusted: name the trusted callers in HCC_CLIENTS, or, for a sandbox, give --open"
WRONG = "WRONG"
_PATIENCE = Patience(connect=5, read=10, retries=0)


class Remark(str):
    """A line on something that stops no start, and that an operator should know."""


@dataclass
class _Told:
    """What was said so far, and the exit codes of what is wrong."""

    codes: list[int] = field(default_factory=list)

    def step(self, name: str, checked: Callable[[], Iterator[str]]) -> None:
        """One part of the start: every line that it tells, and what stops it."""
        try:
            for line in checked():
                _say("note" if isinstance(line, Remark) else "ok", name, line)
        except AdapterError as error:
            for cause in error.causes if isinstance(error, SettingError) else (str(error),):
                self.codes.append(error.exit_code)
                _say(WRONG, name, cause)
        except Exception as error:  # noqa: BLE001 - a check that breaks is a finding, and the others still count
            self.codes.append(UsageError.exit_code)
            _say(WRONG, name, f"failed: {unexpected(error)}; please report this line")


def check_start(
    flags: Mapping[str, str | None], *, host: str, port: int, as_of: str | None, open_: bool, workers: int = 1
) -> int:
    """Prints line by line what is right and what is wrong: 0 all right, 2 something is wrong, 3 only that somebody else
    could not be reached or refused."""
    told = _Told()
    found: list[Settings] = []

    def settings_read() -> Iterator[str]:
        found.append(load(flags))
        sources = sorted({source for source in found[0].sources.values() if source != "default"})
        yield f"read ({', '.join(sources) or 'defaults only'})"

    told.step("settings", settings_read)
    if found:
        public = found[0].public_url or f"http://{in_url(host)}:{port}"
        site = Site(found[0], public, open=open_, frozen=as_of)
        for name, checked in _steps(site, host, port, workers).items():
            told.step(name, checked)
    if not told.codes:
        _say("ok", "start", "the service would start")
        return DONE
    _say(WRONG, "start", f"{len(told.codes)} of the above to be mended")
    return UsageError.exit_code if UsageError.exit_code in told.codes else max(told.codes)


def _steps(site: Site, host: str, port: int, workers: int) -> dict[str, Callable[[], Iterator[str]]]:
    steps: dict[str, Callable[[], Iterator[str]]] = {
        "clock": lambda: _clock(site),
        "trust": lambda: _trust(site),
    }
    for client in _clients(site):
        steps[f"keys of {client.iss}"] = partial(_keys, client)
    return {
        **steps,
        "rules and mappings": lambda: _rules(site),
        "texts": _texts,
        "silent mode": lambda: _silent(site),
        "state database": lambda: _state(site, workers),
        "port": lambda: _port(host, port),
        "public address": lambda: _public(site),
        "browsers": lambda: _browsers(site),
        "FHIR server": lambda: _fhir_server(site),
    }


def _clock(site: Site) -> Iterator[str]:
    if site.frozen is None:
        yield f"runs, days in {site.settings.time_zone}"
        return
    checked_as_of(site.frozen, site.settings.time_zone)
    yield Remark(f"FROZEN at {site.as_of().text}: for sandboxes and demos only")


def _trust(site: Site) -> Iterator[str]:
    if site.open:
        yield Remark(OPEN_WARNING)
        return
    if site.settings.clients is None:
        raise UsageError(NOTHING_TRUSTED)
    for client in read_clients(site.settings.clients).values():
        named, tenants = ", ".join(client.fhir_servers) or "none of its own", ", ".join(client.tenants) or "any"
        yield f"{client.iss}: {', '.join(client.algorithms)}; tenants: {tenants}; FHIR servers: {named}"


def _clients(site: Site) -> list[Client]:
    """The trusted callers; none where their file does not hold, which the step on trust says."""
    try:
        return list(read_clients(site.settings.clients).values()) if site.settings.clients and not site.open else []
    except AdapterError:
        return []


def _keys(client: Client) -> Iterator[str]:
    place = str(client.jwks or client.jku)
    try:
        found = read_keys(client)
    except KeysUnreadable as error:
        if client.jwks is not None:
            raise UsageError(f"{place}: no keys can be read ({error})") from None
        raise RemoteError(f"{place}: no keys can be read ({error})") from None
    for fault in found.faults:
        yield Remark(f"{place}: {fault}")
    if not found.keys:
        raise UsageError(f"{place}: no key in it can be used: give public EC or RSA keys with kid")
    yield f"{place}: {len(found.keys)} usable"


def _rules(site: Site) -> Iterator[str]:
    evaluator_of(site)
    settings = site.settings
    overlays = [str(folder) for folder in (settings.mappings, settings.thresholds) if folder]
    yield f"edition {settings.edition}; the site's own: {', '.join(overlays) or 'none'}"


def _texts() -> Iterator[str]:
    for language in LANGUAGES:
        texts_of(language)
    yield ", ".join(LANGUAGES)


def _silent(site: Site) -> Iterator[str]:
    silent = silent_services(site, tuple(HOOKS))
    yield Remark(f"SILENT, no card is shown: {', '.join(silent)}") if silent else "off"


def _state(site: Site, workers: int) -> Iterator[str]:
    check_shared(site.settings.state, workers)
    found = standing(site.settings.state)
    shown = site.settings.shown["state"] or "default place"
    if found.version is None:
        yield f"{shown}: not there yet, would be made (version {found.newest})"
    elif found.version < found.newest:
        yield f"{shown}: version {found.version}, would be brought to {found.newest}"
    else:
        yield f"{shown}: version {found.version}"


def _port(host: str, port: int) -> Iterator[str]:
    with listen(host, port):
        pass
    yield f"{host} port {port or '(any free one)'} can be had"


def _public(site: Site) -> Iterator[str]:
    url, given = site.public_url, site.settings.public_url is not None
    parts = urlsplit(url)
    away = not is_loopback(parts.hostname or "")
    if not site.open and away and parts.scheme != "https":
        raise UsageError(f"{url} is not https: callers send patients' records and tokens (HCC_PUBLIC_URL)")
    if not given and not site.open:
        yield Remark(
            "HCC_PUBLIC_URL is not set: only callers on this machine can name the service as their tokens must"
        )
    yield url if site.open else f"tokens must name {url}/cds-services and what is below it as aud"


def _browsers(site: Site) -> Iterator[str]:
    origins = ", ".join(site.settings.cors_origins)
    yield "every origin may call (--open)" if site.open else origins or "no browser may call (HCC_CORS_ORIGINS)"


def _fhir_server(site: Site) -> Iterator[str]:
    base = site.settings.fhir_server
    if base is None:
        yield Remark("none set (HCC_FHIR_SERVER): calls must name theirs, and the /patients routes answer 503")
        return
    server = FhirClient(base, auth=own_credential(site.settings), patience=_PATIENCE)
    try:
        found = server.capability()
    finally:
        server.close()
    if found.fhir_version is None:
        raise RemoteError(f"{base}/metadata names no fhirVersion: is it an R4 server?")
    yield f"{base}: FHIR {found.fhir_version[:12]}, {(found.software or 'software not named')[:80]}"


def _say(mark: str, name: str, line: str) -> None:
    said = f"{mark:<6}{name}: {one_line(line)}"
    write(f"{said}\n".encode())
    if mark == WRONG and not sys.stderr.isatty():
        say(said)
