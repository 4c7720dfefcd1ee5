"""The example of a site's own tables in mappings/README.md works as it stands there."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from adapter.terminology import Terminology, load_terminology
from adapter.terminology.checks import check_tables
from adapter.terminology.tables import COLUMNS, REVIEW
from tests.mappings.test_tables import read

PAGE = Path(__file__).resolve().parents[2] / "mappings" / "README.md"
BLOCKS = re.findall(r"^```(csv|yaml)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
NATIONAL = "http://hospital.example.org/icd-10-national"
ADDED = {"concepts.csv", "units.csv", "unit_aliases.csv", "conversions.csv", "drug_names.csv", "normal_limits.csv"}


def name_of(kind: str, text: str) -> str:
    """The table that a block shows, told by its columns or keys."""
    if kind == "yaml":
        return "reviews.yaml" if text.startswith("tables:") else "systems.yaml"
    header = text.splitlines()[0].split(",")
    return next(n for n, columns in COLUMNS.items() if columns[0] in header and {*header} <= {*columns, *REVIEW})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blocks of the page as files; a second block of a table adds its rows."""
    into = tmp_path_factory.mktemp("site")
    for kind, text in BLOCKS:
        path = into / name_of(kind, text)
        earlier = path.read_text(encoding="utf-8") if path.exists() else ""
        assert not earlier or earlier.splitlines()[0] == text.splitlines()[0]
        path.write_text(earlier + (text.partition("\n")[2] if earlier else text), encoding="utf-8")
    return into


@pytest.fixture(scope="module")
def site(folder: Path) -> Terminology:
    return load_terminology(folder)


def test_the_example_passes_the_check_without_a_word(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*ADDED, "systems.yaml", "reviews.yaml"}
    assert check_tables(folder).problems == ()


def test_the_codes_units_and_factors_of_the_example_are_read(site: Terminology) -> None:
    assert site.translate([("http://hospital.example.org/lab", "ALT-1")]).concept == "alt"
    assert read(site, "alt", "1", "ukat/L") == ("alt", Decimal(60), "U/L")
    assert read(site, "platelets", "100", "10E9个/L") == ("platelets", Decimal(100), "10*9/L")
    assert read(site, "afp", "100", "IU/mL") == read(site, "afp_units", "100", "IU/mL")


def test_without_its_review_a_yaml_table_says_where_to_write_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "systems.yaml").write_bytes((folder / "systems.yaml").read_bytes())
    (problem,) = check_tables(tmp_path).problems
    assert problem.warning and "column" not in problem.why
    assert problem.why.endswith("say it in a reviews.yaml beside it, under tables: systems.yaml:")


@pytest.mark.parametrize(
    ("code", "shipped", "own"),
    [
        ("I85.000", "varices", "variceal_bleeding"),
        ("I85.000x001", "varices", "variceal_bleeding"),
        ("I85.001", "varices", "variceal_bleeding"),
        ("I85.0x01", None, "variceal_bleeding"),
        ("I85.900", None, "varices"),
        ("C22.0x01", "hcc", "hcc"),
    ],
)
def test_national_icd10_rows_prevail_over_those_of_the_american_edition(
    site: Terminology, code: str, shipped: str | None, own: str
) -> None:
    assert load_terminology().translate([("http://hl7.org/fhir/sid/icd-10-cm", code)]).concept == shipped
    assert site.translate([(NATIONAL, code)]).concept == own


@pytest.mark.parametrize(("text", "drug"), [("仑伐替尼胶囊", "lenvatinib"), ("bevacizumab 15 MG/KG", "bevacizumab")])
def test_a_text_of_the_site_names_a_drug_as_a_whole_only(site: Terminology, text: str, drug: str) -> None:
    assert site.drug_by_name(text) == drug
    assert load_terminology().drug_by_name(text) is None
    assert site.drug_by_name(f"{text} x2") is None


def test_the_limits_of_the_laboratory_replace_the_assumed_ones(site: Terminology) -> None:
    for key in (("alt", "male"), ("alt", "female"), ("albumin", "")):
        assert not site.normal_limits()[key].assumed
        assert load_terminology().normal_limits()[key].assumed
