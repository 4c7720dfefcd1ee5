"""The ledger of what the mapping tables do not settle, over HTTP."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from adapter.state import open_state
from adapter.terminology.strangers import Stranger

ROUTE = "/mappings/unmapped"
EHR, OTHER = "https://ehr.example.org/fhir", "https://other.example.org/fhir"
ALT = Stranger("Observation/o1", "http://h.example/lab", "ALT-1", "丙氨酸氨基转移酶", "unknown", "U/L")


def remember(folder: Path, *sources: str) -> None:
    """What two syncs met on some servers."""
    with open_state(f"sqlite:///{folder / 'state.db'}") as state:
        for source in sources:
            for day in ("2024-04-01T00:00:00+00:00", "2024-05-01T00:00:00+00:00"):
                state.strangers.put(source, "Patient/p1", [ALT], day)


def test_the_service_shows_what_sync_met_with_first_and_last_sight(client: TestClient, tmp_path: Path) -> None:
    assert client.get(ROUTE).json() == {"schema": "hcc-conversion/unmapped/1", "sources": []}
    remember(tmp_path, EHR, OTHER)
    answer = client.get(ROUTE)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    ledgers = {ledger["source"]: ledger["codes"] for ledger in answer.json()["sources"]}
    assert set(ledgers) == {EHR, OTHER}
    (one,) = client.get(ROUTE, params={"source": f"{EHR}/"}).json()["sources"]
    assert one == {"source": EHR, "codes": ledgers[EHR]}
    (code,) = ledgers[EHR]
    assert (code["code"], code["count"], code["patients"], code["units"]) == ("ALT-1", 1, 1, ["U/L"])
    assert (code["firstSeen"][:10], code["lastSeen"][:10]) == ("2024-04-01", "2024-05-01")
    assert code["suggested"]["concept"] == "alt" and "toxicity.hepatic" in code["rules"]


def test_an_unknown_parameter_is_refused_and_the_route_is_described(client: TestClient) -> None:
    assert client.get(ROUTE, params={"as-of": "2024-05-01"}).status_code == 400
    assert ROUTE in client.get("/openapi.json").json()["paths"]
