"""The commands `mappings check`, `unmapped`, `suggest` and `export`, as an integration engineer uses them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.state import open_state
from tests.cli.conftest import AS_OF, Command, lines

Json = dict[str, Any]
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
HOSPITAL = "http://hospital.example/lab"
NAME = "Zebedee Quint"
REVIEWED = ",why,reviewed_by,reviewed_on"
SIGNED = ",our laboratory,Dr. Example,2026-03-01"


def coded(*codings: tuple[str, str], text: str | None = None) -> Json:
    found: Json = {"coding": [{"system": system, "code": code} for system, code in codings]} if codings else {}
    return found | ({"text": text} if text else {})


def patient(name: str) -> Json:
    return {"resourceType": "Patient", "id": name, "name": [{"text": NAME}], "gender": "female"}


def observed(name: str, code: Json, subject: str = "p1", **more: Any) -> Json:
    about = {"status": "final", "subject": {"reference": f"Patient/{subject}"}, "effectiveDateTime": "2024-04-20"}
    return {"resourceType": "Observation", "id": name, "code": code, **about, **more}


def measured(value: float, unit: str | None) -> Json:
    return {"valueQuantity": {"value": value} | ({"unit": unit} if unit else {})}


def named(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


UGLY = [
    patient("p1"),
    observed("known", coded((LOINC, "1742-6")), **measured(31.5, "U/L")),
    observed("local1", named(HOSPITAL, "ALT-1", "丙氨酸氨基转移酶"), **measured(77.25, "IU/L")),
    observed("local2", named(HOSPITAL, "ALT-1", "丙氨酸氨基转移酶"), **measured(78.25, "U/L")),
    observed("afp", named(HOSPITAL, "AFP", "甲胎蛋白定量"), **measured(9000.5, "IU/mL")),
    observed("badunit", coded((LOINC, "1742-6")), **measured(1, "ukat/L")),
    observed("nounit", coded((LOINC, "1742-6")), **measured(1, None)),
    observed("conflict", coded((LOINC, "1742-6"), (LOINC, "1920-8")), **measured(1, "U/L")),
    observed("answer", coded((LOINC, "5195-3")), valueCodeableConcept=named(HOSPITAL, "WP", "weakly positive")),
    observed(
        "panel",
        coded((LOINC, "85354-9")),
        component=[
            {"code": coded((LOINC, "8480-6")), "valueQuantity": {"value": 120, "unit": "mmHg"}},
            {"code": named(HOSPITAL, "MAP", "Mean pressure"), "valueQuantity": {"value": 90, "unit": "mmHg"}},
        ],
    ),
    observed("later", named(HOSPITAL, "LATER", "later"), effectiveDateTime="2025-01-01"),
    {
        "resourceType": "Procedure",
        "id": "general",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "performedDateTime": "2024-03-01",
        "code": coded(("http://hl7.org/fhir/sid/icd-9-cm", "99.25")),
    },
    patient("p2"),
    observed("other", named(HOSPITAL, "ALT-1", "丙氨酸氨基转移酶"), "p2", **measured(5, "U/L")),
]


WRONG = {
    "concepts.csv": "concept,system,code,kode\nalt,http://loinc.org,1742-7,\nast,http://loinc.org,1742-6,\n"
    "nothing,http://x,1,\nalt,http://snomed.info/sct,109841004,\n",
    "units.csv": "concept,unit,canonical,factor\nafp,[IU]/mL,ng/mL,much\nnothing,g,g,1\nalt,kat/L,kat/L,1\n",
    "unit_aliases.csv": "alias,unit,concept\nG/L,/uL,platelets\nx,parsec,\n",
    "normal_limits.csv": "concept,sex,low,high,unit,reviewed_on\nalt,man,9,5,ukat/L,1.3.2026\n",
    "drug_names.csv": "name,concept,lang\nlenvatinib,sorafenib,de\n",
    "conversions.csv": "concept,target,factor\nafp_units,hcc,0\n",
    "groups.yaml": "ici:\n  concepts: [nothing]\n  why: x\n",
    "systems.yaml": "systems:\n  - url: http://x\n    other: 1\nsystem: []\n",
    "reviews.yaml": "tables:\n  units.csv: {reviewed_on: today}\n  unit.csv: {}\n",
    "extra.csv": "a\n",
}
FAULTS = (
    ("concepts.csv:1", "'kode' is unknown"),
    ("concepts.csv:2", "check digit (mod 10)"),
    ("concepts.csv:3", "already stands for alt at concepts.csv:"),
    ("concepts.csv:4", "concept 'nothing' is new"),
    ("concepts.csv:5", "check digit (Verhoeff)"),
    ("units.csv:2", "'much' is no number"),
    ("units.csv:3", "'nothing' is not in concepts.csv"),
    ("units.csv:4", "canonical unit of alt is 'U/L'"),
    ("unit_aliases.csv:2", "'G/L' already means '10*9/L' for platelets"),
    ("unit_aliases.csv:3", "no concept has the unit 'parsec'"),
    ("normal_limits.csv:2", "low 9 is not below high 5"),
    ("normal_limits.csv:2", "sex is 'man'"),
    ("normal_limits.csv:2", "'1.3.2026' is no date"),
    ("drug_names.csv:2", "already means lenvatinib"),
    ("conversions.csv:2", "'hcc' is no concept that is measured"),
    ("conversions.csv:2", "'0' is not positive"),
    ("groups.yaml:2", "unknown concept 'nothing'"),
    ("groups.yaml:3", "'why' is unknown"),
    ("systems.yaml:3", "'other' is unknown"),
    ("systems.yaml:4", "'system' is unknown"),
    ("reviews.yaml:2", "'today' is no date"),
    ("reviews.yaml:3", "'unit.csv' is no table"),
    ("extra.csv:1", "no table has this name"),
    ("answers.csv:2", "not UTF-8"),
)


def bundle(*resources: Json) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def ledger(content: bytes) -> dict[tuple[str | None, str], Json]:
    found = json.loads(content)
    assert found["schema"] == "hcc-conversion/unmapped/1"
    return {(code["code"], code["reason"]): code for code in found["codes"]}


def put(server: str, resource: Json) -> None:
    """Put a resource on the server."""
    url = f"{server}/{resource['resourceType']}/{resource['id']}"
    assert requests.put(url, json=resource, headers={"Content-Type": "application/fhir+json"}, timeout=30).ok


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    """A Bundle of two patients as hospitals send them."""
    path = tmp_path / "ugly.json"
    path.write_bytes(bundle(*UGLY))
    return path


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """An empty overlay folder."""
    folder = tmp_path / "overlay"
    folder.mkdir()
    return folder


def test_the_ledger_counts_codes_patients_and_units_and_names_an_example(command: Command, ugly: Path) -> None:
    ended = command("mappings", "unmapped", str(ugly), "--as-of", AS_OF, "--format", "json")
    assert (ended.returncode, ended.stderr) == (0, b"")
    found = ledger(ended.stdout)
    alt = found["ALT-1", "unknown"]
    assert (alt["system"], alt["display"], alt["count"], alt["patients"]) == (HOSPITAL, "丙氨酸氨基转移酶", 3, 2)
    assert alt["units"] == ["U/L", "IU/L"] and alt["example"].startswith("Observation/")
    assert found["1742-6", "unit"]["units"] == ["ukat/L"]
    assert found["1742-6", "no-unit"]["example"] == "Observation/nounit"
    assert {c for c, reason in found if reason == "code-conflict"} == {"1742-6", "1920-8"}
    assert found["99.25", "ambiguous"]["concepts"] == ["haic", "tace"]
    assert found["WP", "unknown-answer"]["concepts"] == ["hbsag"]
    assert found["MAP", "unknown"]["example"] == "Observation/panel"
    assert ("LATER", "unknown") not in found


def test_the_ledger_says_which_findings_would_read_a_code(command: Command, ugly: Path) -> None:
    found = ledger(command("mappings", "unmapped", str(ugly), "--as-of", AS_OF, "--format", "json").stdout)
    guessed = found["ALT-1", "unknown"]
    assert guessed["suggested"]["concept"] == "alt" and guessed["rulesBySuggestion"] is True
    assert {"toxicity.hepatic", "toxicity.ctcae", "toxicity.monitoring"} <= set(guessed["rules"])
    sure = found["1742-6", "unit"]
    assert sure["concepts"] == ["alt"] and sure["rulesBySuggestion"] is False and sure["rules"] == guessed["rules"]
    assert found["MAP", "unknown"]["rules"] == []


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_form_of_the_ledger_holds_a_name_or_a_value(command: Command, ugly: Path, form: str) -> None:
    shown = command("mappings", "unmapped", str(ugly), "--as-of", AS_OF, "--format", form).stdout.decode()
    assert "ALT-1" in shown and "99.25" in shown
    for secret in (NAME, "77.25", "78.25", "9000.5", "31.5"):
        assert secret not in shown


def test_the_ledger_as_csv_has_the_same_lines_and_starts_no_formula(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "formula.json"
    path.write_bytes(bundle(patient("p1"), observed("o1", named(HOSPITAL, "X", "=cmd|' /C calc'!A0"))))
    ended = command("mappings", "unmapped", str(path), "--as-of", AS_OF, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(ended.stdout.decode()))
    assert (row["reason"], row["count"], row["code"]) == ("unknown", "1", "X")
    assert row["display"].startswith("'=")


def test_a_bundle_its_lines_a_folder_and_standard_input_give_one_ledger(
    command: Command, ugly: Path, tmp_path: Path
) -> None:
    def codes(*arguments: str, stdin: bytes = b"") -> list[Json]:
        ended = command("mappings", "unmapped", *arguments, "--as-of", AS_OF, "--format", "json", stdin=stdin)
        assert ended.returncode == 0, ended.stderr
        return list(json.loads(ended.stdout)["codes"])

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.ndjson").write_text("\n".join(json.dumps(resource) for resource in UGLY[:6]), encoding="utf-8")
    (folder / "b.ndjson").write_text("\n".join(json.dumps(resource) for resource in UGLY[6:]), encoding="utf-8")
    whole = codes(str(ugly))
    assert len(whole) > 8
    assert codes("-", stdin=ugly.read_bytes()) == whole
    counted = [(c["code"], c["reason"], c["count"], c["patients"], sorted(c["units"])) for c in whole]
    again = [(c["code"], c["reason"], c["count"], c["patients"], sorted(c["units"])) for c in codes(str(folder))]
    assert again == counted


def test_a_patient_in_several_bundles_is_one_patient_with_all_resources(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "bundles"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.json").write_bytes(bundle(patient("p1"), observed(name, named(HOSPITAL, "X", "x"))))
    found = ledger(command("mappings", "unmapped", str(folder), "--as-of", AS_OF, "--format", "json").stdout)
    assert (found["X", "unknown"]["count"], found["X", "unknown"]["patients"]) == (2, 1)


def test_an_input_that_cannot_be_read_a_wrong_call_and_a_server_that_is_away_have_their_exit_codes(
    command: Command, tmp_path: Path
) -> None:
    for arguments, code in (
        (("unmapped", str(tmp_path / "none.json")), 2),
        (("unmapped",), 2),
        (("unmapped", "x.json", "--fhir-server", "http://127.0.0.1:1/fhir"), 2),
        (("unmapped", "--fhir-server", "http://127.0.0.1:1/fhir"), 3),
        (("suggest",), 2),
    ):
        ended = command("mappings", *arguments)
        assert (ended.returncode, ended.stdout) == (code, b""), arguments
        assert len(lines(ended.stderr)) == 1 and b"Traceback" not in ended.stderr


def test_suggestions_are_likely_targets_with_their_reason_and_the_unit_decides(command: Command, ugly: Path) -> None:
    ended = command("mappings", "suggest", str(ugly), "--as-of", AS_OF, "--format", "json")
    found = {entry["code"]: entry["suggestions"] for entry in json.loads(ended.stdout)}
    assert found["ALT-1"][0]["concept"] == "alt" and found["ALT-1"][0]["score"] == 100
    assert found["AFP"][0]["concept"] == "afp_units", "AFP in IU/mL is not AFP in ng/mL"
    assert "IU/mL fits" in found["AFP"][0]["why"]
    assert "MAP" not in found and "WP" not in found


@pytest.mark.parametrize(
    ("text", "code", "shown", "concept"),
    [
        ("µg/L", "ug/L", "µg/L (ug/L)", "afp"),
        ("ng per mL", "ng/mL", "ng per mL (ng/mL)", "afp"),
        ("国际单位 (IU)/mL", "[IU]/mL", "国际单位 (IU)/mL ([IU]/mL)", "afp_units"),
    ],
)
def test_a_unit_whose_text_and_code_differ_still_decides_what_is_suggested(
    command: Command, tmp_path: Path, text: str, code: str, shown: str, concept: str
) -> None:
    quantity = {"value": 9.5, "unit": text, "system": UCUM, "code": code}
    (tmp_path / "combined.json").write_bytes(
        bundle(patient("p1"), observed("o1", named(HOSPITAL, "AFP", "甲胎蛋白"), valueQuantity=quantity))
    )
    arguments = ("combined.json", "--as-of", AS_OF, "--format", "json")
    found = ledger(command("mappings", "unmapped", *arguments).stdout)["AFP", "unknown"]
    assert (found["units"], found["suggested"]["concept"]) == ([shown], concept)
    (entry,) = json.loads(command("mappings", "suggest", *arguments).stdout)
    assert entry["suggestions"][0]["concept"] == concept and entry["suggestions"][0]["why"].endswith(" fits")


@pytest.mark.parametrize("name", ["unmapped", "suggest"])
def test_a_malformed_resource_is_told_and_makes_code_1_and_the_rest_is_listed(command: Command, name: str) -> None:
    malformed = {**observed("broken", {}), "code": 7}
    stray = {**observed("stray", {}, "elsewhere"), "code": 7}
    local = observed("local", named(HOSPITAL, "ALT-1", "丙氨酸氨基转移酶"), **measured(9, "U/L"))
    whole = bundle(patient("p1"), patient("p2"), malformed, stray, local)
    ended = command("mappings", name, "-", "--as-of", AS_OF, stdin=whole)
    assert ended.returncode == 1 and b"ALT-1" in ended.stdout
    told = lines(ended.stderr)
    assert any("Observation/broken: malformed" in line for line in told)
    assert all("malformed" in line and NAME not in line for line in told)


@pytest.mark.parametrize("name", ["unmapped", "suggest", "readiness"])
def test_a_file_that_cannot_be_read_makes_code_1_and_the_others_are_counted(
    command: Command, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.json").write_bytes(bundle(*UGLY))
    (folder / "b.json").write_bytes(b"{no json")
    ended = command("mappings", name, str(folder), "--as-of", AS_OF)
    assert ended.returncode == 1 and ended.stdout
    (line,) = lines(ended.stderr)
    assert "b.json" in line


def test_suggested_rows_are_an_overlay_that_works_once_a_person_signs_it(
    command: Command, ugly: Path, overlay: Path
) -> None:
    rows = command("mappings", "suggest", str(ugly), "--as-of", AS_OF, "--format", "csv").stdout.decode()
    assert all(row["reviewed_by"] == row["reviewed_on"] == "" for row in csv.DictReader(io.StringIO(rows)))
    (overlay / "concepts.csv").write_text(rows, encoding="utf-8")
    checked = command("mappings", "check", "--mappings", str(overlay))
    assert checked.returncode == 0 and b"reviewed_by, reviewed_on is missing" in checked.stderr
    listed = ("mappings", "unmapped", str(ugly), "--as-of", AS_OF, "--format", "json")
    found = ledger(command(*listed, HCC_MAPPINGS=str(overlay)).stdout)
    assert ("ALT-1", "unknown") not in found and ("AFP", "unknown") not in found
    assert found["99.25", "ambiguous"]


def test_a_check_of_the_shipped_tables_counts_their_rows(command: Command) -> None:
    ended = command("mappings", "check")
    counts = {line.split()[0]: int(line.split()[1]) for line in lines(ended.stdout)}
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert counts["concepts.csv"] > 700 and counts["units.csv"] > 100 and counts["systems.yaml"] > 3


def test_a_check_goes_to_the_end_and_names_file_and_line_of_each_error(command: Command, overlay: Path) -> None:
    for name, text in WRONG.items():
        (overlay / name).write_text(text, encoding="utf-8")
    (overlay / "answers.csv").write_bytes("answers,system,code,answer\npresence,text,阳性,present\n".encode("gbk"))
    ended = command("mappings", "check", "--mappings", str(overlay))
    assert (ended.returncode, ended.stdout) == (2, b"")
    told = ended.stderr.decode()
    for place, word in FAULTS:
        assert any(f"{overlay}/{place}: " in line and word in line for line in told.splitlines()), (place, word)
    assert "Traceback" not in told


def test_a_row_without_reason_or_reviewer_is_a_warning_and_a_review_of_the_table_settles_it(
    command: Command, overlay: Path
) -> None:
    (overlay / "concepts.csv").write_text(f"concept,system,code\nalt,{HOSPITAL},ALT-1\n")
    ended = command("mappings", "check", "--mappings", str(overlay))
    assert ended.returncode == 0 and b"1 of the site" in ended.stdout
    (warning,) = lines(ended.stderr)
    assert "warning: " in warning and "concepts.csv:2: why, reviewed_by, reviewed_on is missing" in warning
    (overlay / "reviews.yaml").write_text(
        "tables:\n  concepts.csv: {why: our codes, reviewed_by: Dr. Example, reviewed_on: '2026-03-01'}\n"
    )
    assert command("mappings", "check", HCC_MAPPINGS=str(overlay)).stderr == b""
    (overlay / "concepts.csv").write_text(f"concept,system,code{REVIEWED}\nalt,{HOSPITAL},ALT-1{SIGNED}\n")
    (overlay / "reviews.yaml").unlink()
    assert command("mappings", "check", HCC_MAPPINGS=str(overlay)).stderr == b""


def test_an_export_is_one_bundle_under_the_canonical_base_and_the_same_bytes_each_time(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "maps.json"
    base, export = "https://hospital.example/fhir", ("mappings", "export", "--format", "conceptmap")
    first = command(*export, "--out", str(out), HCC_CANONICAL_BASE=base)
    printed = command(*export, HCC_CANONICAL_BASE=base)
    assert (first.returncode, first.stdout, printed.returncode) == (0, b"", 0)
    assert out.read_bytes() == printed.stdout
    resources = [entry["resource"] for entry in json.loads(printed.stdout)["entry"]]
    assert {r["resourceType"] for r in resources} == {"CodeSystem", "ConceptMap", "ValueSet"}
    assert all(r["url"].startswith("https://hospital.example/fhir/") for r in resources)
    ended = command("mappings", "export", "--out", str(tmp_path / "no" / "where.json"))
    assert ended.returncode == 2 and len(lines(ended.stderr)) == 1


def test_a_server_is_read_patient_by_patient_and_sync_keeps_the_same_ledger(
    command: Command, server: str, tmp_path: Path
) -> None:
    diagnosis = {"resourceType": "Condition", "code": coded((SNOMED, "109841003"))}
    for name in ("p1", "p2"):
        put(server, {**diagnosis, "id": f"{name}-hcc", "subject": {"reference": f"Patient/{name}"}})
    for resource in UGLY:
        put(server, resource)
    ended = command("mappings", "unmapped", "--fhir-server", server, "--as-of", AS_OF, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["patients"] == 2
    listed = ledger(ended.stdout)
    assert (listed["ALT-1", "unknown"]["count"], listed["ALT-1", "unknown"]["patients"]) == (3, 2)
    for arguments in (("--dry-run",), ("--once",), ("--once",)):
        assert command("sync", "--fhir-server", server, *arguments).returncode == 0
    with open_state(f"sqlite:///{tmp_path / 'state.db'}") as state:
        kept = {(count.code, count.reason): count for count in state.strangers.all(server)}
    assert {key: (code["count"], code["patients"]) for key, code in listed.items()} == {
        key: (count.count, count.patients) for key, count in kept.items() if key != ("LATER", "unknown")
    }
    assert kept["ALT-1", "unknown"].first_seen is not None
