"""Requests to a sandbox server, for the tests of this room."""

from __future__ import annotations

from typing import Any

import requests

FHIR = {"Content-Type": "application/fhir+json"}
LOINC = "http://loinc.org"


def patient(identity: str | None = None, **more: Any) -> dict[str, Any]:
    """A patient, with an id when one is given."""
    return {"resourceType": "Patient", **({"id": identity} if identity else {}), **more}


def observation(identity: str, day: str, code: str = "1834-1", **more: Any) -> dict[str, Any]:
    """An observation of patient p1 on a day."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": day,
        **more,
    }


def put(server: str, resource: dict[str, Any], **headers: str) -> requests.Response:
    """PUT a resource under its own id."""
    url = f"{server}/{resource['resourceType']}/{resource['id']}"
    return requests.put(url, json=resource, headers={**FHIR, **headers}, timeout=60)


def get(server: str, path: str, **headers: str) -> requests.Response:
    """GET an address under the server."""
    return requests.get(f"{server}/{path}", headers=headers, timeout=60)


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    """The ids of a searchset's entries of one mode."""
    return [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def found(server: str, query: str) -> list[str]:
    """The sorted ids that a search answers."""
    answer = get(server, query)
    assert answer.status_code == 200, answer.text
    return sorted(ids(answer.json()))


def refused(answer: requests.Response, status: int) -> None:
    """The answer is an OperationOutcome of this status that says why."""
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["diagnostics"]


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """A Bundle to send."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Bundle entry; `fullUrl` and members of the request may be given."""
    full = {"fullUrl": more.pop("fullUrl")} if "fullUrl" in more else {}
    body = {"resource": resource} if resource else {}
    return {**full, **body, "request": {"method": method, "url": url, **more}}


def send(server: str, body: dict[str, Any]) -> requests.Response:
    """POST a Bundle to the server."""
    return requests.post(server, json=body, headers=FHIR, timeout=30)
