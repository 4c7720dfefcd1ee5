"""The public CDS Hooks sandbox at the chart: discovery, patient-view, feedback, and what its page gets wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapter.sandbox.loading import load
from adapter.sandbox.running import running_sandbox
from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.state import State
from tests.service.callers import app_in, key_set
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, settings_in
from tests.service.ordering import PATHS, SELECT, SIGN
from tests.service.sandbox_page import ISSUER, KEY, PAGE, Medication, SandboxPage

PATIENT = "syn-05-bevacizumab-too-late"
SORAFENIB = Medication("597747", "sorafenib 200 MG Oral Tablet")
HOOKS = {PATIENT_VIEW: "patient-view", PATHS[SELECT]: SELECT, PATHS[SIGN]: SIGN}


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    """A FHIR server with the synthetic patients."""
    with running_sandbox() as address:
        load(address, date.fromisoformat(AS_OF))
        yield address


@pytest.fixture(params=["open", "test"])
def page(request: pytest.FixtureRequest, fhir: str, tmp_path: Path) -> Iterator[SandboxPage]:
    """The page before an open service, and before one that trusts the sandbox's issuer as an explicit test."""
    if request.param == "open":
        site = Site(settings_in(tmp_path), PUBLIC, open=True, frozen=AS_OF)
        with TestClient(create_app(site), raise_server_exceptions=False) as service:
            yield SandboxPage(service, fhir)
        return
    (tmp_path / "keys.json").write_text(key_set(KEY))
    (tmp_path / "clients.toml").write_text(
        f'[[client]]\niss = "{ISSUER}"\njwks = "keys.json"\ntest = true\nfhir_servers = ["{fhir}"]\n'
    )
    with app_in(tmp_path, HCC_CORS_ORIGINS=PAGE) as service:
        yield SandboxPage(service, fhir)


def opened(page: SandboxPage) -> SandboxPage:
    """The page at the patient, with the services."""
    page.open_patient(PATIENT)
    page.discover()
    return page


def last_status(page: SandboxPage) -> int:
    return page.calls[-1].status


def test_the_page_discovers_the_services_and_shows_the_cards_of_the_chart(page: SandboxPage) -> None:
    """cds-5, cds-7, cds-17, cds-25, cds-36, cds-40, cds-45: three services under addresses of their own."""
    opened(page)
    assert {path: service["hook"] for path, service in page.services.items()} == HOOKS
    (call,) = page.calls
    assert (call.request["hook"], call.status) == ("patient-view", 200)
    assert set(call.request["prefetch"]) == set(page.services[PATIENT_VIEW]["prefetch"]), "each template was resolved"
    assert [card["indicator"] for card in page.cards] == [card["indicator"] for card in call.response["cards"]]
    assert {"critical", "info"} <= {card["indicator"] for card in page.cards}


def test_a_suggestion_taken_at_the_chart_is_reported_with_both_uuids(page: SandboxPage) -> None:
    """cds-33, cds-36, cds-40: the page applies nothing there, so nothing is called again and the cards stay."""
    opened(page)
    shown = page.cards
    (card,) = (card for card in shown if card.get("suggestions"))
    page.take(card, card["suggestions"][0])
    assert len(page.calls) == 1 and page.cards == shown
    memory: State = page.service.app.state.memory  # type: ignore[attr-defined]
    (kept,) = memory.feedback.all("hcc-conversion-patient-view")
    assert (kept.card, kept.outcome) == (card["uuid"], "accepted")
    assert kept.reasons == f'{{"suggestions":["{card["suggestions"][0]["uuid"]}"]}}'
    page.open_screen("patient-view")
    assert page.cards == shown


def test_dismissed_cards_stay_away_with_and_without_a_reason(page: SandboxPage) -> None:
    """cds-32, cds-33: a reason has a code and a system, no display and no comment."""
    first, last = opened(page).cards[0], page.cards[-1]
    page.dismiss(first)
    page.dismiss(last, last["overrideReasons"][0])
    assert [sorted(report) for report in page.reports] == [
        ["card", "outcome", "outcomeTimestamp"],
        ["card", "outcome", "outcomeTimestamp", "overrideReason"],
    ]
    assert sorted(page.reports[1]["overrideReason"]["reason"]) == ["code", "system"]
    left = page.cards
    page.open_screen("patient-view")
    assert page.cards == left and last_status(page) == 200
    assert not {first["uuid"], last["uuid"]} & {card["uuid"] for card in left}


def test_a_reason_of_the_page_may_have_a_code_alone(page: SandboxPage) -> None:
    """cds-33: `system` is only sent where the card had one; an unknown suggestion is kept too."""
    card = opened(page).cards[0]
    page.dismiss(card, {"code": card["overrideReasons"][0]["code"]})
    assert page.reports[-1]["overrideReason"] == {"reason": {"code": card["overrideReasons"][0]["code"]}}
    page.take(card, {"label": "of an earlier answer", "uuid": str(uuid.uuid4())})
    page.open_screen("patient-view")
    assert card["uuid"] in {one["uuid"] for one in page.cards}, "the newest report is that it was accepted"


def test_another_hook_in_the_address_is_told_so(page: SandboxPage) -> None:
    """cds-10: the page posts order-select to the service of patient-view: 400, which it can read."""
    opened(page).open_address("order-select")
    assert (page.calls[-1].request["hook"], last_status(page)) == ("order-select", 400)
    assert page.cards == []


def test_a_tab_that_is_clicked_again_sends_no_orders_and_is_told_so(page: SandboxPage) -> None:
    """cds-10: `draftOrders` is required by both hooks."""
    opened(page)
    for screen, hook in (("rx-view", "order-select"), ("rx-sign", "order-sign")):
        page.open_screen(screen)
        page.choose(SORAFENIB)
        page.open_screen(screen)
        assert (page.calls[-1].request["hook"], last_status(page)) == (hook, 400)
        assert set(page.calls[-1].request["context"]) == {"patientId", "userId"}


def test_the_imaging_screen_has_its_order_read(page: SandboxPage) -> None:
    """cds-49: a coding that is an empty object, and reasonCode that is an empty array."""
    opened(page).open_screen("pama")
    assert page.calls[-1].request["context"]["draftOrders"]["entry"][0]["resource"]["code"] == {"coding": [{}]}
    (card,) = page.cards
    assert last_status(page) == 200 and "names no procedure" in card["detail"]
    head = {"system": "http://www.ama-assn.org/go/cpt", "code": "70450"}
    page.choose_study({**head, "display": "Computed tomography, head or brain; without contrast material"})
    assert last_status(page) == 200
    page.sign()
    assert (page.calls[-1].request["hook"], last_status(page)) == ("order-select", 400), "to the service of order-sign"


def test_the_page_is_refused_where_its_issuer_is_not_trusted(fhir: str, tmp_path: Path) -> None:
    """cds-44: everybody knows its private key."""
    (tmp_path / "keys.json").write_text(key_set(KEY))
    (tmp_path / "clients.toml").write_text('[[client]]\niss = "https://ehr.example.org"\njwks = "keys.json"\n')
    with app_in(tmp_path, HCC_CORS_ORIGINS=PAGE) as service:
        answer = SandboxPage(service, fhir).exchanged("GET", "/cds-services")
    assert (answer.status_code, answer.content) == (401, b"")
