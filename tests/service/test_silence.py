"""Cards that stay away: overridden ones until their evidence changes, all of them in silent mode; and their count."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from adapter.errors import UsageError
from adapter.service.app import create_app
from adapter.service.silence import silenced
from adapter.service.site import Site
from adapter.state import State, open_state
from adapter.state.feedback import Feedback
from adapter.state.shown import Shown
from tests.service.broken import broken
from tests.service.callers import app_in, token, write_clients
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in

SERVICE = "hcc-conversion-patient-view"
OVERRIDE: Json = {"outcome": "overridden", "outcomeTimestamp": "2024-05-01T10:00:00Z"}
ACCEPT: Json = {"outcome": "accepted", "acceptedSuggestions": [{"id": "s"}]}


@pytest.fixture
def chart(charts: dict[str, list[Json]]) -> list[Json]:
    return charts["syn-05-bevacizumab-too-late"]


def cards(client: TestClient, chart: list[Json], headers: dict[str, str] | None = None) -> list[Json]:
    answer = client.post(PATIENT_VIEW, json=hook_request(chart), headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["cards"]
    return found


def give(client: TestClient, *reports: Json, headers: dict[str, str] | None = None) -> None:
    answer = client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": list(reports)}, headers=headers)
    assert answer.status_code == 200, answer.text


def counted(client: TestClient) -> dict[Shown, int]:
    """What is counted by now."""
    memory: State = client.app.state.memory  # type: ignore[attr-defined]
    memory.shown.flush()
    return memory.shown.counted()


def without(request: Json, key: str) -> Json:
    return {**request, "prefetch": {name: value for name, value in request["prefetch"].items() if name != key}}


@pytest.mark.parametrize("spoilt", ["absent", "outcome", "malformed"])
def test_a_card_on_what_could_not_be_had_comes_again_whoever_has_overridden_it(
    client: TestClient, chart: list[Json], spoilt: str
) -> None:
    """cds-19: a failure never looks like nothing to say."""
    request = hook_request(chart)
    key = "conditions" if spoilt == "malformed" else "observations"
    if spoilt == "absent":
        request = without(request, key)
    elif spoilt == "outcome":
        request["prefetch"][key] = {"resourceType": "OperationOutcome", "issue": []}
    else:
        request["prefetch"][key]["entry"].append({"resource": {"resourceType": "Condition", "id": "odd", "code": 7}})
    found = client.post(PATIENT_VIEW, json=request).json()["cards"]
    give(client, *({"card": card["uuid"], **OVERRIDE} for card in found))
    (left,) = client.post(PATIENT_VIEW, json=request).json()["cards"]
    assert left["extension"]["org.hcc-conversion.not-obtained"] == [
        "Condition" if spoilt == "malformed" else "Observation"
    ]


def test_an_overridden_card_stays_away_and_the_others_come(client: TestClient, chart: list[Json]) -> None:
    """cds-32: feedback is more than a count."""
    first = cards(client, chart)
    give(client, {"card": first[0]["uuid"], **OVERRIDE})
    assert [card["uuid"] for card in cards(client, chart)] == [card["uuid"] for card in first[1:]]


def test_it_comes_back_when_its_evidence_changes(client: TestClient, chart: list[Json]) -> None:
    """cds-47: an override was about the facts that it saw."""
    first = cards(client, chart)
    give(client, *[{"card": card["uuid"], **OVERRIDE} for card in first])
    assert cards(client, chart) == []
    changed = [r for r in chart if r["resourceType"] != "MedicationAdministration"]
    assert cards(client, changed)


def test_the_newest_report_by_its_own_time_decides(client: TestClient, chart: list[Json]) -> None:
    """cds-32: reports may arrive late."""
    card = cards(client, chart)[0]["uuid"]
    give(client, {"card": card, **ACCEPT, "outcomeTimestamp": "2024-05-01T12:00:00Z"}, {"card": card, **OVERRIDE})
    assert card in [one["uuid"] for one in cards(client, chart)]
    give(client, {"card": card, **OVERRIDE, "outcomeTimestamp": "2024-05-01T12:00:00.5Z"})
    assert card not in [one["uuid"] for one in cards(client, chart)]
    give(client, {"card": card, **ACCEPT, "outcomeTimestamp": "2024-05-02T00:00:00Z"})
    assert card in [one["uuid"] for one in cards(client, chart)]


def test_an_override_holds_for_every_worker(client: TestClient, site: Site, chart: list[Json]) -> None:
    first = cards(client, chart)
    with TestClient(create_app(site)) as second:
        give(second, {"card": first[0]["uuid"], **OVERRIDE})
        assert len(cards(client, chart)) == len(cards(second, chart)) == len(first) - 1


def test_one_caller_or_tenant_does_not_silence_another(tmp_path: Path, chart: list[Json]) -> None:
    """cds-38: two hospitals may have a Patient/1 each."""
    write_clients(tmp_path)
    url = PUBLIC + PATIENT_VIEW
    with app_in(tmp_path) as caller:
        first = cards(caller, chart, token(url, tenant="t1"))
        give(caller, {"card": first[0]["uuid"], **OVERRIDE}, headers=token(f"{url}/feedback", tenant="t2"))
        assert cards(caller, chart, token(url, tenant="t1")) == first
        give(caller, {"card": first[0]["uuid"], **OVERRIDE}, headers=token(f"{url}/feedback", tenant="t1"))
        assert cards(caller, chart, token(url, tenant="t1")) == first[1:]


def test_what_is_shown_is_counted_by_card_rule_and_day_and_names_no_patient(
    client: TestClient, site: Site, chart: list[Json]
) -> None:
    """cds-22, cds-48: of the patient nothing but the uuid."""
    shown, *_ = [cards(client, chart) for _ in range(3)]
    found = counted(client)
    assert {(one.card, one.topic, one.service, one.silent): times for one, times in found.items()} == {
        (card["uuid"], card["source"]["topic"]["code"], SERVICE, False): 3 for card in shown
    }
    patient = next(r["id"] for r in chart if r["resourceType"] == "Patient")
    stored = b"".join(
        p.read_bytes() for p in Path(site.settings.state.removeprefix("sqlite:///")).parent.glob("state.db*")
    )
    assert shown[0]["uuid"].encode() in stored and patient.encode() not in stored


def test_counts_are_written_when_the_service_ends(site: Site, chart: list[Json]) -> None:
    with TestClient(create_app(site)) as caller:
        shown = cards(caller, chart)
    with open_state(site.settings.state) as memory:
        assert len(memory.shown.counted()) == len(shown)


def test_counts_are_written_within_a_moment(client: TestClient, site: Site, chart: list[Json]) -> None:
    shown, until = cards(client, chart), time.monotonic() + 5
    with open_state(site.settings.state) as memory:
        while len(memory.shown.counted()) < len(shown):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_state_database_that_fails_keeps_no_card_back_and_is_said(
    client: TestClient, site: Site, chart: list[Json]
) -> None:
    """cds-26: cards go out, /readyz says why it is not ready."""
    first = cards(client, chart)
    give(client, {"card": first[0]["uuid"], **OVERRIDE})
    broken(site)
    assert cards(client, chart) == first
    answer = client.get("/readyz")
    assert answer.status_code == 503 and "state database" in answer.json()["reason"]


def test_a_database_that_another_program_locks_keeps_no_card_back(
    client: TestClient, site: Site, chart: list[Json]
) -> None:
    """cds-26: feedback is refused for now, and cards go out."""
    first = cards(client, chart)
    with closing(sqlite3.connect(site.settings.state.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert cards(client, chart) == first
        report = {"feedback": [{"card": first[0]["uuid"], **OVERRIDE}]}
        answer = client.post(f"{PATIENT_VIEW}/feedback", json=report)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        other.execute("ROLLBACK")
    give(client, *report["feedback"])
    assert cards(client, chart) == first[1:]


def test_after_a_failure_the_database_is_left_alone_for_a_while(site: Site) -> None:
    path = site.settings.state.removeprefix("sqlite:///")
    with open_state(site.settings.state) as memory, closing(sqlite3.connect(path)) as other:
        memory.feedback.add(Feedback(SERVICE, "c", "overridden", "2024-05-01T10:00:00+00:00"))
        other.execute("ALTER TABLE hcc_card_fate RENAME TO away")
        assert silenced(memory, ["c"]) == frozenset()
        other.execute("ALTER TABLE away RENAME TO hcc_card_fate")
        assert silenced(memory, ["c"]) == frozenset()
        memory.resting_until = 0.0
        assert silenced(memory, ["c"]) == {"c"}


@pytest.fixture(params=["all", SERVICE])
def silent(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A caller of an open site in silent mode."""
    settings = settings_in(tmp_path, HCC_CDS_SILENT=request.param)
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        yield caller


