"""Who may call: a verified caller for every route but a few, and what that caller may name."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapter.service.clients import Client
from adapter.service.refusals import LATER, Refusal, answer
from adapter.service.site import Site
from adapter.service.tokens import Untrusted, Verifier

FREE = ("/healthz", "/readyz", "/.well-known/jwks.json")
log = logging.getLogger("hcc.service")


class Trust:
    """Lets a call pass when its token holds; any fault is a bare 401."""

    def __init__(self, app: ASGIApp, verifier: Verifier, public_url: str) -> None:
        self.app = app
        self.verifier = verifier
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        token = Headers(scope=scope).get("authorization")
        try:
            url = self.public_url + str(scope["path"])
            scope.setdefault("state", {})["client"] = await run_in_threadpool(self.verifier.verify, token, url)
        except Untrusted as fault:
            log.warning("refused a token: %s", fault)
            await answer(Refusal(401), scope["path"])(scope, receive, send)
            return
        except SQLAlchemyError as error:
            # Whether a token was used before cannot be told: nobody is let in, and nobody is called a forger.
            log.error("tokens cannot be checked: the state database fails (%s)", type(error).__name__)
            told = "tokens cannot be checked at the moment: call again"
            await answer(Refusal(503, told, headers=LATER), scope["path"])(scope, receive, send)
            return
        await self.app(scope, receive, send)


def caller(request: Request) -> Client | None:
    """The verified caller; None where every caller is trusted."""
    client = getattr(request.state, "client", None)
    return client if isinstance(client, Client) else None


def caller_name(request: Request) -> str:
    """The verified caller's name; empty where every caller is trusted."""
    client = caller(request)
    return client.name if client else ""


def check_service(request: Request, service_id: str) -> None:
    """403 when the verified caller may not call this service."""
    client = caller(request)
    if client and client.services and service_id not in client.services:
        raise Refusal(403, "this caller may not call this service")


def check_named_server(request: Request, base: str | None) -> None:
    """403 when the verified caller names a FHIR server that is not its own."""
    client, site = caller(request), request.app.state.site
    assert isinstance(site, Site)
    if client and base and base not in (*client.fhir_servers, site.settings.fhir_server):
        raise Refusal(403, "this caller may not name this FHIR server")
