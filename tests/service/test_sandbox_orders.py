"""The public CDS Hooks sandbox at an order: its clinical-drug codes, its cards, and its suggestions applied its way."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from starlette.testclient import TestClient

from adapter.sandbox.loading import load
from adapter.sandbox.running import running_sandbox
from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.state import State
from tests.service.conftest import AS_OF, PUBLIC, Json, settings_in
from tests.service.ordering import apply, by_topic, ordered
from tests.service.sandbox_page import RXNORM, Medication, SandboxPage

OVERLAY = Path(__file__).with_name("sandbox_mappings")
ROWS = list(csv.DictReader((OVERLAY / "concepts.csv").read_text(encoding="utf-8").splitlines()))
DRUGS = [Medication(row["code"], row["display"]) for row in ROWS if row["concept"].endswith("nib")]
SORAFENIB = Medication("597747", "sorafenib 200 MG Oral Tablet")
REGORAFENIB = Medication("1312402", "regorafenib 40 MG Oral Tablet")
ENTECAVIR = Medication("485436", "entecavir 1 MG Oral Tablet")
SOON, LATER = "syn-06-ready-for-surgery", "syn-05-bevacizumab-too-late"
"""Two patients whose hepatectomy is planned: in four days, and (moved here) on OPERATION."""
OPERATION = "2024-06-20"
SCREENS = pytest.mark.parametrize("screen", ["rx-view", "rx-sign"])


def put(server: str, resource: Json) -> None:
    """The resource on the server."""
    address = f"{server}/{resource['resourceType']}/{resource['id']}"
    headers = {"Content-Type": "application/fhir+json"}
    requests.put(address, json=resource, headers=headers, timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    """A FHIR server with the synthetic patients, one of them with a later operation."""
    with running_sandbox() as address:
        load(address, date.fromisoformat(AS_OF))
        for kind, times in (
            ("ServiceRequest", {"occurrenceDateTime": OPERATION}),
            ("Appointment", {"start": f"{OPERATION}T08:00:00Z", "end": f"{OPERATION}T12:00:00Z"}),
        ):
            found = requests.get(f"{address}/{kind}?patient={LATER}", timeout=30).json()
            for entry in found["entry"]:
                put(address, {**entry["resource"], **times})
        yield address


def page_in(folder: Path, fhir: str, **environment: str) -> Iterator[SandboxPage]:
    """The page before an open service with these settings."""
    site = Site(settings_in(folder, **environment), PUBLIC, open=True, frozen=AS_OF)
    with TestClient(create_app(site), raise_server_exceptions=False) as service:
        yield SandboxPage(service, fhir)


@pytest.fixture
def page(fhir: str, tmp_path: Path) -> Iterator[SandboxPage]:
    """The page before a site that knows the page's codes."""
    yield from page_in(tmp_path, fhir, HCC_MAPPINGS=str(OVERLAY))


@pytest.fixture
def plain(fhir: str, tmp_path: Path) -> Iterator[SandboxPage]:
    """The page before a site with the shipped tables only."""
    yield from page_in(tmp_path, fhir)


def chosen(page: SandboxPage, patient: str, screen: str, drug: Medication, end: str | None = None) -> None:
    """The page after the drug was chosen (and signed)."""
    page.open_patient(patient)
    page.discover()
    page.open_screen(screen)
    page.choose(drug)
    page.set_dates(end=end)
    page.sign()
    assert page.calls[-1].status == 200


def ordering(page: SandboxPage, patient: str, screen: str, drug: Medication, end: str | None = None) -> Json:
    """The card of a chosen drug on the interval before the operation."""
    chosen(page, patient, screen, drug, end)
    card: Json = by_topic(page.cards)["interval.tki"]
    return card


def suggestion(card: Json, kind: str) -> Json:
    """Its suggestion of a kind."""
    found: Json
    (found,) = (one for one in card["suggestions"] if [action["type"] for action in one["actions"]] == [kind])
    return found


