"""Plausible patients that nobody wrote: random facts of the case language, put together by hypothesis."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.cases.facts import bundle_of
from tests.safety.patients import Patient

AS_OF = date(2024, 5, 1)
LABS: dict[str, tuple[list[Any], str]] = {
    "bilirubin_total": ([0.5, 1.5, 2.5, 3.5], "mg/dL"),
    "albumin": ([4.2, 3.2, 2.5], "g/dL"),
    "inr": ([1.0, 1.8, 2.5], "{INR}"),
    "alt": ([20, 90, 150, 240, 900, "<30"], "U/L"),
    "ast": ([20, 90, 150, 240, 900], "U/L"),
    "afp": ([8, 20, 400, 900, "<2"], "ng/mL"),
    "pivka_ii_units": ([20, 40, 600], "{mAU}/mL"),
    "hbv_dna": ([10, 2000, 20000, "<20"], "[IU]/mL"),
    "creatinine": ([0.8, 1.6, 3.2], "mg/dL"),
    "platelets": ([40, 90, 200], "10*9/L"),
    "neutrophils_abs": ([0.8, 3.0], "10*9/L"),
    "lymphocytes_abs": ([0.4, 1.5], "10*9/L"),
}
WORDS: dict[str, list[Any]] = {
    "ecog_ps": [0, 1, 2, 3],
    "asa_class": [2, 3, 4],
    "ascites_grade": ["none", "mild", "moderate"],
    "hepatic_encephalopathy_grade": [0, 1, 3],
    "child_pugh_class": ["A", "B", "C"],
    "cirrhosis": ["present", "absent"],
    "hbsag": ["positive", "negative"],
    "anti_hbc_total": ["positive", "negative"],
    "anti_hcv": ["positive", "negative"],
    "surgically_resectable": [True, False],
    "inflow_outflow_preserved": [True, False],
    "bile_duct_intact": [True, False],
    "thrombus_resectable": [True, False],
    "ehm_resectable": [True, False],
    "ehm_activity": ["active", "inactive"],
    "thrombus_enhancement": ["present", "absent"],
    "restricted_diffusion": ["present", "absent"],
    "response_mrecist": ["CR", "PR", "SD", "PD"],
    "icg_r15": [8, 12, 25],
    "future_liver_remnant_ratio": [28, 38, 55],
    "estimated_survival": [2, 9],
    "percent_viable_tumor": [0, 10, 60],
    "severe_portal_hypertension": ["present", "absent"],
    "cnlc_stage": ["Ib", "IIIa"],
    "macrovascular_invasion": ["present", "absent"],
}
CONDITIONS = ["cirrhosis", "chronic_hepatitis_b", "ascites", "variceal_bleeding", "metastasis_lung", "fatty_liver"]
INFUSIONS = ["camrelizumab", "ipilimumab", "bevacizumab"]
TABLETS = ["lenvatinib", "apatinib", "entecavir", "prednisone"]
PROCEDURES = ["tace", "haic", "hepatectomy", "external_beam_radiotherapy", "portal_vein_embolization", "mdt_conference"]
Facts = st.SearchStrategy[dict[str, Any]]


def day(back: int) -> str:
    """A day before (or, negative, after) as-of."""
    return (AS_OF - timedelta(days=back)).isoformat()


PAST = st.integers(0, 200).map(day)
# Some records know only the month.
WHEN = st.one_of(PAST, PAST, PAST, PAST, PAST.map(lambda text: text[:7]))


def a_lab() -> Facts:
    """A laboratory value with or without limits of normal."""
    return st.sampled_from(sorted(LABS)).flatmap(
        lambda code: st.builds(
            lambda value, on, high: {"lab": {"code": code, "on": on, "value": value, "unit": LABS[code][1]} | high},
            st.sampled_from(LABS[code][0]),
            WHEN,
            st.sampled_from([{}, {"high": 40}]) if code in ("alt", "ast") else st.just({}),
        )
    )


def a_word() -> Facts:
    """A finding of the clinic."""
    return st.sampled_from(sorted(WORDS)).flatmap(
        lambda code: st.builds(
            lambda value, on: {"observation": {"code": code, "on": on, "value": value}},
            st.sampled_from(WORDS[code]),
            WHEN,
        )
    )


def imaging(on: st.SearchStrategy[str] = PAST) -> Facts:
    """One imaging date with one or two lesions."""
    lesion = st.builds(
        lambda mm, dead, aphe: {"mm": mm, "viable": 0 if dead else mm, "aphe": aphe},
        st.sampled_from([0, 8, 18, 29, 30, 42, 60, 80]),
        st.booleans(),
        st.sampled_from(["present", "absent"]),
    )
    return st.builds(
        lambda when, one, two, rest: {"imaging": {"on": when, "lesions": {"L1": one} | two} | rest},
        on,
        lesion,
        st.one_of(st.just({}), lesion.map(lambda found: {"L2": found})),
        st.fixed_dictionaries(
            {},
            optional={
                "number": st.sampled_from([0, 1, 2, 4]),
                "vp": st.sampled_from(["vp0", "vp2", "vp3"]),
                "vv": st.sampled_from(["vv0", "vv2"]),
                "metastasis": st.sampled_from(["none", "present"]),
            },
        ),
    )


def treatment() -> Facts:
    """Drugs, procedures, plans and what they did."""
    return st.one_of(
        st.builds(lambda drug, on: {"dose": {"drug": drug, "on": on}}, st.sampled_from(INFUSIONS), PAST),
        st.builds(lambda drug, on: {"statement": {"drug": drug, "from": on}}, st.sampled_from(TABLETS), PAST),
        st.builds(lambda drug: {"request": {"drug": drug, "authored": day(0)}}, st.sampled_from(INFUSIONS)),
        st.builds(lambda code, on: {"procedure": {"code": code, "on": on}}, st.sampled_from(PROCEDURES), PAST),
        st.builds(
            lambda code, ahead: {"order": {"code": code, "on": day(-ahead), "authored": day(3)}},
            st.sampled_from(["hepatectomy", "tace", "haic"]),
            st.integers(0, 40),
        ),
        st.builds(
            lambda name, on, grade, resolved: {
                "adverse_event": {"name": name, "on": on, "grade": grade, "resolved": resolved}
            },
            st.sampled_from(["rash", "hypertension"]),
            PAST,
            st.integers(1, 4),
            st.booleans(),
        ),
        st.builds(lambda code, on: {"condition": {"code": code, "onset": on}}, st.sampled_from(CONDITIONS), WHEN),
    )


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    """A patient with HCC, usually with a liver that was looked at and a treatment that has begun."""
    facts: list[dict[str, Any]] = [{"patient": {}}, {"condition": {"code": "hcc", "onset": day(200)}}]
    if draw(st.booleans()):
        facts += [{"liver": {"on": day(2)}}, {"observation": {"code": "ecog_ps", "on": day(2), "value": 0}}]
    if draw(st.booleans()):
        start = draw(st.integers(50, 180))
        facts += [draw(imaging(st.just(day(start + 5)))), draw(imaging(st.integers(0, 40).map(day)))]
        facts.append({"dose": {"drug": "camrelizumab", "on": [day(start), day(start - 21), day(start - 42)]}})
    facts += draw(st.lists(st.one_of(a_lab(), a_word(), imaging(), treatment(), treatment()), max_size=14))
    # Two records of the same content are told apart by nothing but their ids; `told twice` has them.
    different = {repr(fact): fact for fact in facts}
    return Patient(
        name="generated",
        bundle=bundle_of(list(different.values())),
        as_of=AS_OF.isoformat(),
        edition=draw(st.sampled_from(["2024", "2021", "strictest"])),
        complete=draw(st.booleans()),
    )
