"""A running service for the tests of this room, and synthetic patients as a CDS Hooks client would send them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.sandbox.synthetic import synthetic_bundles
from adapter.service.app import create_app
from adapter.service.prefetch import TEMPLATES, TYPES
from adapter.service.site import Site
from adapter.settings import Settings, load

AS_OF = "2024-05-01"
PUBLIC = "https://hcc.example.org"
PATIENT_VIEW = "/cds-services/hcc-conversion-patient-view"
Json = dict[str, Any]


@pytest.fixture(scope="session")
def charts() -> dict[str, list[Json]]:
    """Resources of each synthetic patient by the patient's key."""
    return {b["id"]: [e["resource"] for e in b["entry"]] for b in synthetic_bundles(date.fromisoformat(AS_OF))}


def settings_in(folder: Path, **environment: str) -> Settings:
    """Settings with nothing but these variables, the state in this folder."""
    return load(environment={"HCC_STATE": f"sqlite:///{folder / 'state.db'}", **environment}, folder=folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An open site with a frozen clock."""
    return Site(settings_in(tmp_path), PUBLIC, open=True, frozen=AS_OF)


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """A caller of the open site."""
    with TestClient(create_app(site), raise_server_exceptions=False) as caller:
        yield caller


def patient_id(chart: list[Json]) -> str:
    """The id of a chart's patient."""
    return next(str(r["id"]) for r in chart if r["resourceType"] == "Patient")


def prefetched(chart: list[Json]) -> dict[str, Any]:
    """The chart as a complete prefetch."""
    found: dict[str, Any] = {}
    for key, kind in TYPES.items():
        entries = [{"resource": r} for r in chart if r["resourceType"] == kind]
        found[key] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    found["patient"] = next(r for r in chart if r["resourceType"] == "Patient")
    assert set(found) == set(TEMPLATES)
    return found


def hook_request(chart: list[Json], **changes: Any) -> Json:
    """A complete patient-view request; `changes` replace members, None takes one away."""
    request: Json = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/example", "patientId": patient_id(chart)},
        "prefetch": prefetched(chart),
    }
    request.update(changes)
    return {name: value for name, value in request.items() if value is not None}
