"""The web application put together: routes, errors, browsers' origins, trust."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from adapter import __version__
from adapter.errors import AdapterError, UsageError
from adapter.service.clients import read_clients
from adapter.service.evaluation import router as evaluation
from adapter.service.guard import Guard, log, place, start_log
from adapter.service.hooks import HOOKS
from adapter.service.hooks import router as hooks
from adapter.service.mappings import router as mappings
from adapter.service.operations import ASSETS, OPEN_WARNING, docs_assets
from adapter.service.operations import router as operations
from adapter.service.own_keys import router as own_keys
from adapter.service.parent import end_with
from adapter.service.patients import router as patients
from adapter.service.places import Lane, Places
from adapter.service.refusals import LATER, Refusal, answer, refusal_of
from adapter.service.silence import SILENT_WARNING, silent_services
from adapter.service.site import Site
from adapter.service.tokens import Verifier
from adapter.service.trust import Trust
from adapter.service.warming import warm
from adapter.settings import load
from adapter.state import State, open_state

LAUNCH = "_HCC_ADAPTER_LAUNCH"
_DESCRIPTION = "Conversion therapy of hepatocellular carcinoma: CDS Hooks, evaluation, patients. Decision support only."


def create_app(site: Site) -> FastAPI:
    """The application of a site. Raises UsageError when nobody is trusted and the service is not open."""
    app = FastAPI(
        title="HCC conversion therapy adapter",
        version=__version__,
        description=_description(site),
        docs_url=None,
        redoc_url=None,
        lifespan=_with_state,
    )
    app.router.redirect_slashes = False  # a redirect would name the caller's Host, and no preflight survives one
    app.state.silent = silent_services(site, tuple(HOOKS))
    app.openapi_version = "3.0.3"  # the bundled Swagger UI reads no later one
    app.state.site = site
    for router in (hooks, evaluation, patients, mappings, operations, own_keys):
        app.include_router(router)
    app.mount(ASSETS, docs_assets())
    _answer_errors(app)
    _add_layers(app, site)
    return app


def from_launch() -> FastAPI:
    """The application of a worker process, from what the command left in the environment."""
    start_log()
    launch: dict[str, Any] = orjson.loads(os.environ[LAUNCH])
    end_with(launch.pop("parent"))
    site = Site(load(launch.pop("flags")), **launch)
    app = create_app(site)
    warm(site)
    return app


@asynccontextmanager
async def _with_state(app: FastAPI) -> AsyncIterator[None]:
    """The state database is open while the application runs, and the places of its event loop are there."""
    site: Site = app.state.site
    app.state.hook_places, app.state.own_places = Places(), Places()
    app.state.ordinary, app.state.huge = Lane(), Lane()
    with open_state(site.settings.state) as app.state.memory:
        yield


def _description(site: Site) -> str:
    parts = [_DESCRIPTION]
    if site.frozen:
        parts.append(f"**The clock is frozen at {site.as_of().text}.**")
    if site.open:
        parts.append(f"**{OPEN_WARNING}.**")
    if site.settings.cds_silent:
        parts.append(f"**{SILENT_WARNING}.**")
    return "\n\n".join(parts)


def _add_layers(app: FastAPI, site: Site) -> None:
    """Innermost first: trust, then the guard, then the headers for browsers, which errors need too."""
    if not site.open:
        app.add_middleware(Trust, verifier=_verifier(app, site), public_url=site.public_url)
    app.add_middleware(Guard)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=site.settings.cors_origins,
        allow_origin_regex=".*" if site.open else None,
        allow_methods=("GET", "POST", "OPTIONS"),
        allow_headers=("Authorization", "Content-Type", "Accept"),
        expose_headers=("Retry-After",),
        allow_private_network=site.open,
    )


def _verifier(app: FastAPI, site: Site) -> Verifier:
    if site.settings.clients is None:
        raise UsageError("nobody is trusted: name the trusted callers in HCC_CLIENTS, or, for a sandbox, give --open")

    def first_use(iss: str, jti: str, until: int) -> bool:
        memory: State = app.state.memory
        return memory.replay.first_use(iss, jti, until)

    return Verifier(read_clients(site.settings.clients), first_use)


def _answer_errors(app: FastAPI) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return answer(error, request.url.path)

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, AdapterError)
        return answer(refusal_of(error), request.url.path)

    async def forgotten(request: Request, error: Exception) -> Response:
        log.error("the state database fails (%s) at %s", type(error).__name__, place(error))
        told = "the state database does not answer: call again"
        return answer(Refusal(503, told, headers=LATER), request.url.path)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(Refusal(error.status_code, headers=error.headers), request.url.path)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        told = [f"{'.'.join(str(step) for step in fault['loc'])}: {fault['type']}" for fault in error.errors()]
        return answer(Refusal(400, *told), request.url.path)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(AdapterError, failed)
    app.add_exception_handler(SQLAlchemyError, forgotten)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
