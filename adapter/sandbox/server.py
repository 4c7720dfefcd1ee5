"""The sandbox FHIR R4 server as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapter.sandbox import bundles, interactions
from adapter.sandbox.capability import capability_statement
from adapter.sandbox.history import history
from adapter.sandbox.refusal import JsonObject, Refusal, outcome, outcome_of
from adapter.sandbox.searching import Pages, page, start_search
from adapter.sandbox.store import Store, Version

_LOG = logging.getLogger(__name__)
_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "text/json", "json")
_FHIR_JSON = "application/fhir+json; charset=utf-8"
_EXPOSED = ["ETag", "Location", "Content-Location", "Last-Modified"]


@dataclass(frozen=True)
class Reply:
    """A status, a body and headers."""

    status: int
    body: JsonObject | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Call:
    """One request, read whole."""

    store: Store
    pages: Pages
    address: str
    path: dict[str, str]
    query: str
    headers: dict[str, str]
    raw: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address."""
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def body(self) -> Any:
        """The body as JSON. Raises Refusal: 415 another content type, 400 not JSON."""
        kind = self.headers.get("content-type", _JSON[0]).partition(";")[0].strip().lower()
        if kind not in _JSON:
            raise Refusal(415, "not-supported", f"content type '{kind}' is not read here; send application/fhir+json")
        try:
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            raise Refusal(400, "structure", "the body is not JSON in UTF-8") from None

    def prefers(self, wish: str) -> bool:
        """Whether the Prefer header holds a wish such as `return=minimal`."""
        return wish in [part.strip() for part in self.headers.get("prefer", "").replace(";", ",").split(",")]


Answer = Callable[[Call], Reply]


def create_app(store: Store) -> Starlette:
    """A FHIR R4 server over the store, under `/fhir`, open to every origin and every caller."""
    pages = Pages()
    routes = [
        Route(path, _endpoint(answer, store, pages), methods=[method], name=f"{method} {path}")
        for method, path, answer in _ROUTES
    ]
    cors = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=_EXPOSED
    )
    return Starlette(routes=routes, middleware=[cors], exception_handlers={HTTPException: _not_routed})


def _endpoint(answer: Answer, store: Store, pages: Pages) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        address = f"{str(request.base_url).rstrip('/')}/fhir"
        headers = {name.lower(): value for name, value in request.headers.items()}
        query, path, raw = request.url.query, dict(request.path_params), await request.body()
        reply = await run_in_threadpool(_answered, answer, Call(store, pages, address, path, query, headers, raw))
        return _response(reply, indented="_pretty=true" in query)

    return endpoint


def _answered(answer: Answer, call: Call) -> Reply:
    try:
        _refuse_other_formats(call)
        return answer(call)
    except Refusal as refusal:
        return Reply(refusal.status, outcome_of(refusal))
    except Exception as error:  # noqa: BLE001 - a client must get an OperationOutcome whatever happens
        _LOG.error("the sandbox server failed: %s", type(error).__name__)
        return Reply(500, outcome("fatal", "exception", "the sandbox server failed; this is a defect of the sandbox"))


def _refuse_other_formats(call: Call) -> None:
    wanted = dict(call.pairs).get("_format", call.headers.get("accept", "*/*")).replace(" ", "+").lower()
    kinds = [part.partition(";")[0].strip("+") for part in wanted.split(",")]
    if not any(kind in (*_JSON, "*/*", "application/*", "") for kind in kinds):
        raise Refusal(406, "not-supported", "this server answers in application/fhir+json only")


def _response(reply: Reply, *, indented: bool) -> Response:
    option = orjson.OPT_INDENT_2 if indented else 0
    content = b"" if reply.body is None else orjson.dumps(reply.body, option=option)
    kind = None if reply.body is None else _FHIR_JSON
    return Response(content, reply.status, dict(reply.headers), media_type=kind)


async def _not_routed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = f"{request.method} {request.url.path} is no interaction of this server; its base is /fhir"
    return _response(Reply(status, outcome("error", "not-supported", reason)), indented=False)


