"""Readiness for surgery, adverse events, transplantation: order of outcomes, severities, vetoes."""

from __future__ import annotations

import pytest

from adapter.guideline.adverse_events import findings as event_findings
from adapter.guideline.surgery import findings, readiness
from adapter.guideline.transplant import findings as transplant_findings
from tests.guideline.sketch import Sketch, found, outcome, status, treated

CODE = "surgery.readiness"
TECH, AS_OF = "2024-04-07", "2024-04-13"
STABLE = {"L1": (40, 40), "L2": (30, 30), "L3": (20, 20), "L4": (15, 15)}


def downstaged() -> Sketch:
    sketch = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1, vp="vp3")
    return sketch.imaging("2024-04-03", {"L1": (45, 40)}, 1).fit(TECH)


def test_down_staging_with_all_technical_criteria_is_ready() -> None:
    case = downstaged().case(AS_OF)
    finding = found(findings(case), CODE)
    assert finding is not None
    assert (finding.outcome, finding.params["routes"]) == ("ready", ("route-downstaged",))
    assert case.once(readiness) == "ready"
    assert case.at(case.day - 40).once(readiness) is None


@pytest.mark.parametrize(
    ("planned", "expected"),
    [(False, ("assessment", "info")), (True, ("issue", "critical"))],
)
def test_a_failed_technical_criterion_is_critical_only_with_a_plan(planned: bool, expected: tuple[str, str]) -> None:
    sketch = downstaged().lab("icg_r15", "2024-04-08", 20, "%")
    if planned:
        sketch.plan("hepatectomy", "2024-05-01")
    finding = found(findings(sketch.case(AS_OF)), CODE)
    assert finding is not None
    assert (finding.outcome, finding.kind, finding.severity) == ("not-ready", *expected)


def test_a_veto_is_no_technical_criterion() -> None:
    sketch = downstaged().adverse("colitis", "2024-04-01", 2).plan("hepatectomy", "2024-05-01")
    finding = found(findings(sketch.case(AS_OF)), CODE)
    assert finding is not None
    assert (finding.outcome, finding.severity) == ("not-ready", "warning")
    assert status(finding, "adverse-events-resolved") == "not-met"


def test_the_surgeons_word_counts_only_since_conversion_start_and_only_when_it_forbids() -> None:
    before = downstaged().word("surgically_resectable", "2024-01-05", "absent")
    after = downstaged().word("surgically_resectable", "2024-04-07", "absent")
    changed = downstaged().word("surgically_resectable", "2024-02-01", "absent")
    changed.word("surgically_resectable", "2024-04-07", "present")
    assert outcome(findings(before.case(AS_OF)), CODE) == "ready"
    assert outcome(findings(after.case(AS_OF)), CODE) == "not-ready"
    assert outcome(findings(changed.case(AS_OF)), CODE) == "ready"


def test_a_later_evaluation_that_cannot_be_judged_does_not_lift_progression() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (40, 40), "L2": (30, 30)}, 2)
    sketch.imaging("2024-02-21", {"L1": (70, 70), "L2": (30, 30)}, 2).imaging("2024-04-03", {"L1": (40, 40)}, 2)
    assert outcome(findings(sketch.fit(TECH).case(AS_OF)), CODE) == "contraindicated"


def test_a_stale_or_unusable_fact_leaves_readiness_open() -> None:
    assert outcome(findings(downstaged().spoiled("icg_r15", "2024-04-10").case(AS_OF)), CODE) == "indeterminate"
    late = downstaged().fit("2024-06-10").case("2024-06-13")
    assert outcome(findings(late), CODE) == "indeterminate"


def test_a_record_not_given_in_full_is_never_ready() -> None:
    sketch = downstaged()
    sketch.incomplete = frozenset({"Observation"})
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "indeterminate"


@pytest.mark.parametrize(
    ("edition", "second", "expected"),
    [
        ("2024", "2024-04-20", "met"),
        ("2024", "2024-04-19", "not-met"),
        ("strictest", "2024-05-19", "not-met"),
        ("strictest", "2024-05-20", "met"),
    ],
)
def test_stable_disease_must_last_calendar_months(edition: str, second: str, expected: str) -> None:
    sketch = treated().liver("2024-01-03").lab("ecog_ps", "2024-01-03", 0).imaging("2024-01-03", STABLE, 4)
    sketch.imaging("2024-01-20", STABLE, 4).imaging(second, STABLE, 4)
    finding = found(findings(sketch.case("2024-05-25", edition)), CODE)
    assert status(finding, "route-c21-response") == expected


