"""Sync as the server sees it: what is written, what is left alone, what is taken back."""

from __future__ import annotations

from typing import Any

from tests.sync.ward import BASE, Ward

Json = dict[str, Any]
ISSUE = "DetectedIssue interval.bevacizumab"


def only(found: list[Json]) -> Json:
    """The single member of a list."""
    assert len(found) == 1, [f"{r['resourceType']}/{r['id']}" for r in found]
    return found[0]


def done(ward: Ward, person: str, **more: Any) -> tuple[str, ...]:
    """The writes of one run for one patient, which must not fail."""
    outcome = only_outcome(ward, person, **more)
    assert outcome.error is None, outcome.error
    return tuple(write for write in outcome.done if not write.endswith("Device"))


def only_outcome(ward: Ward, person: str, **more: Any) -> Any:
    (outcome,) = ward.sync(person, **more).outcomes
    return outcome


def reasons(issue: Json) -> list[str]:
    """The codes of an issue's mitigations."""
    return [m["action"]["coding"][0]["code"] for m in issue.get("mitigation", [])]


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Types of the results with a new version."""
    return {name.partition("/")[0] for name, version in after.items() if before.get(name) != version}


def test_a_first_run_writes_one_plan_one_issue_and_one_provenance(ward: Ward) -> None:
    person = ward.admit()
    assert done(ward, person) == ("create CarePlan", f"create {ISSUE}", "create Provenance")
    held = ward.ours(person)
    plan, issue, trace = only(held["CarePlan"]), only(held["DetectedIssue"]), only(held["Provenance"])
    assert (plan["status"], plan["intent"]) == ("draft", "proposal")
    assert plan["instantiatesCanonical"] == [f"{BASE}/PlanDefinition/hcc-conversion|2024"]
    assert plan["addresses"][0]["reference"] == f"Condition/{person}-c"
    assert {a["detail"]["code"]["coding"][0]["code"]: a["detail"]["scheduledPeriod"] for a in plan["activity"]} == {
        "mdt.review": {"start": "2024-05-02"},
        "interval.bevacizumab": {"end": "2024-04-03"},
        "surgery.earliest": {"start": "2024-05-08"},
    }
    assert all("C24-1" in a["detail"]["description"] for a in plan["activity"])
    assert (issue["status"], issue["severity"]) == ("final", "high")
    assert [d["reference"] for d in issue["evidence"][0]["detail"]] == [
        f"MedicationAdministration/{person}-m", f"Procedure/{person}-op",
    ]  # fmt: skip
    assert {t["reference"].partition("/")[0] for t in trace["target"]} == {"CarePlan", "DetectedIssue"}
    stated = {e["what"]["identifier"]["value"] for e in trace["entity"]}
    assert f"MedicationAdministration/{person}-m/_history/1" in stated
    assert trace["agent"][0]["who"]["reference"].startswith("Device/")


def test_a_second_run_writes_nothing(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    before = ward.versions(person)
    assert len(before) == 3
    assert done(ward, person) == ()
    assert ward.versions(person) == before


def test_a_lost_state_database_causes_no_write(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    assert done(ward, person, state_url="sqlite://") == ()


def test_a_source_that_changes_nothing_else_changes_the_provenance_only(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    before = ward.versions(person)
    ward.put({**ward.found("Observation", _id=f"{person}-o")[0], "note": [{"text": "seen"}]})
    assert done(ward, person) == ("update Provenance",)
    assert changed(before, ward.versions(person)) == {"Provenance"}


def test_an_issue_that_no_longer_holds_is_mitigated_and_stays_readable(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.put(ward.operation(person, "2024-06-30"))
    assert f"update {ISSUE} mitigated" in done(ward, person)
    issue = only(ward.ours(person)["DetectedIssue"])
    assert issue["status"] == "final"
    assert reasons(issue) == ["no-longer-present"]
    assert "author" not in issue["mitigation"][0]
    assert done(ward, person) == ()


def test_a_source_entered_in_error_retracts_the_issue_with_provenance(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.put(ward.dose(person, "2024-04-10", status="entered-in-error"))
    done(ward, person)
    held = ward.ours(person)
    assert reasons(only(held["DetectedIssue"])) == ["source-retracted"]
    removed = [e for trace in held["Provenance"] for e in trace["entity"] if e["role"] == "removal"]
    assert [e["what"]["identifier"]["value"] for e in removed] == [f"MedicationAdministration/{person}-m/_history/2"]
    assert done(ward, person) == ()


def test_a_deleted_source_retracts_the_issue(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.delete(f"MedicationAdministration/{person}-m")
    done(ward, person)
    issue = only(ward.ours(person)["DetectedIssue"])
    assert reasons(issue) == ["source-retracted"]
    logical = [d["identifier"]["value"] for d in issue["evidence"][0]["detail"] if "identifier" in d]
    assert logical == [f"MedicationAdministration/{person}-m"]
    assert done(ward, person) == ()


def test_an_amended_dose_retracts_the_issue(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.put(ward.dose(person, "2024-03-01"))
    done(ward, person)
    assert reasons(only(ward.ours(person)["DetectedIssue"])) == ["source-retracted"]


def test_an_issue_that_holds_again_is_open_again_under_the_same_id(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    first = only(ward.ours(person)["DetectedIssue"])
    ward.put(ward.operation(person, "2024-06-30"))
    done(ward, person)
    ward.put(ward.operation(person, "2024-05-01"))
    done(ward, person)
    again = only(ward.ours(person)["DetectedIssue"])
    assert (again["id"], again["identifiedDateTime"]) == (first["id"], first["identifiedDateTime"])
    assert "mitigation" not in again


def test_a_refuted_diagnosis_revokes_the_draft_and_its_return_takes_it_up_again(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    condition = ward.found("Condition", _id=f"{person}-c")[0]
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    ward.put({**condition, "verificationStatus": {"coding": [{"system": system, "code": "refuted"}]}})
    done(ward, person)
    held = ward.ours(person)
    assert only(held["CarePlan"])["status"] == "revoked"
    assert reasons(only(held["DetectedIssue"])) == ["source-retracted"]
    assert done(ward, person) == ()
    ward.put({key: value for key, value in condition.items() if key != "meta"})
    done(ward, person)
    held = ward.ours(person)
    assert only(held["CarePlan"])["status"] == "draft"
    assert "extension" not in only(held["CarePlan"])
    assert reasons(only(held["DetectedIssue"])) == []


def test_a_death_revokes_the_draft_and_closes_the_issue(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    ward.put({"resourceType": "Patient", "id": person, "deceasedBoolean": True})
    done(ward, person)
    held = ward.ours(person)
    assert only(held["CarePlan"])["status"] == "revoked"
    assert reasons(only(held["DetectedIssue"])) == ["no-longer-present"]
    assert done(ward, person) == ()


def test_a_deleted_patient_takes_all_results_back(ward: Ward) -> None:
    person = ward.admit()
    done(ward, person)
    plan, issue = (only(found) for found in list(ward.ours(person).values())[:2])
    ward.delete(f"Patient/{person}")
    assert f"update {ISSUE} mitigated" in done(ward, person)
    revoked = ward.client().read("CarePlan", plan["id"]).json()
    closed = ward.client().read("DetectedIssue", issue["id"]).json()
    assert (revoked["status"], reasons(closed)) == ("revoked", ["source-retracted"])
    assert done(ward, person) == ()


def test_a_patient_merged_into_another_keeps_no_open_result(ward: Ward) -> None:
    person, other = ward.admit(), ward.admit(name="p2")
    done(ward, person)
    link = [{"type": "replaced-by", "other": {"reference": f"Patient/{other}"}}]
    ward.put({"resourceType": "Patient", "id": person, "active": False, "link": link})
    done(ward, person)
    held = ward.ours(person)
    assert only(held["CarePlan"])["status"] == "revoked"
    assert reasons(only(held["DetectedIssue"])) == ["source-retracted"]
    assert done(ward, person) == ()


def test_a_run_without_names_finds_the_patients_with_hcc_and_those_with_results(ward: Ward) -> None:
    person, other = ward.admit(), ward.admit(name="p2")
    done(ward, person)
    ward.delete(f"Condition/{person}-c")
    ward.put({"resourceType": "Patient", "id": f"{ward.prefix}healthy"})
    met = {outcome.patient for outcome in ward.sync().outcomes}
    mine = {reference for reference in met if reference.startswith(f"Patient/{ward.prefix}")}
    assert mine == {f"Patient/{person}", f"Patient/{other}"}
    assert only(ward.ours(person)["CarePlan"])["status"] == "revoked"
    assert only(ward.ours(other)["CarePlan"])["status"] == "draft"


def test_a_dry_run_tells_and_writes_nothing(ward: Ward) -> None:
    person = ward.admit()
    assert f"create {ISSUE}" in done(ward, person, dry_run=True)
    assert ward.ours(person) == {"CarePlan": [], "DetectedIssue": [], "Provenance": []}


def test_a_patient_that_fails_stops_no_other(ward: Ward) -> None:
    person = ward.admit()
    seen: list[tuple[int, int]] = []
    report = ward.sync(f"{ward.prefix}nobody", person, progress=lambda n, of, _: seen.append((n, of)))
    assert [outcome.error is None for outcome in report.outcomes] == [False, True]
    assert report.exit_code == 1
    assert seen == [(1, 2), (2, 2)]
    assert len(ward.ours(person)["CarePlan"]) == 1
