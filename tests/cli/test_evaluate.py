"""The command `evaluate`: what it prints, its exit codes, and its one line a cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import AS_OF, Command, lines

CHART, TREATED = "syn-05-bevacizumab-too-late.json", "syn-03-partial-response.json"
RECURRENCE = "syn-12-recurrence.json"
AFP, AFP_UNITS, FACTOR = "1834-1", "19176-7", Decimal("1.25")


def assessments(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(content)]


def test_a_bundle_gives_one_line_of_json_a_patient(command: Command, patients: Path) -> None:
    ended = command("evaluate", str(patients / CHART), "--as-of", AS_OF)
    (found,) = assessments(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert found["schema"] == "hcc-conversion/assessment/1"
    assert found["asOf"] == f"{AS_OF}T23:59:59+00:00"
    assert {f["code"]: f["outcome"] for f in found["findings"]}["interval.bevacizumab"] == "violation"


def test_a_folder_stdin_and_ndjson_say_the_same_as_the_files(command: Command, patients: Path, tmp_path: Path) -> None:
    folder = assessments(command("evaluate", str(patients), "--as-of", AS_OF).stdout)
    assert len(folder) == len(list(patients.iterdir()))
    bundle = (patients / CHART).read_bytes()
    (piped,) = assessments(command("evaluate", "-", "--as-of", AS_OF, stdin=bundle).stdout)
    assert piped in folder
    loose = tmp_path / "loose.ndjson"
    loose.write_text("\n".join(json.dumps(entry["resource"]) for entry in json.loads(bundle)["entry"]))
    (pooled,) = assessments(command("evaluate", str(loose), "--as-of", AS_OF).stdout)
    assert pooled["findings"] == piped["findings"]


def test_edition_language_and_environment_are_heeded(command: Command, patients: Path) -> None:
    chart = str(patients / CHART)
    (flagged,) = assessments(command("evaluate", chart, "--as-of", AS_OF, "--edition", "2021", "--lang", "zh").stdout)
    (variable,) = assessments(command("evaluate", chart, "--as-of", AS_OF, HCC_EDITION="2021", HCC_LANG="zh").stdout)
    assert flagged == variable and flagged["edition"] == "2021"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in flagged["findings"][0]["summary"])


def test_the_text_form_is_a_screenful_with_the_gravest_first(command: Command, patients: Path) -> None:
    shown = lines(command("evaluate", str(patients / CHART), "--as-of", AS_OF, "--format", "text").stdout)
    assert 10 <= len(shown) <= 41 and max(map(len, shown)) <= 100
    assert shown[1].strip() == f"Patient/syn-05-bevacizumab-too-late, as of {AS_OF}, edition 2024"
    assert next(line for line in shown if line.startswith(("!!", "!  "))).startswith("!!")


def test_the_fhir_form_is_the_transaction_that_a_sync_would_send(command: Command, patients: Path) -> None:
    (bundle,) = assessments(command("evaluate", str(patients / CHART), "--as-of", AS_OF, "--format", "fhir").stdout)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds.count("CarePlan") == 1 and "DetectedIssue" in kinds and kinds.count("Provenance") == 1
    assert all(entry["request"]["method"] == "PUT" for entry in bundle["entry"])


def test_complete_lets_the_conditions_count_as_read(command: Command) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": {"resourceType": "Patient", "id": "p1", "birthDate": "1970-01-01"}},
            {
                "resource": {
                    "resourceType": "Condition",
                    "id": "c1",
                    "subject": {"reference": "Patient/p1"},
                    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "109841003"}]},
                    "verificationStatus": {"coding": [{"code": "confirmed"}]},
                    "onsetDateTime": "2024-04-01",
                }
            },
        ],
    }
    told = {}
    for flags in ((), ("--complete",)):
        ended = command("evaluate", "-", "--as-of", AS_OF, *flags, stdin=json.dumps(bundle).encode())
        (found,) = assessments(ended.stdout)
        criteria = {c["code"]: c["status"] for f in found["findings"] for c in f["criteria"]}
        told[flags] = criteria["no-gi-bleeding-6-months"]
    assert told == {(): "unknown", ("--complete",): "met"}


NOT_FHIR = {
    "empty": b"",
    "blank": b" \n\n",
    "not-json": b"hello",
    "truncated": b'{"resourceType": "Bundle", "entry": [',
    "invalid-utf-8": b'{"resourceType": "Patient", "id": "\xff"}',
    "nested": b"[" * 100_000,
    "nested-bundle": b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000,
    "array": b"[1, 2]",
    "no-type": b"{}",
    "nan": b'{"resourceType": "Bundle", "total": NaN}',
    "stu3": b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "DiagnosticOrder"}}]}',
}


@pytest.mark.parametrize("content", NOT_FHIR.values(), ids=NOT_FHIR.keys())
def test_an_input_that_is_as_a_whole_no_fhir_r4_is_one_line_and_code_2(
    command: Command, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "input.json").write_bytes(content)
    for source, stdin in (("input.json", b""), ("-", content)):
        ended = command("evaluate", source, stdin=stdin)
        assert ended.returncode == 2, ended.stderr
        assert ended.stdout == b"" and len(lines(ended.stderr)) == 1
        assert lines(ended.stderr)[0].startswith("hcc-adapter: ")


def test_an_input_that_is_missing_or_a_folder_without_files_is_one_line_and_code_2(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for source in ("missing.json", "empty"):
        ended = command("evaluate", source)
        assert (ended.returncode, len(lines(ended.stderr))) == (2, 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_input_without_permission_is_one_line_and_code_2(command: Command, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "secret.json").chmod(0)
    ended = command("evaluate", "secret.json")
    assert (ended.returncode, len(lines(ended.stderr))) == (2, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        ("evaluate", "-", "--format", "xml"),
        ("evaluate", "-", "--edition", "2020"),
        ("evaluate", "-", "--as-of", "2024"),
        ("evaluate", "-", "--as-of", "soon"),
        ("evaluate", "-", "--strange"),
        ("evalute", "-"),
        ("sync",),
        ("sync", "--fhir-server", "http://127.0.0.1:9/fhir", "--every", "often"),
        ("sync", "--fhir-server", "http://127.0.0.1:9/fhir", "--every", "15m", "--once"),
        ("sync", "--fhir-server", "nowhere"),
        ("sandbox", "load"),
        ("sandbox", "load", "--fhir-server", "http://127.0.0.1:9/fhir", "--as-of", "2024-13-01"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command(*arguments)
    assert ended.returncode == 2, ended.stderr
    assert len(lines(ended.stderr)) == 1


def test_a_wrong_setting_is_one_line_and_code_2(command: Command, patients: Path) -> None:
    chart = str(patients / CHART)
    for ended in (
        command("evaluate", chart, HCC_EDTION="2024"),
        command("evaluate", chart, HCC_EDITION="2020"),
        command("evaluate", chart, HCC_MAPPINGS="missing"),
    ):
        assert (ended.returncode, ended.stdout, len(lines(ended.stderr))) == (2, b"", 1)


def test_a_bundle_without_a_patient_is_done_with_a_line(command: Command) -> None:
    ended = command("evaluate", "-", stdin=b'{"resourceType": "Bundle", "type": "collection"}')
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert "no patient" in lines(ended.stderr)[0]


@pytest.mark.parametrize(
    "entry",
    [None, 7, "x", {}, {"resource": None}, {"resource": 5}, {"resource": {"id": "x"}}],
)
def test_a_malformed_entry_is_listed_and_makes_code_1_and_spoils_nothing(
    command: Command, patients: Path, entry: Any
) -> None:
    bundle = json.loads((patients / CHART).read_bytes())
    (whole,) = assessments(command("evaluate", str(patients / CHART), "--as-of", AS_OF).stdout)
    bundle["entry"].append(entry)
    ended = command("evaluate", "-", "--as-of", AS_OF, stdin=json.dumps(bundle).encode())
    assert ended.returncode == 1
    (found,) = assessments(ended.stdout)
    assert found["findings"] == whole["findings"]
    assert [r for r in found["rejected"] if r["reason"].startswith("malformed")]
    assert any("malformed" in line for line in lines(ended.stderr))


def test_no_name_of_a_patient_is_anywhere(command: Command, patients: Path, tmp_path: Path) -> None:
    folder, names = tmp_path / "with-a-broken-entry", set()
    folder.mkdir()
    for path in sorted(patients.iterdir()):
        bundle = json.loads(path.read_bytes())
        patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
        names |= {part for name in patient["name"] for part in (name.get("family"), name.get("text")) if part}
        bundle["entry"].append(None)
        (folder / path.name).write_text(json.dumps(bundle))
    assert len(names) >= 10
    for form in ("json", "text"):
        ended = command("evaluate", str(folder), "--as-of", AS_OF, "--format", form)
        assert ended.returncode == 1 and ended.stdout
        assert not [name for name in names if name in (ended.stdout + ended.stderr).decode()]


def test_a_reader_that_leaves_ends_the_command_quietly(patients: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    content = (patients / CHART).read_bytes()
    for number in range(20):
        (many / f"{number}.json").write_bytes(content)
    process = subprocess.Popen(
        [sys.executable, "-m", "adapter", "evaluate", str(many), "--as-of", AS_OF],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), said) == (141, b"")


def test_no_heavy_library_is_imported_by_help_or_evaluate(tmp_path: Path, patients: Path) -> None:
    heavy = ("fastapi", "sqlalchemy", "requests", "pydantic", "rich", "uvicorn", "fhir")
    probe = "import sys; from adapter.cli.app import run; code = run(sys.argv[1:]); " + (
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    for arguments in (("--help",), ("evaluate", str(patients / CHART), "--as-of", AS_OF)):
        ended = subprocess.run(
            [sys.executable, "-c", probe, *arguments], cwd=tmp_path, capture_output=True, timeout=60, check=False
        )
        assert ended.stderr.decode().strip() == "[]"


def in_units(chart: Path) -> bytes:
    """The chart, with its AFP as a laboratory reports it in units per volume."""
    whole = json.loads(chart.read_bytes(), parse_float=Decimal)
    for resource in (entry["resource"] for entry in whole["entry"]):
        if AFP in str(resource.get("code")):
            resource["code"] = {"coding": [{"system": "http://loinc.org", "code": AFP_UNITS}]}
            number = Decimal(resource["valueQuantity"]["value"]) / FACTOR
            resource["valueQuantity"] = {"value": float(number), "unit": "IU/mL"}
    return json.dumps(whole, default=float).encode()


@pytest.fixture
def assay(tmp_path: Path) -> str:
    """An overlay folder with the factor of a site's own assay."""
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "conversions.csv").write_text(f"concept,target,factor,source\nafp_units,afp,{FACTOR},our assay\n")
    return str(overlay)


