"""Suggestions whose actions really apply."""

from __future__ import annotations

import re

import pytest

from tests.client import reading
from tests.client.cds import SIGN, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.gallery import Gallery, Shown, by_name
from tests.client.records import before_surgery
from tests.client.search import Json

CREATED = ("ServiceRequest", "CarePlan", "Appointment", "MedicationRequest", "Task", "Communication")
OF_PATIENT = ("ServiceRequest", "CarePlan", "MedicationRequest")
INTENTS = ("proposal", "plan", "order", "option", "directive", "original-order")
SCREENING = {"5196-1", "13952-7", "13955-0", "hbsag", "anti_hbc_total", "anti_hcv"}


def actions(shown: Gallery, *types: str) -> list[tuple[Shown, Json]]:
    """The actions of these types, one at least."""
    found = [(one, action) for one in shown for action in one.actions if not types or action["type"] in types]
    assert found, "there must be actions to judge"
    return found


def named(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def test_a_suggestion_has_its_members_and_none_of_later_releases(shown: Gallery) -> None:
    """cds-27."""
    suggestions = [(one.name, suggestion) for one in shown for suggestion in one.suggestions]
    assert suggestions, "no suggestion in any scenario"
    for name, suggestion in suggestions:
        assert isinstance(suggestion["label"], str) and suggestion["label"].strip(), name
        assert isinstance(suggestion.get("isRecommended", True), bool) and suggestion.get("actions") != []
        assert "actionSelectionBehavior" not in suggestion


def test_an_action_has_its_members(shown: Gallery) -> None:
    """cds-28."""
    for one, action in actions(shown):
        assert action["type"] in ("create", "update", "delete") and action["description"].strip(), (one.name, action)
        if action["type"] == "delete":
            assert re.fullmatch(r"[A-Z]\w+/[A-Za-z0-9\-.]{1,64}", action["resourceId"]), (one.name, action)
            assert "resource" not in action, (one.name, action)
        else:
            assert isinstance(action["resource"], dict) and action["resource"]["resourceType"], (one.name, action)


def test_deletes_and_updates_name_what_is_there(shown: Gallery) -> None:
    """cds-28."""
    for one, action in actions(shown, "delete", "update"):
        there = {named(resource) for resource in (*one.drafts, *one.record.resources)}
        target = action["resourceId"] if action["type"] == "delete" else named(action["resource"])
        assert target in there, (one.name, action)


def test_an_update_is_the_whole_resource(shown: Gallery) -> None:
    """cds-28: not a difference, and not the same either."""
    for one, action in actions(shown, "update"):
        old = next(r for r in (*one.drafts, *one.record.resources) if r["id"] == action["resource"]["id"])
        assert set(old) <= set(action["resource"]), (one.name, set(old) - set(action["resource"]))
        assert action["resource"] != old, one.name


def test_created_resources_are_r4_and_of_the_patient(shown: Gallery) -> None:
    """cds-28."""
    for one, action in actions(shown, "create"):
        made = action["resource"]
        assert made["resourceType"] in CREATED, (one.name, made["resourceType"])
        if made["resourceType"] in OF_PATIENT:
            assert made["subject"]["reference"] == f"Patient/{one.record.id}", (one.name, made["subject"])
            assert made["status"] == "draft" and made["intent"] in INTENTS, (one.name, made)
        assert made["resourceType"] != "ServiceRequest" or made["code"]["coding"][0]["code"], one.name
        assert made["resourceType"] != "CarePlan" or made["activity"], one.name
        assert made.get("id") not in {resource["id"] for resource in one.record.resources}, one.name


def test_one_suggestion_is_one_transaction(shown: Gallery) -> None:
    """cds-29: a resource occurs once in it."""
    assert actions(shown, "delete", "update")
    for one in shown:
        for suggestion in one.suggestions:
            changed = [action for action in suggestion.get("actions", []) if action["type"] != "create"]
            targets = [action.get("resourceId") or named(action["resource"]) for action in changed]
            assert len(set(targets)) == len(targets), (one.name, targets)


@pytest.mark.parametrize("name", ["beva-sign", "beva-select"])
def test_a_violating_order_can_be_removed_or_changed(english: Gallery, name: str) -> None:
    """cds-28."""
    one = by_name(english, name)
    own = one.drafts[0]["id"]
    offered = [a for s in reading.critical(one.cards)[0].get("suggestions", []) for a in s.get("actions", [])]
    mine = [a for a in offered if a.get("resourceId", "").endswith(f"/{own}") or a.get("resource", {}).get("id") == own]
    assert {action["type"] for action in mine} & {"delete", "update"}, offered


def test_a_missing_test_can_be_ordered(english: Gallery) -> None:
    """cds-28: the viral screening before a checkpoint inhibitor."""
    made = [a["resource"] for a in by_name(english, "ici-unknown-viral").actions if a["type"] == "create"]
    orders = [resource for resource in made if resource["resourceType"] == "ServiceRequest"]
    assert {coding["code"] for order in orders for coding in order["code"]["coding"]} & SCREENING, orders


def test_applying_the_suggestion_ends_the_matter(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-28: once the draft is deleted or replaced as suggested, the critical card is gone."""
    record = before_surgery()
    draft = record.draft_drug("bevacizumab")
    card = reading.critical(ehr.ask(SIGN, record, fake, [draft]))[0]
    outcomes = [applied(draft, suggestion) for suggestion in card["suggestions"]]
    changed = [drafts for drafts in outcomes if drafts != [draft]]
    assert changed
    for drafts in changed:
        assert not reading.critical(ehr.ask(SIGN, record, fake, drafts))


def applied(draft: Json, suggestion: Json) -> list[Json]:
    """The draft orders after a suggestion was taken."""
    left = {named(draft): draft}
    for action in suggestion.get("actions", []):
        if action["type"] == "delete":
            left.pop(action["resourceId"], None)
        elif action["type"] == "update":
            left[named(action["resource"])] = action["resource"]
    return list(left.values())