def _stamps(version: Version, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    modified = formatdate(version.updated / 1_000_000, usegmt=True)
    return (("ETag", version.etag), ("Last-Modified", modified), *more)


def _metadata(call: Call) -> Reply:
    return Reply(200, capability_statement(call.address))


def _read(call: Call) -> Reply:
    with call.store.transaction() as shelf:
        version = interactions.read(shelf, call.path["kind"], call.path["id"])
    if call.headers.get("if-none-match") in (version.etag, "*"):
        return Reply(304, None, _stamps(version))
    return Reply(200, version.body, _stamps(version))


def _read_version(call: Call) -> Reply:
    with call.store.transaction() as shelf:
        version = interactions.read_version(shelf, call.path["kind"], call.path["id"], call.path["version"])
    return Reply(200, version.body, _stamps(version))


def _create(call: Call) -> Reply:
    body, condition = call.body, call.headers.get("if-none-exist")
    with call.store.transaction() as shelf:
        return _written(call, interactions.create(shelf, call.address, call.path["kind"], body, condition))


def _update(call: Call) -> Reply:
    body, if_match = call.body, call.headers.get("if-match")
    with call.store.transaction() as shelf:
        return _written(call, interactions.update(shelf, call.path["kind"], call.path["id"], body, if_match))


def _conditional_update(call: Call) -> Reply:
    body, if_match = call.body, call.headers.get("if-match")
    with call.store.transaction() as shelf:
        done = interactions.conditional_update(shelf, call.address, call.path["kind"], call.query, body, if_match)
        return _written(call, done)


def _written(call: Call, done: interactions.Done) -> Reply:
    headers = _stamps(done.version, ("Location", f"{call.address}/{done.version.path}"))
    if call.prefers("return=minimal"):
        return Reply(done.status, None, headers)
    if call.prefers("return=OperationOutcome"):
        return Reply(done.status, outcome("information", "informational", "written"), headers)
    return Reply(done.status, done.version.body, headers)


def _delete(call: Call) -> Reply:
    with call.store.transaction() as shelf:
        gone = interactions.delete(shelf, call.path["kind"], call.path["id"], call.headers.get("if-match"))
    return Reply(204, None, (("ETag", gone.etag),) if gone else ())


def _search(call: Call) -> Reply:
    return _searched(call, call.pairs)


def _search_by_form(call: Call) -> Reply:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.raw and kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "not-supported", "a search by POST takes application/x-www-form-urlencoded")
    try:
        form = parse_qsl(call.raw.decode("utf-8"), keep_blank_values=True)
    except UnicodeDecodeError:
        raise Refusal(400, "structure", "the form is not UTF-8") from None
    return _searched(call, call.pairs + form)


def _searched(call: Call, pairs: list[tuple[str, str]]) -> Reply:
    lenient = call.prefers("handling=lenient")
    with call.store.transaction() as shelf:
        search = start_search(shelf, call.address, call.path["kind"], pairs, lenient=lenient)
        return Reply(200, page(shelf, call.pages, call.address, search))


def _later_page(call: Call) -> Reply:
    asked = dict(call.pairs)
    start = asked.get("_getpagesoffset", "0")
    if "_getpages" not in asked or not (start.isascii() and start.isdigit()):
        raise Refusal(400, "not-supported", "a search needs a resource type, as in /fhir/Patient")
    key = asked["_getpages"]
    with call.store.transaction() as shelf:
        return Reply(200, page(shelf, call.pages, call.address, call.pages.search(key), int(start), key))


def _history(call: Call) -> Reply:
    with call.store.transaction() as shelf:
        return Reply(200, history(shelf, call.address, call.pairs, call.path.get("kind"), call.path.get("id")))


def _bundle(call: Call) -> Reply:
    body = call.body
    kind = body.get("type") if isinstance(body, dict) and body.get("resourceType") == "Bundle" else None
    if kind not in ("transaction", "batch"):
        raise Refusal(400, "invalid", "the base address takes a Bundle of type transaction or batch")
    place = bundles.Place(call.pages, call.address, call.prefers("return=representation"))
    carry_out = bundles.transaction if kind == "transaction" else bundles.batch
    return Reply(200, carry_out(call.store, place, body))


_ROUTES: list[tuple[str, str, Answer]] = [
    ("GET", "/fhir/metadata", _metadata),
    ("GET", "/fhir", _later_page),
    ("GET", "/fhir/", _later_page),
    ("POST", "/fhir", _bundle),
    ("POST", "/fhir/", _bundle),
    ("GET", "/fhir/_history", _history),
    ("GET", "/fhir/{kind}", _search),
    ("POST", "/fhir/{kind}", _create),
    ("PUT", "/fhir/{kind}", _conditional_update),
    ("POST", "/fhir/{kind}/_search", _search_by_form),
    ("GET", "/fhir/{kind}/_history", _history),
    ("GET", "/fhir/{kind}/{id}", _read),
    ("PUT", "/fhir/{kind}/{id}", _update),
    ("DELETE", "/fhir/{kind}/{id}", _delete),
    ("GET", "/fhir/{kind}/{id}/_history", _history),
    ("GET", "/fhir/{kind}/{id}/_history/{version}", _read_version),
]