def test_what_a_sites_factor_has_converted_decides_as_before_and_says_so(
    command: Command, patients: Path, assay: str
) -> None:
    chart = patients / TREATED
    reading = ("evaluate", "-", "--as-of", AS_OF)
    (plain,) = assessments(command(*reading, stdin=chart.read_bytes()).stdout)
    (converted,) = assessments(command(*reading, stdin=in_units(chart), HCC_MAPPINGS=assay).stdout)
    outcomes = [{(f["code"], f["outcome"]) for f in one["findings"]} for one in (plain, converted)]
    assert outcomes[0] == outcomes[1]
    noted = {c["code"] for f in converted["findings"] for c in f["criteria"] if "site-factor" in c["notes"]}
    of_afp = {"pre-treatment-elevated", "latest-normal", "decrease-decreased", "decrease-partial"}
    assert noted == {*of_afp, "afp-fall-within-4-weeks", "afp-above-20"}
    (without,) = assessments(command(*reading, stdin=in_units(chart)).stdout)
    assert "site-factor" not in json.dumps([plain, without])


@pytest.mark.parametrize(("language", "words"), [("en", "site's own factor"), ("zh", "按本机构自定系数换算")])
def test_what_is_written_back_says_in_words_that_a_sites_factor_was_used(
    command: Command, patients: Path, assay: str, language: str, words: str
) -> None:
    chart = patients / RECURRENCE
    writing = ("evaluate", "-", "--as-of", AS_OF, "--format", "fhir", "--lang", language)
    assert words not in command(*writing, stdin=chart.read_bytes()).stdout.decode()
    assert words in command(*writing, stdin=in_units(chart), HCC_MAPPINGS=assay).stdout.decode()
