"""Evaluation over HTTP: a Bundle in, assessments out."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from adapter.fhir.documents import read_document
from adapter.pipeline import Evaluator, evaluator
from adapter.service.body import read_body
from adapter.service.refusals import Refusal
from adapter.service.site import Site
from adapter.settings.known import EDITIONS
from adapter.values import AsOf
from adapter.values.text import one_line

_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/fhir+json": {"schema": {"type": "object"}}}}
}
_YES_NO = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}
AsOfQuery = Annotated[str | None, Query(alias="as-of", description="Day or instant of evaluation; default now.")]
EditionQuery = Annotated[str | None, Query(description="Edition: " + ", ".join(EDITIONS))]

router = APIRouter(tags=["evaluation"])


@router.post("/evaluate", summary="Assess the patients of a Bundle", openapi_extra=_BODY)
async def evaluate(
    request: Request,
    as_of: AsOfQuery = None,
    edition: EditionQuery = None,
    complete: Annotated[str, Query(description="true: the Bundle is the patient's whole record.")] = "false",
) -> Response:
    """One patient gives one assessment, several give a list; nothing is stored."""
    only_known(request, "as-of", "edition", "complete")
    site: Site = request.app.state.site
    whole = _YES_NO.get(complete.lower())
    if whole is None:
        raise Refusal(400, "complete: true or false")
    instant, policy = asked_as_of(site, as_of), asked_edition(site, edition)
    body = await read_body(request, site.settings.body_limit)
    found = await run_in_threadpool(_assessments, body, instant, policy, whole, site)
    if not found:
        raise Refusal(422, "no patient in this Bundle")
    return as_response(found[0] if len(found) == 1 else found)


def only_known(request: Request, *names: str) -> None:
    """Refusal 400 for a query parameter that there is not: a misspelt as-of must not evaluate today."""
    for name in request.query_params:
        if name not in names:
            nearest = get_close_matches(name, names, 1) or names[:1]
            raise Refusal(400, f"{one_line(name)[:40]}: no parameter of this route; the nearest is {nearest[0]}")


def evaluator_of(site: Site, edition: str | None = None) -> Evaluator:
    """The site's evaluator, for another edition when asked."""
    settings = site.settings
    return evaluator(
        edition=edition or settings.edition,
        options=settings.options,
        time_zone=settings.time_zone,
        thresholds=settings.thresholds,
        mappings=settings.mappings,
        canonical_base=settings.canonical_base,
    )


def asked_as_of(site: Site, text: str | None) -> AsOf:
    """The instant of a call; Refusal 400 for a text that is none."""
    try:
        return site.as_of(text)
    except ValueError:
        raise Refusal(400, "as-of: a day (2024-05-01) or an instant (2024-05-01T10:00:00+08:00)") from None


def asked_edition(site: Site, text: str | None) -> str:
    """The edition of a call; Refusal 400 for one that there is not."""
    if text is not None and text not in EDITIONS:
        raise Refusal(400, f"edition: {', '.join(EDITIONS)}")
    return text or site.settings.edition


def as_response(content: object) -> Response:
    """JSON that no cache keeps."""
    return Response(orjson.dumps(content), media_type="application/json", headers={"Cache-Control": "no-store"})


def _assessments(body: bytes, as_of: AsOf, edition: str, whole: bool, site: Site) -> list[dict[str, Any]]:
    configured = evaluator_of(site, edition)
    document = read_document(body, "the body")
    records = configured.records(document.entries, complete=whole, incomplete=document.incomplete)
    return [configured.shown(record, as_of, site.settings.lang, document.incomplete) for record in records.patients]
