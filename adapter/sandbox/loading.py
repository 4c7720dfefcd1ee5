"""The synthetic patients on a FHIR server or as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
import requests

from adapter.errors import InputError, RefusedError, RemoteError
from adapter.sandbox.refusal import JsonObject
from adapter.sandbox.synthetic import resources_of, synthetic_bundles

_HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
_CONNECT, _READ = 10, 300
_NO_TRANSACTIONS = (404, 405, 501)


@dataclass(frozen=True)
class Loaded:
    """What a load did: patients, resources sent, and how many of these the server had not held before."""

    patients: int
    resources: int
    created: int


def load(
    fhir_server: str,
    as_of: date,
    *,
    session: requests.Session | None = None,
    on_patient: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Write every synthetic patient to a FHIR server, with dates relative to `as_of`; a second load changes nothing.

    A transaction for each patient where the server says that it takes transactions, else one PUT after the other.
    `session` may bring authorization; `on_patient` hears the key of each patient that is written.
    Raises RemoteError (RefusedError for 401 and 403) when the server cannot be reached or refuses.
    """
    base, counts = fhir_server.rstrip("/"), Counter[str]()
    with nullcontext(session) if session else requests.Session() as connection:
        whole = _takes_transactions(_sent(connection, "GET", f"{base}/metadata"))
        for bundle in synthetic_bundles(as_of):
            counts["patients"] += 1
            counts["resources"] += len(bundle["entry"])
            counts["created"] += _written(connection, base, bundle, whole=whole)
            on_patient(bundle["id"])
    return Loaded(counts["patients"], counts["resources"], counts["created"])


def write_patients(folder: Path, as_of: date) -> list[Path]:
    """Write one transaction Bundle a file into the folder, which is made when it is missing; gives the files' paths.

    Raises InputError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_file(folder, bundle) for bundle in synthetic_bundles(as_of)]
    except OSError as error:
        raise InputError(f"sandbox: {folder} cannot be written ({error.strerror}); choose another --out") from None


def _file(folder: Path, bundle: JsonObject) -> Path:
    path = folder / f"{bundle['id']}.json"
    path.write_bytes(orjson.dumps(bundle, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _written(connection: requests.Session, base: str, bundle: JsonObject, *, whole: bool) -> int:
    if whole:
        answer = _sent(connection, "POST", base, bundle, _NO_TRANSACTIONS)
        if answer.status_code not in _NO_TRANSACTIONS:
            entries = _json(answer).get("entry", [])
            return sum(str(entry.get("response", {}).get("status", "")).startswith("201") for entry in entries)
    statuses = [_put(connection, base, resource) for resource in resources_of(bundle)]
    return statuses.count(201)


def _put(connection: requests.Session, base: str, resource: JsonObject) -> int:
    return _sent(connection, "PUT", f"{base}/{resource['resourceType']}/{resource['id']}", resource).status_code


def _takes_transactions(metadata: requests.Response) -> bool:
    rests = _json(metadata).get("rest", [])
    return any(told.get("code") == "transaction" for rest in rests for told in rest.get("interaction", []))


def _sent(
    connection: requests.Session, method: str, url: str, body: JsonObject | None = None, allowed: tuple[int, ...] = ()
) -> requests.Response:
    content = None if body is None else orjson.dumps(body)
    try:
        answer = connection.request(method, url, data=content, headers=_HEADERS, timeout=(_CONNECT, _READ))
    except requests.RequestException as error:
        reason = type(error).__name__
        raise RemoteError(f"sandbox load: {method} {url} failed ({reason}); check --fhir-server") from None
    if answer.ok or answer.status_code in allowed:
        return answer
    kind = RefusedError if answer.status_code in (401, 403) else RemoteError
    raise kind(f"sandbox load: {method} {url} answered {answer.status_code}; see the server's log", answer.status_code)


def _json(answer: requests.Response) -> JsonObject:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise RemoteError(f"sandbox load: {answer.url} did not answer with FHIR JSON; check --fhir-server")
    return body
