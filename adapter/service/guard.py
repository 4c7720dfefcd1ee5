"""The outermost layers of the service: no failure leaves without an answer, no log line holds a patient's identity."""

from __future__ import annotations

import logging
import re
import time
import traceback
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapter.service.clients import Client
from adapter.service.refusals import Refusal, answer
from adapter.values.text import one_line

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
log = logging.getLogger("hcc.service")


class Guard:
    """Answers what nothing below answered, and writes one log line a call.

    Method, route, status, milliseconds; then who called (issuer and tenant) and the hookInstance, as far as they are
    known: what an auditor needs, and nothing of a patient.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        scope.setdefault("state", {})["arrived"] = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            log.info("the caller went away before its call was whole")
        except Exception as error:  # noqa: BLE001 - the last resort: an answer instead of a broken connection
            log.error("failed: %s at %s", type(error).__name__, place(error))
            if status == 0:
                await answer(Refusal(500), scope["path"])(scope, receive, noting)
        took = (time.perf_counter() - started) * 1000
        log.info("%s %s %d %.0f ms%s", scope["method"], _route(scope), status, took, _audited(scope))


def start_log() -> None:
    """The service's lines on stderr, with their time."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)


def place(error: BaseException) -> str:
    """The file and line of this project, else of a library, in which an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    package = str(Path(__file__).parents[1])
    own = [frame for frame in frames if frame.filename.startswith(package)]
    frame = (own or frames)[-1]
    return f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"


def _audited(scope: Scope) -> str:
    """The verified caller's name, and a hookInstance that is the UUID that it must be."""
    state = scope.get("state", {})
    client, instance = state.get("client"), state.get("instance")
    told = [one_line(client.name)] if isinstance(client, Client) else []
    told += [instance] if isinstance(instance, str) and _UUID.fullmatch(instance) else []
    return "".join(f" {part}" for part in told)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "-")