def kept(page: SandboxPage) -> list[tuple[str, str, str | None]]:
    """Service, outcome and reasons of the feedback that was kept."""
    memory: State = page.service.app.state.memory  # type: ignore[attr-defined]
    return [(one.service, one.outcome, one.reasons) for one in memory.feedback.all()]


def test_the_screen_opens_with_an_order_without_drug_and_intent_which_is_said(page: SandboxPage) -> None:
    """cds-49: order-select fires once on load, and signing has not been pressed yet."""
    page.open_patient(SOON)
    page.discover()
    page.open_screen("rx-view")
    call = page.calls[-1]
    order = call.request["context"]["draftOrders"]["entry"][0]["resource"]
    assert set(order) == {"resourceType", "id", "status", "subject", "authoredOn"} and order["id"] == "request-123"
    assert call.request["context"]["selections"] == ["MedicationRequest/request-123"]
    (card,) = page.cards
    assert call.status == 200 and card["indicator"] == "info" and "request-123: names no drug" in card["detail"]
    before = len(page.calls)
    page.open_screen("rx-sign")
    assert len(page.calls) == before and page.cards == []


@SCREENS
def test_the_request_of_the_page_is_no_valid_fhir_and_is_judged_all_the_same(page: SandboxPage, screen: str) -> None:
    """cds-49: request-123, no Bundle.type, category and reasonCode as objects, doses in pills."""
    card = ordering(page, SOON, screen, REGORAFENIB)
    page.treat(page.conditions[0]["code"]["coding"][0]["code"])
    page.sign()
    context = page.calls[-1].request["context"]
    order = context["draftOrders"]["entry"][0]["resource"]
    assert "type" not in context["draftOrders"] and isinstance(order["category"], dict)
    assert isinstance(order.get("reasonCode"), dict if screen == "rx-view" else type(None))
    assert ("selections" in context) is (screen == "rx-view")
    assert by_topic(page.cards)["interval.tki"] == card and "MedicationRequest/request-123" in card["detail"]


@pytest.mark.parametrize("drug", DRUGS, ids=lambda drug: drug.name)
def test_each_antiangiogenic_drug_of_the_list_is_told_before_an_operation(page: SandboxPage, drug: Medication) -> None:
    card = ordering(page, SOON, "rx-sign", drug)
    assert card["indicator"] in ("warning", "critical")
    assert suggestion(card, "delete")["actions"][0]["resourceId"] == "MedicationRequest/request-123"


@SCREENS
@pytest.mark.parametrize("drug", [SORAFENIB, REGORAFENIB])
def test_a_removal_empties_the_form_and_the_card_is_gone(page: SandboxPage, screen: str, drug: Medication) -> None:
    """cds-28, cds-33: the page removes the drug; feedback names the suggestion, and the next call has no such card."""
    card = ordering(page, SOON, screen, drug)
    remove = suggestion(card, "delete")
    page.take(card, remove)
    page.sign()
    assert "medicationCodeableConcept" not in page.calls[-1].request["context"]["draftOrders"]["entry"][0]["resource"]
    assert set(by_topic(page.cards)) == {"orders"} and "names no drug" in page.cards[0]["detail"]
    hook = page.hook
    assert kept(page) == [(f"hcc-conversion-{hook}", "accepted", f'{{"suggestions":["{remove["uuid"]}"]}}')]
    page.choose(drug)
    page.sign()
    assert by_topic(page.cards)["interval.tki"] == card, "accepted is not silenced: the drug is ordered again"


