"""What `mappings suggest` proposes becomes a site's own tables, and nothing that it leaves out is left out silently."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import AS_OF, Command, lines
from tests.cli.test_mappings import HOSPITAL, Json, bundle, measured, named, observed, patient

TEXTS = {"Bevacizumab 15 mg/kg": "bevacizumab", "仑伐替尼胶囊": "lenvatinib"}
REVIEWERS = ("reviewed_by", "reviewed_on")


def given_drug(name: str, code: Json) -> Json:
    about = {"status": "completed", "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2024-04-01"}
    return {"resourceType": "MedicationAdministration", "id": name, "medicationCodeableConcept": code, **about}


def bilirubin(name: str, unit: str) -> Json:
    return observed(name, named(HOSPITAL, name, "总胆红素"), **measured(12, unit))


SITE = [
    patient("p1"),
    given_drug("text", {"text": "Bevacizumab 15 mg/kg"}),
    given_drug("chinese", {"text": "仑伐替尼胶囊"}),
    given_drug("coded", named("http://hospital.example/drugs", "D1", "Sorafenib tosilate tbl")),
    bilirubin("spelled", "微摩尔/升"),
    bilirubin("other", "mmHg"),
    bilirubin("fits", "umol/L"),
]


@pytest.fixture
def site(tmp_path: Path) -> str:
    (tmp_path / "site.json").write_bytes(bundle(*SITE))
    return "site.json"


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_drug_text_becomes_a_row_of_drug_names_and_a_code_one_of_concepts(command: Command, site: str) -> None:
    suggest = ("mappings", "suggest", site, "--as-of", AS_OF, "--format", "csv")
    names = command(*suggest, "--table", "drug_names")
    assert {row["name"]: row["concept"] for row in rows(names.stdout)} == TEXTS
    codes = command(*suggest)
    assert {row["code"]: row["concept"] for row in rows(codes.stdout)} == {
        "D1": "sorafenib",
        "fits": "bilirubin_total",
        "spelled": "bilirubin_total",
    }
    assert all(row[name] == "" for row in rows(names.stdout) + rows(codes.stdout) for name in REVIEWERS)


def test_each_table_tells_that_the_other_one_has_rows_too(command: Command, site: str) -> None:
    suggest = ("mappings", "suggest", site, "--as-of", AS_OF, "--format", "csv", "--table")
    told = {table: lines(command(*suggest, table).stderr) for table in ("concepts", "drug_names")}
    assert told["concepts"] == [
        "hcc-adapter: not shown, rows for drug_names.csv: 2; give --table drug_names to get them"
    ]
    assert told["drug_names"] == ["hcc-adapter: not shown, rows for concepts.csv: 3; give --table concepts to get them"]


def test_what_no_table_can_settle_and_what_is_undecided_is_counted_beside_the_rows(
    command: Command, tmp_path: Path
) -> None:
    text_only = observed("o1", {"text": "总胆红素"}, **measured(12, "umol/L"))
    twofold = given_drug("both", {"text": "sorafenib lenvatinib"})
    (tmp_path / "odd.json").write_bytes(bundle(patient("p1"), text_only, twofold))
    ended = command("mappings", "suggest", "odd.json", "--as-of", AS_OF, "--format", "csv")
    assert rows(ended.stdout) == []
    undecided, lost = lines(ended.stderr)
    assert "two equally likely concepts: 1" in undecided
    assert "without system and code: 1" in lost


def test_the_suggested_drug_names_as_they_are_printed_make_the_doses_readable(
    command: Command, site: str, tmp_path: Path
) -> None:
    def unknown(*tables: str) -> set[str]:
        ended = command("mappings", "unmapped", site, "--as-of", AS_OF, "--format", "json", *tables)
        return {code["display"] for code in json.loads(ended.stdout)["codes"]}

    folder = tmp_path / "site-tables"
    folder.mkdir()
    suggest = ("mappings", "suggest", site, "--as-of", AS_OF, "--format", "csv", "--table", "drug_names")
    (folder / "drug_names.csv").write_bytes(command(*suggest).stdout)
    assert command("mappings", "check", "--mappings", str(folder)).returncode == 0
    assert unknown() >= TEXTS.keys()
    assert unknown("--mappings", str(folder)).isdisjoint(TEXTS)


def test_a_unit_that_nobody_knows_lowers_a_suggestion_and_a_known_one_of_another_kind_ends_it(
    command: Command, site: str
) -> None:
    ended = command("mappings", "suggest", site, "--as-of", AS_OF, "--format", "json")
    found = {entry["code"]: entry["suggestions"][0] for entry in json.loads(ended.stdout)}
    assert found["fits"]["score"] == 100
    assert 78 <= found["spelled"]["score"] < 100
    assert found["spelled"]["why"].endswith("unit 微摩尔/升 unknown")
    assert "other" not in found


def test_a_name_of_a_language_that_there_is_not_is_an_error_and_none_is_any(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "drug_names.csv"
    table.write_text("name,concept,lang\nLenvima,lenvatinib,de\n", encoding="utf-8")
    ended = command("mappings", "check", "--mappings", str(tmp_path))
    assert ended.returncode == 2 and b"drug_names.csv:2: lang is 'de', not en, zh or empty (any)" in ended.stderr
    table.write_text("name,concept,lang\nLenvima,lenvatinib,\n", encoding="utf-8")
    assert command("mappings", "check", "--mappings", str(tmp_path)).returncode == 0
