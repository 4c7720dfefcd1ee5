"""Patterns of progression, their advice and what silences it (C21-15 text)."""

from __future__ import annotations

from collections.abc import Iterable

from adapter.guideline.local_advice import findings as local_findings
from adapter.guideline.model import Finding
from adapter.guideline.progression_pattern import findings
from tests.guideline.sketch import Sketch, found, outcome, treated

LATE, EARLY = "2024-06-10", "2024-02-21"
AS_OF = "2024-06-13"


def start(vp: str = "vp0", metastasis: str = "absent") -> Sketch:
    sketch = treated().imaging("2024-01-03", {"L1": (60, 60)}, 1, vp=vp, metastasis=metastasis)
    return sketch.imaging(EARLY, {"L1": (55, 55)}, 1, vp=vp, metastasis=metastasis)


def advice(reported: Iterable[Finding], pattern: str) -> tuple[str, ...] | None:
    return next((f.params["advice"] for f in reported if f.outcome == pattern), None)


def patterns(sketch: Sketch, as_of: str = AS_OF) -> list[str]:
    return [f.outcome for f in findings(sketch.case(as_of))]


def test_growth_of_the_targets_lets_tace_or_haic_be_considered() -> None:
    sketch = start().imaging(LATE, {"L1": (80, 80)}, 1)
    assert patterns(sketch) == ["intrahepatic-targets"]
    assert advice(findings(sketch.case(AS_OF)), "intrahepatic-targets") == ("advice-tace-haic",)


def test_a_limit_that_holds_stands_in_the_summary() -> None:
    sketch = start(vp="vp3").imaging(LATE, {"L1": (80, 80)}, 1, vp="vp3")
    reported = found(findings(sketch.case(AS_OF)), "progression.pattern")
    assert reported is not None
    assert "limit-tace-vp3-4" in reported.params["holding"]
    assert "limit-haic-child-pugh-c" not in reported.params["holding"]


def test_a_new_lesion_is_ablated_only_while_the_others_are_stable() -> None:
    alone = start().imaging(LATE, {"L1": (55, 55)}, 2).lesion(LATE, "N1", 12, 12, "present", "new_lesion")
    assert advice(findings(alone.case(AS_OF)), "new-intrahepatic") == ("advice-ablation",)
    beside = start().imaging(LATE, {"L1": (80, 80)}, 2).lesion(LATE, "N1", 12, 12, "present", "new_lesion")
    assert patterns(beside) == ["intrahepatic-targets", "new-intrahepatic"]
    assert advice(findings(beside.case(AS_OF)), "new-intrahepatic") == ("advice-not-stable",)


def test_progression_on_both_sides_of_the_capsule_is_one_pattern() -> None:
    both = start().imaging(LATE, {"L1": (80, 80)}, 1).lesion(LATE, "N1", 8, 8, "present", "new_lesion", outside=True)
    assert patterns(both) == ["intra-and-extrahepatic"]
    only = start().imaging(LATE, {"L1": (55, 55)}, 1).lesion(LATE, "N1", 8, 8, "present", "new_lesion", outside=True)
    assert patterns(only) == ["extrahepatic"]


def test_a_growing_target_outside_the_liver_is_extrahepatic_progression() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (40, 40)}, 1, metastasis="present")
    sketch.lesion("2024-01-03", "X1", 20, 20, "present", "target", outside=True)
    sketch.imaging(EARLY, {"L1": (40, 40)}, 1, metastasis="present")
    sketch.lesion(EARLY, "X1", 20, 20, "present", "target", outside=True)
    sketch.imaging(LATE, {"L1": (40, 40)}, 1, metastasis="present")
    sketch.lesion(LATE, "X1", 35, 35, "present", "target", outside=True)
    assert patterns(sketch) == ["extrahepatic"]


def test_a_recorded_site_comes_before_the_measurements() -> None:
    sketch = start().imaging(LATE, {"L1": (80, 80)}, 1).word("progression_site", LATE, "thrombus")
    assert patterns(sketch) == ["thrombus"]
    assert advice(findings(sketch.case(AS_OF)), "thrombus") == ("advice-not-stable",)


def test_a_higher_thrombus_grade_is_irradiated_while_the_targets_are_stable() -> None:
    sketch = start(vp="vp2").imaging(LATE, {"L1": (55, 55)}, 1, vp="vp3")
    assert advice(findings(sketch.case(AS_OF)), "thrombus") == ("advice-radiotherapy",)


def test_rapid_progression_carries_the_drug_advice_and_silences_the_sites() -> None:
    sketch = treated().imaging("2024-01-03", {"L1": (60, 60)}, 1).imaging("2024-04-01", {"L1": (80, 80)}, 1)
    reported = list(findings(sketch.case("2024-04-05")))
    assert [f.cause for f in reported] == ["rapid", "intrahepatic-targets"]
    assert advice(reported, "rapid") == ("advice-chemotherapy",)
    assert advice(reported, "intrahepatic-targets") == ("advice-rapid-first",)
    later = treated().imaging("2024-01-03", {"L1": (60, 60)}, 1).imaging("2024-04-02", {"L1": (80, 80)}, 1)
    assert patterns(later, "2024-04-05") == ["intrahepatic-targets"]


def test_child_pugh_c_or_a_grave_adverse_event_leaves_supportive_treatment_only() -> None:
    weak = start().imaging(LATE, {"L1": (80, 80)}, 1).liver("2024-06-10", 90, "severe", 3)
    assert advice(findings(weak.case(AS_OF)), "intrahepatic-targets") == ("advice-supportive",)
    ill = start().imaging(LATE, {"L1": (80, 80)}, 1).adverse("colitis", "2024-06-01", 3)
    assert advice(findings(ill.case(AS_OF)), "intrahepatic-targets") == ("advice-supportive",)
    unrelated = start().imaging(LATE, {"L1": (80, 80)}, 1).adverse("fracture", "2024-06-01", 3, related=False)
    assert advice(findings(unrelated.case(AS_OF)), "intrahepatic-targets") == ("advice-tace-haic",)


def test_progression_without_a_known_site_is_said_to_be_undecided() -> None:
    sketch = start().imaging(LATE, {"L1": (55, 55)}, 1).word("response_mrecist", LATE, "PD")
    assert patterns(sketch) == ["unknown"]


def test_a_stale_evaluation_decides_no_next_step() -> None:
    sketch = start().imaging(LATE, {"L1": (80, 80)}, 1)
    assert patterns(sketch, "2024-08-19") == ["intrahepatic-targets"]
    assert patterns(sketch, "2024-08-20") == ["unknown"]


def test_local_therapy_is_added_only_where_none_belongs_to_the_course() -> None:
    code = "response.add-local-therapy"
    assert outcome(local_findings(start().case("2024-03-01")), code) == "consider"
    assert outcome(local_findings(start().done("haic", "2024-02-25").case("2024-03-01")), code) is None
    unread = start().spoiled("haic", "2024-02-25", "unresolved-reference")
    assert outcome(local_findings(unread.case("2024-03-01")), code) == "unknown"
