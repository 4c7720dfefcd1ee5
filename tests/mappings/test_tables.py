"""The mapping tables are complete, cited and strict, and their factors are those of UCUM and the dictionary."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest
from pint import DimensionalityError
from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]

from adapter.errors import TableError
from adapter.terminology import LOCAL, Terminology, load_terminology
from adapter.terminology.checks import check_tables
from adapter.values import Interval

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"

# The table of the dictionary: concept, unit, factor to the canonical unit.
DICTIONARY = [
    ("bilirubin_total", "mg/dL", "17.1"),
    ("creatinine", "mg/dL", "88.4"),
    ("albumin", "g/dL", "10"),
    ("ammonia", "ug/dL", "0.587"),
    ("free_t4", "ng/dL", "12.87"),
    ("hemoglobin", "g/dL", "10"),
    ("platelets", "10*3/uL", "1"),
    ("platelets", "/uL", "0.001"),
    ("tsh", "u[IU]/mL", "1"),
    ("troponin_i", "ug/L", "1"),
    ("afp", "ug/L", "1"),
    ("urine_protein_creatinine_ratio", "mg/mg", "1000"),
    ("tumor_longest_dimension", "cm", "10"),
]
CANONICAL = {
    "bilirubin_total": "umol/L",
    "creatinine": "umol/L",
    "albumin": "g/L",
    "afp": "ng/mL",
    "pivka_ii_units": "{mAU}/mL",
    "hbv_dna": "[IU]/mL",
    "hcv_rna": "[IU]/mL",
    "platelets": "10*9/L",
    "hemoglobin": "g/L",
    "viable_diameter": "mm",
    "tumor_longest_dimension": "mm",
    "estimated_survival": "mo",
}
# What UCUM alone cannot know: molar masses in g/mol, as the dictionary names them.
MOLAR = {
    ("bilirubin_total", "mg/dL"): 584.66,
    ("bilirubin_direct", "mg/dL"): 584.66,
    ("bilirubin_conjugated", "mg/dL"): 584.66,
    ("creatinine", "mg/dL"): 113.12,
    ("ammonia", "ug/dL"): 17.03,
    ("free_t4", "ng/dL"): 776.93,
}
# Thousandths of arbitrary units: to ucumvert an annotation such as {mAU} is 1, so that it cannot see the thousandth.
ARBITRARY = {"[arb'U]"}
KINDS_OF_UNIT = {
    "international": ("[IU]", "_IU}"),
    "copies": ("{copies}", "{copy}"),
    "PIVKA-II": ("{mAU}", "[arb'U]"),
}


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return load_terminology()


def test_every_row_of_the_dictionary_is_there_and_every_key_has_a_local_or_standard_code() -> None:
    with (MAPPINGS / "concepts.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    given = [r for r in rows if r["evidence"] != "project's own code"]
    assert len(given) == 686
    assert {r["status"] for r in rows} == {"VERIFIED", "UNVERIFIED", "LOCAL"}
    own = {r["concept"] for r in rows if r["status"] == "LOCAL"}
    assert {"ehm_activity", "thrombus_enhancement", "viable_diameter", "lesion_role", "danoprevir", "deb_tace"} <= own
    assert all(r["code"] == r["concept"] for r in rows if r["system"] == LOCAL)


def test_every_drug_and_procedure_key_is_also_a_local_code(terminology: Terminology) -> None:
    keys = terminology.drugs | terminology.procedures
    assert len(keys) > 50
    for key in keys:
        assert terminology.translate([(terminology.local_system, key)]).concept == key


@pytest.mark.parametrize(("concept", "unit", "factor"), DICTIONARY)
def test_a_factor_is_that_of_the_dictionary(terminology: Terminology, concept: str, unit: str, factor: str) -> None:
    found = terminology.units.rows()[concept, unit]
    assert found.numerator / found.denominator == Decimal(factor)


@pytest.mark.parametrize(("concept", "unit"), CANONICAL.items())
def test_the_canonical_unit_is_the_agreed_one(terminology: Terminology, concept: str, unit: str) -> None:
    assert terminology.units.canonical(concept) == unit


def test_every_factor_that_ucum_can_compute_is_exactly_that_of_ucum(terminology: Terminology) -> None:
    registry = PintUcumRegistry()
    checked, not_computed = 0, set()
    for (concept, ucum), unit in terminology.units.rows().items():
        if not ucum or not unit.canonical or ARBITRARY & {*re.split(r"[./]", ucum)}:
            continue
        try:
            ratio = (registry.from_ucum(ucum) * 1 / (registry.from_ucum(unit.canonical) * 1)).to("").magnitude
        except DimensionalityError:
            not_computed.add((concept, ucum))
            continue
        assert float(unit.numerator / unit.denominator) == pytest.approx(ratio, rel=1e-12), (concept, ucum)
        checked += 1
    assert checked > 90
    assert not_computed == set(MOLAR)


@pytest.mark.parametrize(("concept", "ucum"), MOLAR)
def test_a_factor_between_mass_and_amount_is_that_of_the_molar_mass(
    terminology: Terminology, concept: str, ucum: str
) -> None:
    registry, mass = PintUcumRegistry(), MOLAR[concept, ucum]
    unit = terminology.units.rows()[concept, ucum]
    moles = registry.from_ucum(ucum) / (mass * registry.from_ucum("g/mol"))
    moles = moles.to(registry.from_ucum(unit.canonical).units)
    assert float(unit.numerator / unit.denominator) == pytest.approx(moles.magnitude, rel=1e-3)


def test_arbitrary_units_convert_to_nothing_but_themselves(terminology: Terminology) -> None:
    seen = set()
    for (concept, ucum), unit in terminology.units.rows().items():
        kinds = [kind for kind, signs in KINDS_OF_UNIT.items() if any(sign in ucum for sign in signs)]
        canonical = [kind for kind, signs in KINDS_OF_UNIT.items() if any(sign in unit.canonical for sign in signs)]
        assert kinds == canonical, (concept, ucum, unit.canonical)
        seen.update(kinds)
    assert seen == set(KINDS_OF_UNIT)


@pytest.mark.parametrize(
    ("concept", "text", "ucum"),
    [
        *[("platelets", text, "10*9/L") for text in ("10^9/L", "x10^9/L", "x10*9/L", "10E9/L", "G/L", "X 10^9 / L")],
        *[("platelets", text, "10*3/uL") for text in ("10^3/uL", "K/uL", "k/µL", "k/μL")],
        ("wbc", "/mm3", "/mm3"),
        ("alt", "IU/L", "U/L"),
        ("alt", "u/l", "U/L"),
        ("hbv_dna", "IU/ml", "[IU]/mL"),
        ("hbv_dna_log", "log IU/mL", "{log_IU}/mL"),
        ("hbv_dna_log", "log10 IU/mL", "{log_IU}/mL"),
        ("pivka_ii_units", "mAU/ml", "{mAU}/mL"),
        ("pivka_ii_units", "AU/L", "[arb'U]/L"),
        ("bilirubin_total", "mg/dl", "mg/dL"),
        ("bilirubin_total", "µmol/L", "umol/L"),
        ("bilirubin_total", "μmol/l", "umol/L"),
        ("inr", "{INR}", "{INR}"),
        ("inr", None, ""),
    ],
)
def test_an_alias_is_its_unit(terminology: Terminology, concept: str, text: str | None, ucum: str) -> None:
    found = terminology.unit(concept, None, None, text)
    assert not isinstance(found, str)
    assert found.ucum == ucum


@pytest.mark.parametrize(
    ("concept", "quantity", "reason"),
    [
        ("alt", (None, None, None), "no-unit"),
        ("alt", (None, "U/L", None), "no-unit"),
        ("alt", (None, None, "mg/dL"), "unit"),
        ("alt", ("http://unitsofmeasure.org", "U/L", "mg/dL"), "unit"),
        ("bilirubin_total", ("http://unitsofmeasure.org", "umol/L", "mg/dL"), "unit"),
        ("afp", (None, None, "IU/mL"), "unit"),
        ("hbv_dna", (None, None, "log IU/mL"), "unit"),
        ("future_liver_remnant_ratio", (None, None, None), "no-unit"),
    ],
)
def test_a_missing_unknown_or_contradictory_unit_is_a_reason(
    terminology: Terminology, concept: str, quantity: tuple[str | None, str | None, str | None], reason: str
) -> None:
    found = terminology.unit(concept, *quantity)
    assert isinstance(found, str)
    assert found.split(":")[0] == reason


def test_a_code_outside_ucum_leaves_the_text_to_decide(terminology: Terminology) -> None:
    found = terminology.unit("bilirubin_total", "http://example.org/units", "mg/dL", "umol/L")
    assert not isinstance(found, str)
    assert found.ucum == "umol/L"


def test_every_limit_of_normal_names_its_source(terminology: Terminology) -> None:
    limits = terminology.normal_limits()
    assert {"alt", "ast", "bilirubin_total", "platelets", "hemoglobin", "tsh", "ck"} <= {c for c, _ in limits}
    assert all(limit.source and limit.assumed for limit in limits.values())


def test_every_group_is_cited_and_holds_what_the_guideline_names(terminology: Terminology) -> None:
    assert terminology.members("ici") >= {"atezolizumab", "tremelimumab", "penpulimab"}
    assert len(terminology.members("ici")) == 12
    assert terminology.members("aatd") == terminology.members("tki") | {"bevacizumab", "ramucirumab"}
    assert terminology.members("hepatectomy") == {"hepatectomy", "hemihepatectomy_lobectomy"}
    assert "alpps" not in terminology.members("hepatectomy")
    assert terminology.members("tace") == {"tace", "deb_tace"}
    assert "alt" in terminology.groups("alt")


def test_an_overlay_adds_codes_limits_and_names(tmp_path: Path) -> None:
    (tmp_path / "concepts.csv").write_text("concept,system,code\nalt,http://hospital.example/lab,ALT\n")
    (tmp_path / "systems.yaml").write_text(
        "systems:\n  - url: http://hl7.org/fhir/sid/icd-10-cm\n    names: [http://nation.example/icd]\n"
    )
    (tmp_path / "normal_limits.csv").write_text("concept,sex,low,high,unit,source\nalt,male,,45,U/L,our laboratory\n")
    (tmp_path / "drug_names.csv").write_text("name,concept,lang,source\n达伯舒,sintilimab,zh,label\n", encoding="utf-8")
    found = load_terminology(tmp_path)
    assert found.translate([("http://hospital.example/lab", "ALT")]).concept == "alt"
    assert found.translate([("http://nation.example/icd", "C22.0x01")]).concept == "hcc"
    assert found.normal_limits()["alt", "male"].high == 45
    assert not found.normal_limits()["alt", "male"].assumed
    assert found.drug_by_name(" 达伯舒 ") == "sintilimab"


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("concepts.csv", "concept,system,code\nast,http://loinc.org,1742-6\n", "concepts.csv:2"),
        ("concepts.csv", "concept,system,kode\nast,http://loinc.org,1\n", "kode"),
        ("concepts.csv", "concept,system,code\nnew_thing,http://loinc.org,1\n", "resource"),
        ("units.csv", "concept,unit,canonical,factor,source\nalt,kat/L,U/L,much,x\n", "units.csv:2"),
        ("units.csv", "concept,unit,canonical,factor,source\nalt,ukat/L,ukat/L,1,x\n", "canonical"),
        ("units.csv", "concept,unit,canonical,factor,source\nnothing,kat/L,U/L,1,x\n", "nothing"),
        ("drug_names.csv", "name,concept,lang,source\nlenvatinib,sorafenib,en,x\n", "lenvatinib"),
        ("normal_limits.csv", "concept,sex,low,high,unit,source\nalt,male,,45,ukat/L,x\n", "canonical"),
        ("groups.yaml", "ici: {concepts: [nothing]}\n", "nothing"),
        ("groups.yaml", "ici: {concepts: []}\nici: {concepts: []}\n", "twice"),
        ("systems.yaml", "unknown: []\n", "unknown"),
        ("codes.csv", "a,b\n", "codes.csv"),
        ("answers.csv", "answers,system,code,answer,source\nresponse,text,cr,PD,x\n", "answers.csv:2"),
    ],
)
def test_a_wrong_overlay_is_an_error_with_file_and_key(tmp_path: Path, name: str, text: str, named: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError) as error:
        load_terminology(tmp_path)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def read(terminology: Terminology, concept: str, value: str, unit: str) -> tuple[str, Decimal, str]:
    """Concept, number and unit as which a value of a concept is used."""
    found = terminology.unit(concept, None, None, unit)
    assert not isinstance(found, str), found
    number = found.convert(Interval.exact(Decimal(value))).number
    assert number is not None
    return terminology.questions[concept].target, number, found.canonical


def test_afp_in_units_is_never_mass_without_the_factor_of_the_site(terminology: Terminology, tmp_path: Path) -> None:
    assert terminology.unit("afp", None, None, "IU/mL") == "unit: not a unit of afp"
    assert read(terminology, "afp_units", "100", "IU/mL") == ("afp_units", Decimal(100), "k[IU]/L")
    (tmp_path / "units.csv").write_text("concept,unit,canonical,factor,source\nafp,[IU]/mL,ng/mL,1.21,our assay\n")
    (tmp_path / "conversions.csv").write_text("concept,target,factor,source\nafp_units,afp,1.21,our assay\n")
    site = load_terminology(tmp_path)
    assert read(site, "afp", "100", "IU/mL") == ("afp", Decimal("121.00"), "ng/mL")
    assert read(site, "afp", "100", "ng/mL") == ("afp", Decimal(100), "ng/mL")
    assert read(site, "afp_units", "100", "IU/mL") == ("afp", Decimal("121.00"), "ng/mL")
    assert read(site, "afp_units", "100", "kIU/L") == ("afp", Decimal("121.00"), "ng/mL")
    assert read(terminology, "afp_units", "100", "IU/mL")[0] == "afp_units", "the shipped tables stay as they are"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("afp_units,hcc,1.21", "'hcc' is no concept"),
        ("hcc,afp,1.21", "'hcc' is no concept"),
        ("afp_units,afp_units,1", "converted already, or into itself"),
        ("afp_units,afp,x", "is no number"),
        ("afp_units,afp,-1", "is not positive"),
        ("afp_units,afp,NaN", "is no number"),
        ("afp,hbv_dna_log,1", "'hbv_dna_log' is no concept"),
        ("afp_units,afp,1\nafp_molar,afp_units,1", "converted already"),
    ],
)
def test_a_conversion_that_makes_no_sense_is_an_error(tmp_path: Path, row: str, why: str) -> None:
    (tmp_path / "conversions.csv").write_text(f"concept,target,factor\n{row}\n")
    with pytest.raises(TableError, match=re.escape(why)):
        load_terminology(tmp_path)


def test_every_shipped_row_says_why_and_who_reviewed_it_when() -> None:
    checked = check_tables(None)
    assert sum(count.shipped for count in checked.counts) > 1500
    assert checked.problems == ()


def test_a_national_system_inherits_the_rows_of_icd10_with_its_extensions(tmp_path: Path) -> None:
    (tmp_path / "systems.yaml").write_text(
        "systems:\n  - url: http://hl7.org/fhir/sid/icd-10-cm\n    names: [http://nation.example/icd10]\n"
    )
    site = load_terminology(tmp_path)
    assert site.translate([("http://nation.example/icd10", "C22.000x003")]).notes == ("by-prefix",)
    assert site.translate([("http://nation.example/icd10", "K74.600x001")]).concept == "cirrhosis"
    assert load_terminology().translate([("http://nation.example/icd10", "C22.0")]).reason == "unknown"
