"""Errors as HTTP answers: OperationOutcome on FHIR-shaped routes, RFC 9457 problem JSON elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from adapter.errors import AdapterError, InputError, MissingError, RemoteError, UsageError

FHIR_ROUTES = ("/cds-services", "/fhir/")
_ISSUE_CODES = {
    400: "invalid",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    412: "incomplete",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
    504: "timeout",
}
LATER = {"Retry-After": "5"}


class Refusal(Exception):
    """An answer other than success; `details` one line a cause, without patient names or values."""

    def __init__(self, status: int, *details: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(details))
        self.status = status
        self.details: Sequence[str] = details
        self.headers = dict(headers or {})


def refusal_of(error: AdapterError) -> Refusal:
    """The HTTP answer to an error of the layers below."""
    if isinstance(error, InputError):
        return Refusal(400, str(error))
    if isinstance(error, MissingError):
        return Refusal(404, str(error))
    if isinstance(error, RemoteError):
        return Refusal(502, str(error))
    if isinstance(error, UsageError):
        return Refusal(503, str(error), headers=LATER)
    return Refusal(500, "the service failed; its log names the place")


def answer(refusal: Refusal, path: str) -> Response:
    """The response to a refusal on this path; 401 says nothing more than that."""
    if refusal.status == 401:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer", **refusal.headers})
    if path.startswith(FHIR_ROUTES):
        body, media = _operation_outcome(refusal), "application/fhir+json"
    else:
        body, media = _problem(refusal), "application/problem+json"
    return Response(orjson.dumps(body), refusal.status, headers=refusal.headers, media_type=media)


def _operation_outcome(refusal: Refusal) -> dict[str, Any]:
    code = _ISSUE_CODES.get(refusal.status, "exception")
    details = refusal.details or (HTTPStatus(refusal.status).phrase,)
    issues = [
        {"severity": "error", "code": code, "details": {"text": detail}, "diagnostics": detail} for detail in details
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _problem(refusal: Refusal) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
    }
    if refusal.details:
        problem["detail"] = "; ".join(refusal.details)
    return problem
