"""The CarePlan carries the whole pathway, and the state of each step follows the record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapter.fhir.documents import read_document
from adapter.output.evaluated import WriteSite
from adapter.output.merging import merged
from adapter.output.write_set import patient_bundle
from adapter.pipeline import evaluator
from tests.cases.facts import bundle_of, facts_of, read_cases
from tests.output.test_texts import CJK, LATIN

Json = dict[str, Any]
FILE = read_cases(Path(__file__).with_name("pathway.yaml"))
CASES = {case["name"]: case for case in FILE["cases"]}
SITE = WriteSite("https://hcc-conversion.org/fhir", "0.1.0", "2024")
AT = "2024-05-01T10:00:00+00:00"
STATES = {"not-started", "scheduled", "in-progress", "on-hold", "completed", "unknown"}
RUNNING = "running adjuvant treatment is in progress with its first and last end"
IMPRECISE = "a dose whose day is not known leaves the earliest operation without a date until its month is over"
ORDERED = "a drug ordered without a date leaves the earliest operation without one"
BEFORE = "before a planned operation each drug class has its last permitted day"


def plan(case: Json, as_of: str | None = None, lang: str = "en", *, turned: bool = False) -> Json:
    """The CarePlan of a case, as a first sync would write it; `turned`: its entries in reverse order."""
    bundle = bundle_of(facts_of(FILE, {"facts": [], **case}))
    if turned:
        bundle["entry"].reverse()
    entries = read_document(json.dumps(bundle).encode(), "bundle").entries
    configured = evaluator(edition=str(case.get("edition", "2024")))
    incomplete = [(case["incomplete"], "partial")] if "incomplete" in case else []
    (record,) = configured.records(entries, incomplete=incomplete).patients
    found = configured.evaluated(record, configured.as_of(as_of or case["as-of"]))
    written = patient_bundle(found, SITE, configured.texts(lang), AT)["entry"]
    return next(e["resource"] for e in written if e["resource"]["resourceType"] == "CarePlan")


def details(resource: Json) -> dict[str, Json]:
    """The activities by their keys, each key once."""
    found = {a["detail"]["code"]["coding"][0]["code"]: a["detail"] for a in resource["activity"]}
    assert len(found) == len(resource["activity"])
    return found


def shown(detail: Json) -> list[str | None]:
    """Status, start and end."""
    period = detail.get("scheduledPeriod", {})
    return [detail["status"], period.get("start"), period.get("end")]


@pytest.mark.parametrize("name", CASES)
def test_the_steps_follow_the_record(name: str) -> None:
    case, found = CASES[name], details(plan(CASES[name]))
    assert {key: shown(found[key]) for key in case["steps"] if key in found} == case["steps"]
    assert set(case.get("absent", ())) & set(found) == set()
    assert [key for key, words in case.get("says", {}).items() if words not in found[key]["description"]] == []


@pytest.mark.parametrize("name", CASES)
def test_each_step_says_what_it_is_on_what_it_rests_and_why_it_has_its_state(name: str) -> None:
    for key, detail in details(plan(CASES[name])).items():
        assert (detail["kind"], detail["status"] in STATES) == ("ServiceRequest", True)
        assert detail["statusReason"]["coding"][0]["code"] == detail["status"]
        assert re.search(r"Source: (?:C24|C21|Z23)", detail["description"]), key
        assert detail["instantiatesCanonical"][0].endswith("|2024")
        decided = not detail["description"].startswith(("Response evaluation done", f"{key.partition(':')[0]} cannot"))
        assert ("ultidisciplinary team" in detail["description"]) or not decided, key


@pytest.mark.parametrize("name", CASES)
def test_the_plan_reads_in_chinese_with_the_same_keys_states_and_dates(name: str) -> None:
    english, chinese = details(plan(CASES[name])), details(plan(CASES[name], lang="zh"))
    assert {key: shown(detail) for key, detail in english.items()} == {k: shown(d) for k, d in chinese.items()}
    for key, detail in chinese.items():
        words = [detail["code"]["text"], detail["statusReason"]["text"], detail["description"].partition("依据：")[0]]
        assert all(CJK.search(text) for text in words), key
        assert not any(LATIN.search(text) or "{" in text for text in words), key


@pytest.mark.parametrize("name", [RUNNING, BEFORE, IMPRECISE, ORDERED])
def test_the_next_day_writes_the_same_bytes_while_no_bound_passes(name: str) -> None:
    day = CASES[name]["as-of"]
    tomorrow = f"{day[:8]}{int(day[8:]) + 1:02}"
    assert json.dumps(plan(CASES[name], day)) == json.dumps(plan(CASES[name], tomorrow))


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_the_entries_makes_no_difference(name: str) -> None:
    assert json.dumps(plan(CASES[name])) == json.dumps(plan(CASES[name], turned=True))


def test_our_state_follows_the_record_in_a_plan_that_is_held() -> None:
    booked = CASES["a booked conference is scheduled"]
    held = {**CASES["a held conference is completed on its day"]}
    result = merged(plan(held), plan(booked), SITE)
    assert result is not None
    assert shown(details(result)["mdt.review:2024-02-21"]) == ["completed", "2024-03-05", "2024-03-05"]
    again = merged(plan(held), result, SITE)
    assert again == result


def test_the_state_that_a_person_gave_stays_in_its_round_and_no_longer() -> None:
    before, after = CASES["a started course has its first evaluation and its earliest operation ahead"], CASES[RUNNING]
    edited = plan(before)
    step = details(edited)["response.evaluation:2024-01-08"]
    step["status"] = "cancelled"
    booked = plan(CASES["a booked scan makes the evaluation scheduled"])
    kept = merged(booked, edited, SITE)
    assert kept is not None
    assert shown(details(kept)["response.evaluation:2024-01-08"])[0] == "cancelled"
    later = merged(plan(CASES["a held conference is completed on its day"]), kept, SITE)
    assert later is not None
    assert details(later)["response.evaluation:2024-01-08"]["status"] == "cancelled"
    assert details(later)["response.evaluation:2024-02-21"]["status"] == "not-started"
    resected = merged(plan(after), later, SITE)
    assert resected is not None
    assert "response.evaluation:2024-02-21" not in details(resected)
    assert details(resected)["response.evaluation:2024-01-08"]["status"] == "cancelled"


def test_a_reason_of_its_own_or_another_timing_marks_a_step_as_a_persons() -> None:
    edited = plan(CASES[BEFORE])
    found = details(edited)
    found["interval.tki"]["statusReason"] = {"text": "agreed by phone"}
    found["surgery.operation"]["scheduledString"] = "after the holidays"
    del found["surgery.operation"]["scheduledPeriod"]
    late = {**CASES[BEFORE], "as-of": "2024-05-19"}
    result = merged(plan(late), edited, SITE)
    assert result is not None
    steps = details(result)
    assert (steps["interval.tki"]["status"], steps["interval.bevacizumab"]["status"]) == ("not-started", "completed")
    assert steps["interval.tki"]["statusReason"] == {"text": "agreed by phone"}
    assert steps["surgery.operation"]["scheduledString"] == "after the holidays"
    assert "scheduledPeriod" not in steps["surgery.operation"]


def test_a_plan_written_before_states_followed_the_record_is_taken_over() -> None:
    old = plan(CASES[BEFORE])
    for detail in details(old).values():
        detail.pop("statusReason")
        detail["status"] = "not-started"
    result = merged(plan(CASES[BEFORE]), old, SITE)
    assert result is not None
    assert details(result)["surgery.operation"]["status"] == "scheduled"


def test_the_provenance_names_the_order_that_made_a_step_scheduled() -> None:
    case = {**CASES["a booked conference is scheduled"]}
    bundle = bundle_of(facts_of(FILE, case))
    configured = evaluator()
    (record,) = configured.records(read_document(json.dumps(bundle).encode(), "bundle").entries).patients
    found = configured.evaluated(record, configured.as_of(case["as-of"]))
    booked = found.assessment.agenda["mdt.review"].sources
    written = msgspec.json.encode(patient_bundle(found, SITE, configured.texts("en"), AT)["entry"][-1]).decode()
    assert booked and all(source in written for source in booked)
