"""Request bodies read within a limit, as JSON and nothing else."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
from starlette.requests import Request

from adapter.service.refusals import Refusal

_JSON = ("application/json", "application/fhir+json", "application/json+fhir")
LONGEST_UPLOAD = 60
"""Seconds that a caller may take to send a body."""


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body; 415 for another media type, 413 beyond `limit`, 408 too slow, 400 empty."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media not in _JSON:
        raise Refusal(415, "the body must be JSON: send Content-Type application/json or application/fhir+json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "the body must not be compressed: send it without Content-Encoding")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    pieces, length = [], 0
    with anyio.move_on_after(LONGEST_UPLOAD) as waiting:
        async for piece in request.stream():
            pieces.append(piece)
            length += len(piece)
            if length > limit:
                raise _too_large(limit)
    if waiting.cancelled_caught:
        raise Refusal(408, f"the body did not arrive within {LONGEST_UPLOAD} s", headers={"Connection": "close"})
    body = b"".join(pieces)
    if not body or body.isspace():
        raise Refusal(400, "the body is empty: a JSON object is expected")
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; 400 for anything else."""
    try:
        parsed = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON in UTF-8: {error.msg} at character {error.pos}") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "the body must be a JSON object")
    return parsed


def _too_large(limit: int) -> Refusal:
    told = f"the body is larger than {limit >> 20} MiB (setting HCC_BODY_LIMIT)"
    return Refusal(413, told, headers={"Connection": "close"})
