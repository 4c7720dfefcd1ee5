"""Codings become concepts by intersection; a code too general decides nothing alone."""

from __future__ import annotations

import pytest

from adapter.terminology import Terminology, load_terminology

LOINC, SNOMED, ATC = "http://loinc.org", "http://snomed.info/sct", "http://www.whocc.no/atc"
ICD9, ICD10, ICD10CM = (f"http://hl7.org/fhir/sid/{name}" for name in ("icd-9-cm", "icd-10", "icd-10-cm"))
OWN = "https://hcc-conversion.org/fhir/CodeSystem/concept"


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return load_terminology()


@pytest.mark.parametrize(
    ("codings", "concept"),
    [
        ([(LOINC, "1742-6")], "alt"),
        ([("urn:oid:2.16.840.1.113883.6.1", "1742-6")], "alt"),
        ([("https://loinc.org/", "1742-6")], "alt"),
        ([("2.16.840.1.113883.6.96", "109841003")], "hcc"),
        ([(LOINC, "1742-6"), ("http://hospital.example", "X")], "alt"),
        ([(LOINC, "1742-6"), (LOINC, "1743-4")], "alt"),
        ([(ICD10, "C22.0")], "hcc"),
        ([(ICD10, "C22.000")], "hcc"),
        ([(ICD10CM, "C22.0x01")], "hcc"),
        ([(ICD10, "c22.0X01")], "hcc"),
        ([(ICD10, "I81.x00")], "portal_vein_thrombosis_bland"),
        ([(ICD9, "99.25"), (ICD9, "39.79")], "tace"),
        ([(ICD9, "99.25"), (ICD9, "38.91")], "haic"),
        ([(SNOMED, "16736007"), (OWN, "deb_tace")], "deb_tace"),
        ([(ATC, "J05AP07")], "other_daa"),
        ([(ATC, "J05AP08")], "sofosbuvir"),
        ([(OWN, "sintilimab")], "sintilimab"),
    ],
)
def test_codings_give_a_concept(terminology: Terminology, codings: list[tuple[str, str]], concept: str) -> None:
    assert terminology.translate(codings).concept == concept


@pytest.mark.parametrize(
    ("codings", "reason"),
    [
        ([(LOINC, "1742-6"), (LOINC, "1920-8")], "code-conflict"),
        ([(ICD9, "99.25")], "ambiguous"),
        ([(SNOMED, "16736007")], "ambiguous"),
        ([(SNOMED, "16736007"), (SNOMED, "57238002")], "ambiguous"),
        ([(SNOMED, "77477000")], "ambiguous"),
        ([(ICD9, "50.4")], "unknown"),
        ([(None, "1742-6")], "unknown"),
        ([("", "1742-6")], "unknown"),
        ([(LOINC, "99999-9")], "unknown"),
        ([(ATC, "J05AP01")], "unknown"),
        ([(ICD10, "C22")], "unknown"),
        ([(ICD9, "50.220")], "unknown"),
        ([(LOINC, "20450-3")], "unknown"),
        ([], "unknown"),
    ],
)
def test_codings_that_give_none_say_why(terminology: Terminology, codings: list[tuple[str, str]], reason: str) -> None:
    found = terminology.translate(codings)
    assert (found.concept, found.reason) == (None, reason)


def test_an_extended_icd10_code_is_noted(terminology: Terminology) -> None:
    assert terminology.translate([(ICD10, "C22.000")]).notes == ("by-prefix",)
    assert terminology.translate([(ICD10, "C22.0")]).notes == ()


def test_a_conflict_keeps_all_that_it_may_be(terminology: Terminology) -> None:
    assert terminology.translate([(LOINC, "1742-6"), (LOINC, "1920-8")]).concepts == {"alt", "ast"}


def test_bland_thrombosis_is_no_tumour_thrombus_and_autoimmune_hepatitis_not_immune_mediated(
    terminology: Terminology,
) -> None:
    assert terminology.translate([(SNOMED, "17920008")]).concept == "portal_vein_thrombosis_bland"
    assert terminology.translate([(ICD10CM, "K75.4")]).concept == "autoimmune_hepatitis"


def test_the_base_of_the_own_code_system_is_configurable() -> None:
    found = load_terminology(canonical_base="https://hospital.example/fhir/")
    assert found.local_system == "https://hospital.example/fhir/CodeSystem/concept"
    assert found.translate([("https://hospital.example/fhir/CodeSystem/concept", "tace")]).concept == "tace"


@pytest.mark.parametrize(("name", "drug"), [("Lenvatinib", "lenvatinib"), ("ＬＥＮＶＡＴＩＮＩＢ ", "lenvatinib")])
def test_a_drug_has_its_names(terminology: Terminology, name: str, drug: str) -> None:
    assert terminology.drug_by_name(name) == drug


@pytest.mark.parametrize("name", ["信迪利单抗", "曲美木单抗", "替西木单抗", "阿帕替尼"])
def test_a_drug_has_its_chinese_names(terminology: Terminology, name: str) -> None:
    assert terminology.drug_by_name(name)


def test_a_drug_name_must_match_wholly(terminology: Terminology) -> None:
    assert terminology.drug_by_name("lenvatinib 4 mg capsule") is None


def test_the_coding_to_write_is_the_preferred_one(terminology: Terminology) -> None:
    assert terminology.preferred_coding("hcc")[:2] == (SNOMED, "109841003")
    assert terminology.preferred_coding("ecog_ps")[:2] == (LOINC, "89247-1")
    assert terminology.preferred_coding("sintilimab")[:2] == (OWN, "sintilimab")
    assert terminology.preferred_coding("tace")[:2] == (OWN, "tace")
