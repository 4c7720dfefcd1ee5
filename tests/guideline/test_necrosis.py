"""Complete necrosis: loss of enhancement everywhere, and what keeps it from being shown."""

from __future__ import annotations

import pytest

from adapter.guideline.necrosis import findings
from tests.guideline.sketch import Sketch, outcome, treated

CODE = "response.complete-necrosis"
AS_OF = "2024-04-13"


def course(vp: str = "vp0", metastasis: str = "absent") -> Sketch:
    return treated().imaging("2024-01-03", {"L1": (60, 60), "L2": (30, 30)}, 2, vp=vp, metastasis=metastasis)


def necrotic(sketch: Sketch, vp: str = "vp0", metastasis: str = "absent") -> Sketch:
    return sketch.imaging("2024-04-03", {"L1": (50, 0), "L2": (20, 0)}, 0, vp=vp, metastasis=metastasis)


def test_enhancement_lost_everywhere_is_likely_and_absent_restriction_supports_it() -> None:
    assert outcome(findings(necrotic(course()).case(AS_OF)), CODE) == "likely"
    supported = necrotic(course()).word("restricted_diffusion", "2024-04-03", "absent")
    assert outcome(findings(supported.case(AS_OF)), CODE) == "supported"
    restricted = necrotic(course()).word("restricted_diffusion", "2024-04-03", "present")
    assert outcome(findings(restricted.case(AS_OF)), CODE) == "likely"
    older = necrotic(course()).word("restricted_diffusion", "2024-02-21", "absent")
    assert outcome(findings(older.case(AS_OF)), CODE) == "likely"


def test_one_enhancing_lesion_is_enough_to_say_not_shown() -> None:
    sketch = course().imaging("2024-04-03", {"L1": (50, 0), "L2": (20, 5)}, 1)
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "not-shown"


def test_a_contradiction_counts_as_enhancement() -> None:
    sketch = course().imaging("2024-04-03", {"L2": (20, 0)}).lesion("2024-04-03", "L1", 50, 10, "absent")
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "not-shown"
    counted = course().imaging("2024-04-03", {"L1": (50, 0), "L2": (20, 0)}, 1)
    assert outcome(findings(counted.case(AS_OF)), CODE) == "not-shown"


def test_a_lesion_without_enhancement_information_leaves_it_unknown() -> None:
    sketch = course().imaging("2024-04-03", {"L1": (50, 0)}).lesion("2024-04-03", "L2", 20)
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "unknown"


@pytest.mark.parametrize(
    ("enhancement", "expected"), [("absent", "likely"), ("present", "not-shown"), (None, "unknown")]
)
def test_a_thrombus_counts_like_a_lesion(enhancement: str | None, expected: str) -> None:
    sketch = necrotic(course(vp="vp3"), vp="vp2")
    if enhancement:
        sketch.word("thrombus_enhancement", "2024-04-03", enhancement)
    assert outcome(findings(sketch.case(AS_OF)), CODE) == expected


@pytest.mark.parametrize(("activity", "expected"), [("inactive", "likely"), ("active", "not-shown"), (None, "unknown")])
def test_a_metastasis_counts_like_a_lesion(activity: str | None, expected: str) -> None:
    sketch = necrotic(course(metastasis="present"), metastasis="present")
    if activity:
        sketch.word("ehm_activity", "2024-04-03", activity)
    assert outcome(findings(sketch.case(AS_OF)), CODE) == expected


def test_a_newer_lesion_record_that_cannot_be_used_leaves_a_loss_unknown_and_enhancement_standing() -> None:
    lost = necrotic(course()).spoiled("tumor_size", "2024-04-10")
    left = course().imaging("2024-04-03", {"L1": (50, 10), "L2": (20, 0)}).spoiled("tumor_size", "2024-04-10")
    assert outcome(findings(lost.case(AS_OF)), CODE) == "unknown"
    assert outcome(findings(left.case(AS_OF)), CODE) == "not-shown"


def test_nothing_is_said_before_the_first_imaging_under_treatment() -> None:
    assert outcome(findings(course().case("2024-02-01")), CODE) is None
