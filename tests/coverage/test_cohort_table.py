"""The 26 patients of the cohort's Table 2 agree with the totals of its Table 1."""

from __future__ import annotations

from collections import Counter

from tests.cases.facts import read_cases
from tests.coverage.make_coverage import CASES

PATIENTS = read_cases(CASES / "cohort-table2.yaml")["cases"]


def test_every_patient_of_the_table_is_a_case() -> None:
    assert [case["name"].partition(",")[0] for case in PATIENTS] == [f"patient {number}" for number in range(1, 27)]


def test_reasons_and_stages_add_up_to_the_totals_of_table_1() -> None:
    reasons = Counter(reason for case in PATIENTS for reason in case["name"].split(", ")[1:])
    assert reasons == {"Vp2": 1, "Vp3": 10, "Vp4": 3, "Vv2": 1, "Vv3": 4, "insufficient FLR": 11, "EHM": 5}
    assert Counter(case["staging"]["cnlc"].rstrip("ab") for case in PATIENTS) == {"I": 6, "II": 1, "III": 19}
    assert Counter(case["staging"]["bclc"] for case in PATIENTS) == {"A": 6, "B": 1, "C": 19}
