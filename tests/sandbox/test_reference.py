"""The sandbox beside the reference implementation: its validator and its server."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import requests

from adapter.sandbox.loading import load
from adapter.sandbox.synthetic import synthetic_bundles
from tests.sandbox.client import bundle, entry, get, observation, patient, put, send
from tests.servers.validator import Validator

DAY = date(2024, 5, 1)


def kinds_of(resource: dict[str, Any]) -> bytes:
    """What makes a resource a kind of its own: its type, its members and its codes."""
    code = resource.get("code", resource.get("medicationCodeableConcept", {}))
    return orjson.dumps([resource["resourceType"], sorted(resource), code])


def test_every_kind_of_synthetic_resource_is_valid_by_the_reference_validator(hapi_validator: Validator) -> None:
    found = {kinds_of(e["resource"]): e["resource"] for b in synthetic_bundles(DAY) for e in b["entry"]}
    assert len(found) > 60
    assert hapi_validator(found.values()) == []


def test_what_the_server_answers_is_valid_by_the_reference_validator(server: str, hapi_validator: Validator) -> None:
    first = bundle("transaction", entry("PUT", "Patient/p1", patient("p1"), fullUrl="urn:x:p1"))
    answers = [send(server, first).json()]
    put(server, observation("o1", "2024-01-05"))
    put(server, observation("o2", "2024-01-06"))
    requests.delete(f"{server}/Observation/o2", timeout=10)
    answers += [
        get(server, path, Prefer="handling=lenient").json()
        for path in ("metadata", "Patient/p1", "Patient/none", "Observation?_include=Observation:subject", "_history")
    ]
    answers.append(get(server, "Observation?nonsense=1", Prefer="handling=lenient").json())
    answers.append(send(server, bundle("batch", entry("GET", "Patient/none"), entry("GET", "Patient?_count=1"))).json())
    assert hapi_validator(answers) == []


def test_a_real_server_takes_the_patients_and_a_second_load_makes_no_version(hapi: str) -> None:
    def versions() -> dict[str, str]:
        searches = [
            f"{kind}?patient=syn-01-eligible&_count=500" for kind in ("Condition", "Observation", "ImagingStudy")
        ]
        answers = [get(hapi, search, **{"Cache-Control": "no-cache"}).json() for search in searches]
        found = [e["resource"] for answer in answers for e in answer["entry"]]
        return {f"{r['resourceType']}/{r['id']}": r["meta"]["versionId"] for r in found}

    assert load(hapi, DAY).patients == len(synthetic_bundles(DAY))
    before = versions()
    assert len(before) > 40
    assert load(hapi, DAY).created == 0
    assert versions() == before
