"""One patient of the site's FHIR server: the timeline and the assessment as JSON."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from adapter.fhir.client import is_id
from adapter.normalize.records import Record
from adapter.service.chronicle import chronicle
from adapter.service.evaluation import (
    AsOfQuery,
    EditionQuery,
    as_response,
    asked_as_of,
    asked_edition,
    evaluator_of,
    only_known,
)
from adapter.service.gathering import Gaps, gaps_of, record_of
from adapter.service.reading import read_own
from adapter.service.refusals import Refusal
from adapter.service.site import Site

PatientId = Annotated[str, Path(description="The patient's id on the FHIR server.")]

router = APIRouter(tags=["patients"])


@router.get("/patients/{patient_id}/timeline", summary="The facts that exist at an instant")
async def timeline(patient_id: PatientId, request: Request, as_of: AsOfQuery = None) -> Response:
    """Every fact that was read, in order, and what could not be used."""
    site: Site = request.app.state.site
    only_known(request, "as-of")
    instant = asked_as_of(site, as_of)
    record, gaps = await _had(patient_id, request, site.settings.edition)
    return as_response(chronicle(record, instant, gaps))


@router.get("/patients/{patient_id}/assessment", summary="The assessment at an instant")
async def assessment(
    patient_id: PatientId, request: Request, as_of: AsOfQuery = None, edition: EditionQuery = None
) -> Response:
    """The same as the command `evaluate` prints."""
    site: Site = request.app.state.site
    only_known(request, "as-of", "edition")
    instant, policy = asked_as_of(site, as_of), asked_edition(site, edition)
    record, gaps = await _had(patient_id, request, policy)
    shown = await run_in_threadpool(evaluator_of(site, policy).shown, record, instant, site.settings.lang, gaps)
    return as_response(shown)


async def _had(patient_id: str, request: Request, edition: str) -> tuple[Record, Gaps]:
    """The patient's record and what is not in it. Raises Refusal: 400 no id, 503 no place to read."""
    site: Site = request.app.state.site
    if not is_id(patient_id):
        raise Refusal(400, "patient: letters, digits, - . and _, at most 64 of them, and not only dots")
    deadline = time.monotonic() + site.settings.read_deadline
    found: tuple[Record, Gaps] = await request.app.state.own_places.run(
        partial(_read, patient_id, site, edition, deadline), deadline
    )
    return found


def _read(patient_id: str, site: Site, edition: str, deadline: float) -> tuple[Record, Gaps]:
    """Raises Refusal: 404 no such patient, 502 no answer."""
    held = read_own(patient_id, site, deadline)
    patient = held["patient"]
    if patient.status in (404, 410):
        raise Refusal(404, "the FHIR server has no such patient")
    if patient.fault:
        raise Refusal(502, patient.fault)
    record = record_of(patient_id, held, site.settings.fhir_server, evaluator_of(site, edition))
    if record is None:
        raise Refusal(502, "the FHIR server answered with another patient")
    return record, gaps_of(held)
