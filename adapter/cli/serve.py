"""The command that runs the HTTP service."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI

from adapter.cli.outcome import checked_as_of, say
from adapter.errors import UsageError
from adapter.service.app import LAUNCH, create_app
from adapter.service.guard import start_log
from adapter.service.operations import OPEN_WARNING
from adapter.service.silence import SILENT_WARNING
from adapter.service.site import Site
from adapter.service.warming import warm
from adapter.settings import load
from adapter.state import in_memory, open_state

FACTORY = "adapter.service.app:from_launch"
# Without httptools uvicorn takes its slower protocol, which limits a head by itself.
_PROTOCOL = "adapter.service.protocol:BoundedProtocol" if find_spec("httptools") else "auto"
# What a proxy says of itself (X-Forwarded-...) is not believed: HCC_PUBLIC_URL says how callers see the service.
_QUIET: dict[str, Any] = {
    "http": _PROTOCOL,
    "log_level": "warning",
    "access_log": False,
    "timeout_graceful_shutdown": 5,
    "proxy_headers": False,
    "server_header": False,
}


def serve_http(
    flags: Mapping[str, str | None], *, host: str, port: int, as_of: str | None, open_: bool, workers: int
) -> int:
    """Serves until Ctrl-C. Raises UsageError: a port that cannot be had, nobody trusted, a wrong as-of."""
    settings = load(flags)
    check_shared(settings.state, workers)
    frozen = checked_as_of(as_of, settings.time_zone) if as_of is not None else None
    listening = listen(host, port)
    address = f"http://{in_url(host)}:{listening.getsockname()[1]}"
    site = Site(settings, settings.public_url or address, open=open_, frozen=frozen)
    with listening:
        app = create_app(site)
        with open_state(settings.state):  # a database that cannot be opened is said before anybody connects
            pass
        announce(site, address)
        if workers == 1:
            warm(site)
            uvicorn.Server(configured(app)).run(sockets=[listening])
        else:
            _run_workers(flags, site, listening, workers)
    return 0


def check_shared(state: str, workers: int) -> None:
    """Raises UsageError where several processes would each have a state of their own."""
    if workers > 1 and in_memory(state):
        raise UsageError(
            "a state in memory is not shared by several workers: a token would hold twice, overridden cards come back;"
            " give HCC_STATE a file or PostgreSQL, or start one worker"
        )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or "no such address"
        raise UsageError(f"cannot listen on {host} port {port} ({reason}); choose another --host or --port") from None
    listening.set_inheritable(True)
    return listening


def announce(site: Site, address: str) -> None:
    """The address, and loudly what makes this service unfit for real patients."""
    start_log()
    say(f"listening on {address} (discovery: {address}/cds-services, API: {address}/docs)")
    if site.frozen:
        say(f"the clock is FROZEN at {site.as_of().text}: for sandboxes and demos only")
    if site.settings.cds_silent:
        say(SILENT_WARNING)
    if site.open:
        say("*" * len(OPEN_WARNING))
        say(OPEN_WARNING)
        say("*" * len(OPEN_WARNING))


def configured(app: FastAPI) -> uvicorn.Config:
    """Uvicorn without an access log, since paths hold patients' ids; the service writes its own lines."""
    return uvicorn.Config(app, **_QUIET)


def _run_workers(flags: Mapping[str, str | None], site: Site, listening: socket.socket, workers: int) -> None:
    launch = {"flags": dict(flags), "public_url": site.public_url, "open": site.open, "frozen": site.frozen}
    os.environ[LAUNCH] = orjson.dumps({**launch, "parent": os.getpid()}).decode()
    uvicorn.run(FACTORY, factory=True, workers=workers, fd=listening.fileno(), **_QUIET)


def in_url(host: str) -> str:
    """A host as it stands in an address."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
