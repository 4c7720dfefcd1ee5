"""The operator's routes: health, readiness, and the API's pages without any other host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import swagger_ui_bundle  # type: ignore[import-untyped]  # it ships no types, and no stubs exist
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from adapter import __version__
from adapter.errors import AdapterError
from adapter.service.evaluation import evaluator_of
from adapter.service.silence import SILENT_WARNING
from adapter.service.site import Site
from adapter.state import State

OPEN_WARNING = "OPEN: every caller is trusted (--open); for sandboxes only, never with real patients"
ASSETS = "/docs/assets"

router = APIRouter(tags=["operations"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    """Alive; nothing is checked."""
    return {"status": "ok"}


@router.get("/readyz", summary="The service can work")
async def readyz(request: Request) -> JSONResponse:
    """Ready once the tables are loaded; says loudly what is not for real patients."""
    site: Site = request.app.state.site
    told: dict[str, Any] = {"version": __version__, "edition": site.settings.edition, "open": site.open}
    if site.open:
        told["warning"] = OPEN_WARNING
    if site.frozen:
        told["frozenAsOf"] = site.as_of().text
    if request.app.state.silent:
        told |= {"silent": list(request.app.state.silent), "silentWarning": SILENT_WARNING}
    try:
        await run_in_threadpool(evaluator_of, site)
    except AdapterError as error:
        return JSONResponse({"status": "not ready", "reason": str(error), **told}, 503)
    memory: State = request.app.state.memory
    trouble = None if await run_in_threadpool(memory.ready) else "the state database takes nothing"
    if trouble or memory.shown.trouble:
        return JSONResponse({"status": "not ready", "reason": trouble or memory.shown.trouble, **told}, 503)
    return JSONResponse({"status": "ready", **told})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The API's page, with assets from this service alone."""
    site: Site = request.app.state.site
    frozen = f" - clock frozen at {site.as_of().text}" if site.frozen else ""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"HCC conversion therapy adapter{frozen}",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
        oauth2_redirect_url=None,
    )


def docs_assets() -> StaticFiles:
    """The files of Swagger UI from the installed package."""
    vendor = Path(swagger_ui_bundle.__file__).parent / "vendor"
    folder = next(folder for folder in sorted(vendor.iterdir()) if (folder / "swagger-ui-bundle.js").is_file())
    return StaticFiles(directory=folder)
