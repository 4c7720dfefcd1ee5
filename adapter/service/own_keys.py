"""The service's own public key, where FHIR servers look for it when the service signs in (SMART Backend Services)."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from adapter.errors import UsageError
from adapter.service.site import Site

_PUBLIC = ("kty", "kid", "alg", "use", "crv", "x", "y", "n", "e")
_HOUR = "public, max-age=3600"

router = APIRouter(tags=["operations"])


@router.get("/.well-known/jwks.json", summary="The public key with which this service signs in")
async def own_keys(request: Request) -> Response:
    """A JWK Set of the public part of HCC_SMART_KEY; without that setting an empty one."""
    site: Site = request.app.state.site
    content = orjson.dumps({"keys": await run_in_threadpool(_keys, site)})
    return Response(content, media_type="application/jwk-set+json", headers={"Cache-Control": _HOUR})


def _keys(site: Site) -> list[dict[str, object]]:
    file = site.settings.smart_key
    if file is None:
        return []
    try:
        public = import_key(orjson.loads(file.read_bytes())).as_dict(private=False)
    except (OSError, ValueError, TypeError, KeyError, JoseError):
        raise UsageError("HCC_SMART_KEY cannot be read as a JWK: give the private key as one JSON object") from None
    # Named members alone: what a key may hold besides is nobody's business.
    return [{name: public[name] for name in _PUBLIC if name in public}]
