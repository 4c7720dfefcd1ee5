"""What the site's syncs met and the mapping tables do not settle."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from adapter.output.code_ledger import SCHEMA, as_json, entries
from adapter.service.evaluation import as_response, evaluator_of, only_known
from adapter.service.refusals import Refusal
from adapter.service.site import Site
from adapter.service.trust import caller, check_named_server
from adapter.state import State

SourceQuery = Annotated[str | None, Query(description="Base URL of one FHIR server; default all that sync has read.")]

router = APIRouter(tags=["mappings"])


@router.get("/mappings/unmapped", summary="Codes and units that the mapping tables do not settle")
async def unmapped(request: Request, source: SourceQuery = None) -> Response:
    """Per FHIR server that sync has read: counts, units, an example, first and last seen, the findings concerned."""
    only_known(request, "source")
    return as_response(await run_in_threadpool(partial(_ledgers, request, source)))


def _ledgers(request: Request, wanted: str | None) -> dict[str, Any]:
    site: Site = request.app.state.site
    memory: State = request.app.state.memory
    terminology = evaluator_of(site).terminology
    known = [one for one in memory.strangers.sources() if wanted is None or one == wanted.rstrip("/")]
    sources = [source for source in known if _may_see(request, source)]
    ledgers = [as_json(entries(memory.strangers.all(source), terminology), source=source) for source in sources]
    return {"schema": SCHEMA, "sources": [{k: v for k, v in ledger.items() if k != "schema"} for ledger in ledgers]}


def _may_see(request: Request, source: str) -> bool:
    """A verified caller sees the servers that it may name."""
    try:
        if caller(request) is not None:
            check_named_server(request, source)
    except Refusal:
        return False
    return True
