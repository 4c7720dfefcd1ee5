"""The liver remnant: editions, unknown liver disease, volumes, MELD."""

from __future__ import annotations

import pytest

from adapter.guideline.augmentation import findings as augmentation_findings
from adapter.guideline.remnant import findings
from tests.guideline.sketch import Sketch, found, outcome, status, treated

DAY, AS_OF = "2024-04-10", "2024-04-13"
CODE = "flr.adequacy"


def remnant(share: str | float, cirrhosis: str | None = None) -> Sketch:
    sketch = treated().lab("future_liver_remnant_ratio", DAY, share, "%")
    return sketch.word("cirrhosis", DAY, cirrhosis) if cirrhosis else sketch


@pytest.mark.parametrize(
    ("edition", "share", "cirrhosis", "hbsag", "icg", "expected"),
    [
        ("2024", 40, "absent", "present", None, "adequate"),
        ("strictest", 40, "absent", "present", None, "insufficient"),
        ("strictest", "40.1", "absent", "present", None, "adequate"),
        ("2021", 41, "present", "present", 9, "adequate"),
        ("2021", 41, "present", "present", None, "unknown"),
        ("2021", 51, "present", "present", None, "adequate"),
        ("2021", 40, "present", "present", None, "insufficient"),
        ("strictest", 46, "present", "present", 10, "insufficient"),
        ("strictest", 46, "present", "present", None, "unknown"),
        ("strictest", 46, None, "present", 5, "adequate"),
    ],
)
def test_the_bound_follows_edition_liver_disease_and_icg(
    edition: str, share: str | float, cirrhosis: str | None, hbsag: str, icg: float | None, expected: str
) -> None:
    sketch = remnant(share, cirrhosis).word("hbsag", DAY, hbsag)
    if icg is not None:
        sketch.lab("icg_r15", DAY, icg, "%")
    assert outcome(findings(sketch.case(AS_OF, edition)), CODE) == expected


def test_a_newer_unusable_ratio_keeps_insufficient_and_takes_adequate_away() -> None:
    small = remnant(30).spoiled("future_liver_remnant_ratio", "2024-04-12")
    large = remnant(60).spoiled("future_liver_remnant_ratio", "2024-04-12")
    assert outcome(findings(small.case(AS_OF)), CODE) == "insufficient"
    assert outcome(findings(large.case(AS_OF)), CODE) == "unknown"


def test_two_ratios_at_one_instant_raise_the_alert() -> None:
    sketch = remnant(60).lab("future_liver_remnant_ratio", DAY, 30, "%")
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "insufficient"


def test_an_older_volume_does_not_cover_an_unusable_ratio() -> None:
    sketch = treated().lab("future_liver_remnant_volume", DAY, 700, "mL").lab("standard_liver_volume", DAY, 1000, "mL")
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "adequate"
    sketch.spoiled("future_liver_remnant_ratio", "2024-04-12")
    assert outcome(findings(sketch.case(AS_OF)), CODE) == "unknown"


def test_an_estimate_is_named_and_a_large_difference_reported() -> None:
    estimated = treated().lab("future_liver_remnant_volume", DAY, 700, "mL")
    estimated.lab("body_weight", DAY, 70, "kg").lab("body_height", DAY, 170, "cm")
    finding = found(findings(estimated.case(AS_OF)), CODE)
    assert finding is not None
    assert "estimated" in finding.notes
    assert float(finding.params["share"]) == pytest.approx(54.7, abs=0.1)
    both = estimated.lab("future_liver_remnant_ratio", DAY, 40, "%").case(AS_OF)
    assert any(n.startswith("ratios-differ") for n in (found(findings(both), CODE) or finding).notes)


def test_an_unconfirmed_cirrhosis_defeats_the_site_option() -> None:
    option = ["assume-no-cirrhosis-when-conditions-read"]
    sketch = remnant(40)
    sketch.conditions_read = True
    assert outcome(findings(sketch.case(AS_OF, options=option)), CODE) == "adequate"
    sketch.condition("cirrhosis", "2020-01-01", confirmed=False)
    assert outcome(findings(sketch.case(AS_OF, options=option)), CODE) == "unknown"


def test_a_contraindication_of_embolization_leaves_the_candidacy() -> None:
    sketch = remnant(25, "absent").liver(DAY).lab("icg_r15", DAY, 8, "%").word("pvtt_vp_class", DAY, "vp3")
    sketch.word("severe_portal_hypertension", DAY, "absent").word("distant_metastasis_status", DAY, "absent")
    finding = found(augmentation_findings(sketch.case(AS_OF)), "flr.augmentation")
    assert finding is not None
    assert finding.outcome == "candidate"
    assert status(finding, "pve-not-contraindicated") == "not-met"
    assert finding.params["advice"] == ("advice-alpps-only",)


def test_meld_is_bounded_when_a_part_is_missing() -> None:
    sketch = treated().done("portal_vein_embolization", "2024-03-20").plan("hepatectomy", "2024-05-01")
    assert outcome(augmentation_findings(sketch.case(AS_OF)), "flr.meld") is None
    sketch.lab("bilirubin_total", DAY, 20, "umol/L")
    assert outcome(augmentation_findings(sketch.case(AS_OF)), "flr.meld") == "unknown"
    sketch.lab("bilirubin_total", "2024-04-11", 60, "umol/L")
    assert outcome(augmentation_findings(sketch.case(AS_OF)), "flr.meld") == "postpone"