@SCREENS
def test_an_end_in_time_keeps_the_drug_in_the_form_and_says_the_day_to_enter(page: SandboxPage, screen: str) -> None:
    """cds-28: of an update the page takes drug and code only; its date field settles the card as the update says."""
    card = ordering(page, LATER, screen, SORAFENIB, end="2024-09-01")
    assert card["indicator"] == "critical" and card["selectionBehavior"] == "at-most-one"
    end = suggestion(card, "update")
    calls = len(page.calls)
    page.take(card, end)
    assert page.form.chosen == SORAFENIB and len(page.calls) == calls, "nothing that the page sends has changed"
    assert [outcome for _, outcome, _ in kept(page)] == ["accepted"]
    period = end["actions"][0]["resource"]["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    assert period["end"] in end["label"]
    page.set_dates(end=period["end"])
    page.sign()
    assert page.cards == []


@SCREENS
def test_a_client_that_takes_updates_whole_settles_the_card_too(page: SandboxPage, screen: str) -> None:
    """cds-28: the resource is the page's own order with another end, and nothing else of it is changed."""
    card = ordering(page, LATER, screen, SORAFENIB, end="2024-09-01")
    request = page.calls[-1].request
    (order,) = (entry["resource"] for entry in request["context"]["draftOrders"]["entry"])
    (ended,) = apply(suggestion(card, "update"), [order])
    repeat = {**order["dosageInstruction"][0]["timing"]["repeat"], "boundsPeriod": {"end": "2024-06-13"}}
    assert ended == {**order, "dosageInstruction": [{**order["dosageInstruction"][0], "timing": {"repeat": repeat}}]}
    request["context"]["draftOrders"]["entry"] = [{"resource": ended}]
    assert ordered(page.service, request) == []


def test_a_drug_that_the_guideline_does_not_forbid_leaves_nothing_to_say(page: SandboxPage) -> None:
    """cds-25"""
    chosen(page, SOON, "rx-sign", ENTECAVIR)
    assert page.calls[-1].response == {"cards": []}


@SCREENS
def test_an_override_at_the_order_keeps_that_card_away_and_another_drug_brings_its_own(
    page: SandboxPage, screen: str
) -> None:
    """cds-33, cds-47: with a code only, until another order is judged."""
    card = ordering(page, SOON, screen, SORAFENIB)
    page.dismiss(card, {"code": card["overrideReasons"][0]["code"]})
    assert kept(page)[0][1:] == ("overridden", f'{{"reason":{{"code":"{card["overrideReasons"][0]["code"]}"}}}}')
    page.set_dates(start="2024-05-01")
    page.set_dates()
    page.sign()
    assert page.calls[-1].status == 200 and "interval.tki" not in by_topic(page.cards)
    page.choose(REGORAFENIB)
    page.sign()
    assert by_topic(page.cards)["interval.tki"]["uuid"] != card["uuid"]


@SCREENS
def test_a_code_that_no_table_knows_is_said_and_nothing_is_suggested(plain: SandboxPage, screen: str) -> None:
    """What a site without rows for clinical drugs sees: no false all-clear."""
    chosen(plain, SOON, screen, SORAFENIB)
    (card,) = plain.cards
    assert "request-123: its code is in no table" in card["detail"] and "suggestions" not in card


def test_the_codes_of_the_page_are_suggested_by_their_names(tmp_path: Path) -> None:
    """What `mappings suggest` prints for orders with these codes are the rows of the example."""
    orders = [
        {
            "resourceType": "MedicationRequest", "id": f"m{row['code']}", "status": "active", "intent": "order",
            "subject": {"reference": "Patient/p1"}, "authoredOn": "2024-04-20",
            "medicationCodeableConcept": {"coding": [{name: row[name] for name in ("system", "code", "display")}]},
        }
        for row in ROWS
    ]  # fmt: skip
    entries = [{"resource": one} for one in ({"resourceType": "Patient", "id": "p1"}, *orders)]
    bundle = tmp_path / "orders.json"
    bundle.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), encoding="utf-8")
    suggest = [sys.executable, "-m", "adapter", "mappings", "suggest", str(bundle), "--as-of", AS_OF, "--format", "csv"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HCC_")}
    ended = subprocess.run(suggest, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    found = list(csv.DictReader(ended.stdout.splitlines()))
    named = ("concept", "system", "code", "display")
    assert {tuple(row[n] for n in named) for row in found} == {tuple(row[n] for n in named) for row in ROWS}
    assert {row["system"] for row in found} == {RXNORM}
