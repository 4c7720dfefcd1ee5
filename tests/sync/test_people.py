"""What a person decided on the server, which a sync keeps."""

from __future__ import annotations

from typing import Any

import pytest

from adapter.errors import ConflictError
from adapter.fhir.client import FhirClient, Written
from tests.sync.test_round_trip import ISSUE, Json, done, only, reasons
from tests.sync.ward import Ward

BY_DOCTOR = {"action": {"text": "Operation moved"}, "author": {"display": "Dr Example"}, "date": "2024-05-01"}


def bare(resource: Json) -> Json:
    """The resource without what the server adds."""
    return {key: value for key, value in resource.items() if key != "meta"}


def test_an_accepted_plan_stays_active_and_is_kept_up_to_date(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    plan = only(ward.ours(person)["CarePlan"])
    ward.put({**bare(plan), "status": "active", "intent": "plan", "note": [{"text": "agreed"}]})
    assert done(ward, person) == ()
    ward.put(ward.dose(person, "2024-04-20"))
    assert "update CarePlan active" in done(ward, person)
    after = only(ward.ours(person)["CarePlan"])
    assert (after["id"], after["status"], after["intent"]) == (plan["id"], "active", "plan")
    assert after["note"][0]["text"] == "agreed"
    assert after["activity"][2]["detail"]["scheduledPeriod"]["start"] == "2024-05-18"


@pytest.mark.parametrize("status", ["revoked", "completed", "entered-in-error"])
def test_a_plan_that_a_person_ended_is_left_alone_and_has_no_second_beside_it(ward: Ward, status: str) -> None:
    person = ward.admit()
    done(ward, person)
    plan = only(ward.ours(person)["CarePlan"])
    ward.put({**bare(plan), "status": status})
    ward.put(ward.dose(person, "2024-04-20"))
    writes = done(ward, person)
    assert f"update {ISSUE}" in writes
    assert not any("CarePlan" in write for write in writes)
    after = only(ward.ours(person)["CarePlan"])
    assert (after["status"], after["activity"]) == (status, plan["activity"])
    assert done(ward, person) == ()


def test_an_activity_that_a_person_works_on_keeps_its_state_and_stays(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    plan = bare(only(ward.ours(person)["CarePlan"]))
    plan["activity"][1]["detail"]["status"] = "in-progress"
    plan["activity"].append({"detail": {"kind": "ServiceRequest", "status": "scheduled", "description": "own idea"}})
    ward.put({**plan, "status": "on-hold"})
    ward.put(ward.dose(person, "2024-04-20"))
    done(ward, person)
    ward.put(ward.dose(person, "2024-04-20", status="entered-in-error"))
    done(ward, person)
    after = only(ward.ours(person)["CarePlan"])
    assert after["status"] == "on-hold"
    assert {a["detail"]["status"] for a in after["activity"]} == {"not-started", "in-progress", "scheduled"}


def test_a_mitigation_by_a_practitioner_is_kept_while_the_issue_holds_and_after(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    issue = only(ward.ours(person)["DetectedIssue"])
    ward.put({**bare(issue), "mitigation": [BY_DOCTOR]})
    assert done(ward, person) == ()
    ward.put(ward.operation(person, "2024-06-30"))
    done(ward, person)
    after = only(ward.ours(person)["DetectedIssue"])
    assert after["mitigation"][0]["action"]["text"] == "Operation moved"
    assert reasons({"mitigation": after["mitigation"][1:]}) == ["no-longer-present"]


def test_an_issue_that_a_person_withdrew_is_not_opened_again(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    issue = only(ward.ours(person)["DetectedIssue"])
    ward.put({**bare(issue), "status": "entered-in-error"})
    ward.put(ward.dose(person, "2024-04-20"))
    assert not any("DetectedIssue" in write for write in done(ward, person))
    assert only(ward.ours(person)["DetectedIssue"])["status"] == "entered-in-error"


class Beaten(FhirClient):
    """A connection on which a person is quicker: just before our first write the plan is accepted."""

    conflicts = 0

    def transaction(self, bundle: Any) -> tuple[Written, ...]:
        """Accept the plan, then go on."""
        plan = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "CarePlan")
        if not self.conflicts:
            held = self.read("CarePlan", plan["id"]).json()
            self.update({**bare(held), "status": "active"})
        try:
            return super().transaction(bundle)
        except ConflictError:
            self.conflicts += 1
            raise


def test_a_conflict_is_read_again_and_not_forced(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.put(ward.dose(person, "2024-04-20"))
    target = Beaten(ward.base)
    assert "update CarePlan active" in done(ward, person, target=target)
    assert target.conflicts == 1
    after = only(ward.ours(person)["CarePlan"])
    assert (after["status"], after["activity"][2]["detail"]["scheduledPeriod"]["start"]) == ("active", "2024-05-18")
