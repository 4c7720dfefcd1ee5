"""The CDS Hooks services: discovery, calls answered with cards, feedback."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from adapter.service.advice import Question
from adapter.service.body import parse_object, read_body
from adapter.service.feedback import keep
from adapter.service.orders import SELECT, SIGN
from adapter.service.places import Lane
from adapter.service.prefetch import TEMPLATES
from adapter.service.refusals import Refusal
from adapter.service.request import hook_call
from adapter.service.sent import parse_call
from adapter.service.showing import outgoing
from adapter.service.silence import silence_told
from adapter.service.site import Site
from adapter.service.trust import caller, check_named_server, check_service

PATIENT_VIEW = "hcc-conversion-patient-view"
ORDER_SELECT, ORDER_SIGN = "hcc-conversion-order-select", "hcc-conversion-order-sign"
HOOKS = {PATIENT_VIEW: "patient-view", ORDER_SELECT: SELECT, ORDER_SIGN: SIGN}
HUGE = 4 << 20
"""Bytes of a call beyond which its evaluation may take a second or more."""
_TITLES = {
    PATIENT_VIEW: "HCC conversion therapy",
    ORDER_SELECT: "HCC conversion therapy: the selected order",
    ORDER_SIGN: "HCC conversion therapy: orders to be signed",
}
_DESCRIPTIONS = {
    PATIENT_VIEW: "Where a patient with hepatocellular carcinoma stands in conversion therapy, what is grave, "
    "and what is missing.",
    ORDER_SELECT: "What speaks against the selected drug or procedure in a patient with hepatocellular carcinoma, "
    "and what could not be checked.",
    ORDER_SIGN: "What speaks against the drugs and procedures to be signed in a patient with hepatocellular carcinoma, "
    "and what could not be checked.",
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}

router = APIRouter(tags=["CDS Hooks"])


@router.get("/cds-services", summary="The CDS Hooks services offered")
async def discovery(request: Request) -> Response:
    """Discovery: id, hook, what it is for, and what to prefetch."""
    site: Site = request.app.state.site
    frozen = f" Its clock is frozen at {site.frozen}: for sandboxes and demos." if site.frozen else ""
    consensus = f" By the Chinese expert consensus (edition {site.settings.edition})."
    services = [
        {
            "id": service,
            "hook": hook,
            "title": _TITLES[service],
            "description": f"{_DESCRIPTIONS[service]}{consensus}{frozen}{silence_told(site, service)}",
            "usageRequirements": "Patient and Conditions are needed; whatever else is not given is named as missing.",
            "prefetch": TEMPLATES,
        }
        for service, hook in HOOKS.items()
    ]
    return _json({"services": services})


@router.post("/cds-services/{service_id}", summary="Cards for one patient", openapi_extra=_BODY)
async def call(service_id: str, request: Request) -> Response:
    """A CDS Hooks call; 412 names what is missing of Patient and Conditions, 503 says that all places are taken."""
    site: Site = request.app.state.site
    deadline = getattr(request.state, "arrived", time.monotonic()) + site.settings.cds_deadline
    hook = _known(service_id)
    check_service(request, service_id)
    body = await read_body(request, site.settings.body_limit)

    state = request.app.state
    lane: Lane = state.huge if len(body) > HUGE else state.ordinary

    def answered(cards: Sequence[dict[str, Any]]) -> Response:
        return _json({"cards": outgoing(request, service_id, cards)})

    def first() -> Question | Response:
        """The answer where nothing has to be read, which then needs no place among those that read."""
        with lane.turn():
            asked = hook_call(parse_call(body), hook)
            request.state.instance = asked.instance
            check_named_server(request, asked.fhir_server)
            question = Question(asked, site, caller(request), deadline)
            if not question.complete:
                return question
            cards = question.cards()
        return answered(cards)

    found = await to_thread.run_sync(first, limiter=lane.places)
    if isinstance(found, Response):
        return found
    response: Response = await state.hook_places.run(lambda: answered(found.cards()), deadline)
    return response


@router.post("/cds-services/{service_id}/feedback", summary="What became of cards", openapi_extra=_BODY)
async def give_feedback(service_id: str, request: Request) -> Response:
    """Feedback on cards: each report is kept, a repeated one once."""
    site: Site = request.app.state.site
    _known(service_id)
    check_service(request, service_id)
    body = parse_object(await read_body(request, site.settings.body_limit))
    kept = await run_in_threadpool(keep, service_id, body, caller(request), request.app.state.memory)
    return _json({"stored": kept})


def _known(service_id: str) -> str:
    if service_id not in HOOKS:
        raise Refusal(404, f"no CDS service has this id; there is {', '.join(HOOKS)}")
    return HOOKS[service_id]


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers={"Cache-Control": "no-store"})