def test_a_silent_service_shows_nothing_counts_what_it_would_and_says_so(
    silent: TestClient, client: TestClient, chart: list[Json]
) -> None:
    """cds-25, cds-26: an empty answer that never looks like nothing to say by accident."""
    loud = cards(client, chart)
    answer = silent.post(PATIENT_VIEW, json=hook_request(chart))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert {one.card for one in counted(silent) if one.silent} == {card["uuid"] for card in loud}
    service = next(s for s in silent.get("/cds-services").json()["services"] if s["id"] == SERVICE)
    assert "SILENT MODE" in service["description"]
    ready = silent.get("/readyz").json()
    assert SERVICE in ready["silent"] and "SILENT" in ready["silentWarning"]
    assert "SILENT" in silent.get("/openapi.json").json()["info"]["description"]


def test_a_loud_service_says_nothing_of_silence(client: TestClient) -> None:
    assert "SILENT" not in client.get("/cds-services").text
    assert "silent" not in client.get("/readyz").json()


def test_an_error_stays_an_error_in_silent_mode(silent: TestClient, chart: list[Json]) -> None:
    """cds-26: silence is no disguise."""
    request: dict[str, Any] = hook_request(chart)
    assert silent.post(PATIENT_VIEW, json={**request, "hook": "order-sign"}).status_code == 400
    assert silent.post(PATIENT_VIEW, json={**request, "prefetch": {}}).status_code == 412


@pytest.mark.parametrize("wrong", ["hcc-conversion-patient-veiw", "all,other"])
def test_a_name_that_silences_nothing_stops_the_start(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError, match="HCC_CDS_SILENT"):
        create_app(Site(settings_in(tmp_path, HCC_CDS_SILENT=wrong), PUBLIC, open=True))