def test_a_plateau_needs_two_steps_without_further_response() -> None:
    def course(*sums: float) -> Sketch:
        sketch = treated().imaging("2024-01-03", {"L1": (100, 100)}, 1, vp="vp3")
        for day, size in zip(("2024-02-05", "2024-03-04", "2024-04-03"), sums, strict=False):
            sketch.imaging(day, {"L1": (size, size)}, 1, vp="vp3")
        return sketch.word("thrombus_resectable", "2024-04-03", "present").fit(TECH)

    def plateau(*sums: float) -> str | None:
        return status(found(findings(course(*sums).case(AS_OF)), CODE), "route-plateau")

    assert plateau(60, 55, 50) == "met"
    assert plateau(60, 54, 50) == "not-met"
    assert plateau(60, 55) == "not-met"
    assert plateau(80, 79, 78) == "not-met"


def test_metastasis_recorded_active_and_not_smaller_is_not_controlled() -> None:
    def course(later: float) -> Sketch:
        sketch = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1, metastasis="present")
        sketch.lesion("2024-01-03", "X1", 20, 20, "present", "non_target", outside=True)
        sketch.imaging("2024-04-03", {"L1": (45, 40)}, 1, metastasis="present")
        sketch.lesion("2024-04-03", "X1", later, later, "present", "non_target", outside=True)
        sketch.word("ehm_activity", "2024-04-03", "active").word("ehm_resectable", "2024-04-03", "present")
        return sketch.fit(TECH)

    smaller = found(findings(course(15).case(AS_OF)), CODE)
    same = found(findings(course(20).case(AS_OF)), CODE)
    assert smaller is not None
    assert same is not None
    assert (smaller.outcome, status(smaller, "route-ehm-resectable")) == ("ready", "met")
    assert (same.outcome, status(same, "ehm-inactive-or-resectable")) == ("not-ready", "not-met")


def test_of_several_records_of_one_event_the_latest_decides() -> None:
    sketch = downstaged().adverse("Colitis", "2024-03-01", 3).adverse("colitis", "2024-04-01", 1)
    assert list(event_findings(sketch.case(AS_OF))) == []
    worse = downstaged().adverse("colitis", "2024-03-01", 1).adverse("colitis", "2024-04-01", 3)
    reported = list(event_findings(worse.plan("hepatectomy", "2024-05-01").case(AS_OF)))
    assert [(f.cause, f.outcome, f.severity) for f in reported] == [("colitis", "unresolved", "critical")]


@pytest.mark.parametrize(
    ("grade", "resolved", "end", "expected"),
    [
        (2, None, None, "unresolved"),
        (2, True, None, None),
        (2, None, "2024-04-10", None),
        (2, None, "2024-04-20", "unresolved"),
        (2, None, "2024-04", "unknown"),
        (1, None, None, None),
        (None, None, None, "unknown"),
        (None, True, None, None),
    ],
)
def test_an_adverse_event_is_open_until_the_record_says_it_is_over(
    grade: int | None, resolved: bool | None, end: str | None, expected: str | None
) -> None:
    sketch = downstaged().adverse("rash", "2024-04-01", grade, resolved=resolved, end=end)
    assert outcome(event_findings(sketch.case(AS_OF)), "surgery.adverse-events") == expected


def test_transaminases_of_grade_2_keep_surgery_waiting_unless_the_baseline_was_as_bad() -> None:
    raised = downstaged().lab("alt", TECH, 121, "U/L", high=40)
    assert [f.cause for f in event_findings(raised.case(AS_OF))] == ["hepatic"]
    always = downstaged().lab("alt", "2024-01-03", 100, "U/L", high=40).lab("alt", TECH, 121, "U/L", high=40)
    assert list(event_findings(always.case(AS_OF))) == []


def test_decompensation_lets_transplantation_be_considered_and_names_what_speaks_against_it() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1, vp="vp3")
    sketch.imaging("2024-04-03", {"L1": (75, 75)}, 1, vp="vp3").liver(TECH, 90, "severe", 3)
    finding = found(transplant_findings(sketch.case(AS_OF)), "surgery.transplant")
    assert finding is not None
    assert (finding.outcome, finding.params["against"]) == ("consider", ("against-invasion",))


def test_a_stale_complete_response_is_no_option_to_wait() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1).imaging("2024-04-03", {"L1": (40, 0)}, 0)
    code = "surgery.watch-and-wait"
    assert outcome(transplant_findings(sketch.case("2024-06-12")), code) == "option"
    assert outcome(transplant_findings(sketch.case("2024-06-13")), code) == "unknown"


def test_a_newer_imaging_record_that_cannot_be_used_leaves_nothing_favourable_standing() -> None:
    ready = downstaged().spoiled("tumor_size", "2024-04-10")
    assert outcome(findings(ready.case(AS_OF)), CODE) == "indeterminate"
    waiting = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1).imaging("2024-04-03", {"L1": (40, 0)}, 0)
    waiting.spoiled("tumor_size", "2024-04-10")
    assert outcome(transplant_findings(waiting.case(AS_OF)), "surgery.watch-and-wait") == "unknown"


def test_progression_stands_under_a_newer_imaging_record_that_cannot_be_used() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (80, 80)}, 1).imaging("2024-04-03", {"L1": (100, 100)}, 1)
    sketch.spoiled("tumor_size", "2024-04-10")
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "contraindicated"
