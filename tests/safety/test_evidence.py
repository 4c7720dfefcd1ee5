"""The replay file through the command: written beside an evaluation, proved, and refuted when anything changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.safety.patients import synthetic

NAME = "Zebedee Quint"
PATIENT = "Patient/syn-06-ready-for-surgery"
SYNTHETIC = "syn-06-ready-for-surgery at 2024-05-01"


class Ended(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


def command(*arguments: object, given: str | None = None, **environment: str) -> Ended:
    """`hcc-adapter evaluate` with some arguments in a process of its own."""
    call = [sys.executable, "-m", "adapter", "evaluate", *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HCC_")}
    done = subprocess.run(call, input=given, capture_output=True, text=True, env={**clean, **environment}, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def synthetic_bundle() -> dict[str, Any]:
    """A synthetic patient with a name and versions."""
    bundle: dict[str, Any] = json.loads(json.dumps(next(p.bundle for p in synthetic() if p.name == SYNTHETIC)))
    for entry in bundle["entry"]:
        entry["resource"]["meta"] = {"versionId": "7"}
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["name"] = [{"text": NAME}]
    return bundle


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The input."""
    path = tmp_path / "record.json"
    path.write_text(json.dumps(synthetic_bundle()), encoding="utf-8")
    return path


@pytest.fixture
def evidence(record: Path, tmp_path: Path) -> Path:
    """The replay file of the input."""
    path = tmp_path / "evidence.jsonl"
    done = command(record, "--as-of", "2024-05-01", "--evidence", path)
    assert (done.code, done.err) == (0, "")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a replay file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def changed(record: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The input with one thing changed."""
    bundle = json.loads(record.read_text(encoding="utf-8"))
    change(bundle)
    record.write_text(json.dumps(bundle), encoding="utf-8")


def albumin(bundle: dict[str, Any]) -> dict[str, Any]:
    """The newest albumin."""
    found = [e["resource"] for e in bundle["entry"] if "-albumin-" in e["resource"]["id"]]
    newest: dict[str, Any] = max(found, key=lambda one: str(one["effectiveDateTime"]))
    return newest


def test_a_replay_of_the_same_input_proves_the_result(record: Path, evidence: Path) -> None:
    done = command(record, "--replay", evidence)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"replayed: \d+ inputs, 1 results, the same to the byte\n", done.out)


def test_the_file_names_inputs_rules_and_settings_and_holds_the_printed_result(record: Path, tmp_path: Path) -> None:
    path = tmp_path / "evidence.jsonl"
    environment = {"HCC_TIME_ZONE": "Asia/Shanghai", "HCC_OPTIONS": "assume-absent"}
    given = ("--as-of", "2024-05-01", "--edition", "strictest", "--complete", "--lang", "zh", "--evidence", path)
    printed = command(record, *given, **environment)
    lines = lines_of(path)
    assert lines[0].items() >= {
        "kind": "run", "edition": "strictest", "asOf": "2024-05-01", "complete": True, "lang": "zh",
        "timeZone": "Asia/Shanghai", "options": ["assume-absent"],
    }.items()  # fmt: skip
    for part in ("software", "rules", "mappings"):
        assert re.fullmatch("[0-9a-f]{64}", lines[0][part]["sha256"])
    inputs = [line for line in lines if line["kind"] == "input"]
    assert len(inputs) == len(synthetic_bundle()["entry"])
    assert {line["version"] for line in inputs} == {"7"}
    assert f'"assessment":{printed.out.strip()}}}' in path.read_text(encoding="utf-8")
    assert command(record, "--replay", path).code == 0


def test_the_file_holds_nothing_of_the_record_but_references_versions_and_hashes(record: Path, evidence: Path) -> None:
    assert NAME in record.read_text(encoding="utf-8")
    assert NAME not in evidence.read_text(encoding="utf-8")
    members = {name for line in lines_of(evidence) if line["kind"] == "input" for name in line}
    assert members == {"kind", "reference", "sha256", "version", "address"}


def test_the_file_is_the_same_bytes_whatever_the_order_of_entries(record: Path, evidence: Path, tmp_path: Path) -> None:
    changed(record, lambda bundle: bundle["entry"].reverse())
    again = tmp_path / "again.jsonl"
    command(record, "--as-of", "2024-05-01", "--evidence", again)
    assert again.read_bytes() == evidence.read_bytes()
    assert command(record, "--replay", evidence).code == 0


def test_blanks_and_the_order_of_members_are_no_change(record: Path, evidence: Path) -> None:
    bundle = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps(bundle, indent=2, sort_keys=True), encoding="utf-8")
    assert command(record, "--replay", evidence).code == 0


def test_a_changed_input_is_named_and_so_is_the_result_that_it_changes(record: Path, evidence: Path) -> None:
    changed(record, lambda bundle: albumin(bundle)["valueQuantity"].update(value=20))
    name = albumin(json.loads(record.read_text(encoding="utf-8")))["id"]
    done = command(record, "--replay", evidence)
    assert done.code == 1
    assert done.out.splitlines() == [f"input changed: Observation/{name}", f"result differs: {PATIENT}"]


def test_a_new_version_of_the_same_content_is_a_changed_input(record: Path, evidence: Path) -> None:
    changed(record, lambda bundle: albumin(bundle)["meta"].update(versionId="8"))
    done = command(record, "--replay", evidence)
    assert done.code == 1
    assert done.out.startswith("input changed: Observation/syn-06-albumin-")


def test_a_trailing_zero_is_a_change_of_the_input(record: Path, evidence: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert '"value": 1.0,' in text or '"value": 1.1,' in text
    record.write_text(re.sub(r'"value": (1\.\d),', r'"value": \g<1>0,', text, count=1), encoding="utf-8")
    done = command(record, "--replay", evidence)
    assert done.code == 1
    assert done.out.startswith("input changed: ")


@pytest.mark.parametrize(("replayed", "word"), [(-1, "missing"), (1, "added")])
def test_an_input_more_or_less_is_named(record: Path, evidence: Path, replayed: int, word: str) -> None:
    def more_or_less(bundle: dict[str, Any]) -> None:
        if replayed < 0:
            bundle["entry"] = [e for e in bundle["entry"] if e["resource"] != albumin(bundle)]
        else:
            bundle["entry"].append({"resource": {**albumin(bundle), "id": "another"}})

    changed(record, more_or_less)
    done = command(record, "--replay", evidence)
    assert done.code == 1
    assert done.out.startswith(f"input {word}: Observation/")


def test_changed_rules_are_named(record: Path, evidence: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "thresholds"
    overlay.mkdir()
    changes = "topic: ground_rules\nsource: site\nreviewed: 2024-01-01\nvalues:\n  labs: 27\n"
    (overlay / "ground_rules.yaml").write_text(changes, encoding="utf-8")
    done = command(record, "--replay", evidence, HCC_THRESHOLDS=str(overlay))
    assert done.code == 1, done.err
    assert re.match(r"rule changed: \S+ \([0-9a-f]{12}\) then, \S+ \([0-9a-f]{12}\) now\n", done.out)


def test_changed_mappings_are_named(record: Path, evidence: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mappings"
    overlay.mkdir()
    shipped = Path(__file__).parents[2] / "mappings" / "drug_names.csv"
    head = shipped.read_text(encoding="utf-8").splitlines()[0]
    (overlay / "drug_names.csv").write_text(f"{head}\nXyzumab,sorafenib,en,site\n", encoding="utf-8")
    done = command(record, "--replay", evidence, HCC_MAPPINGS=str(overlay))
    assert done.code == 1, done.err
    assert done.out.startswith("mapping changed: ")


@pytest.mark.parametrize("part", ["software", "rules", "mappings"])
def test_a_file_of_other_versions_does_not_prove_these(record: Path, evidence: Path, part: str) -> None:
    lines = lines_of(evidence)
    lines[0][part]["sha256"] = "0" * 64
    evidence.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    done = command(record, "--replay", evidence)
    assert done.code == 1
    assert done.out.startswith({"software": "software", "rules": "rule", "mappings": "mapping"}[part] + " changed: ")


def test_a_result_that_somebody_edited_is_not_proved(record: Path, evidence: Path) -> None:
    text = evidence.read_text(encoding="utf-8")
    assert '"outcome":"ready"' in text
    evidence.write_text(text.replace('"outcome":"ready"', '"outcome":"not-ready"', 1), encoding="utf-8")
    done = command(record, "--replay", evidence)
    assert (done.code, done.out) == (1, f"result differs: {PATIENT}\n")


def test_a_folder_of_several_patients_and_standard_input_are_replayed_too(record: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    resources = [entry["resource"] for entry in synthetic_bundle()["entry"]]
    (folder / "all.ndjson").write_text("".join(f"{json.dumps(one)}\n" for one in resources), encoding="utf-8")
    (folder / "other.ndjson").write_text('{"resourceType": "Patient", "id": "other"}\n', encoding="utf-8")
    path = tmp_path / "folder.jsonl"
    assert command(folder, "--as-of", "2024-05-01", "--evidence", path).code == 0
    assert len([line for line in lines_of(path) if line["kind"] == "result"]) == 2
    assert command(folder, "--replay", path).code == 0
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "other.ndjson").write_text('{"resourceType": "Patient", "id": "other"}\n', encoding="utf-8")
    assert f"result missing: {PATIENT}\n" in command(folder, "--replay", path).out
    text = record.read_text(encoding="utf-8")
    assert command("-", "--as-of", "2024-05-01", "--evidence", path, given=text).code == 0
    assert command("-", "--replay", path, given=text).code == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no replay file of"),
        ("{}\n", "no replay file, line 1"),
        ('{"kind":"end","inputs":0,"results":0}\n', "no replay file of"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_replay_file_is_refused(record: Path, tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "no.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = command(record, "--replay", path)
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert done.err.count("\n") == 1


def test_a_file_that_was_cut_off_is_refused(record: Path, evidence: Path) -> None:
    lines = evidence.read_text(encoding="utf-8").splitlines(keepends=True)
    evidence.write_text("".join(lines[:-2]), encoding="utf-8")
    done = command(record, "--replay", evidence)
    assert done.code == 2
    assert "not complete" in done.err


def test_a_replay_takes_no_other_option(record: Path, evidence: Path) -> None:
    done = command(record, "--replay", evidence, "--as-of", "2024-05-02")
    assert done.code == 2
    assert "give no other option" in done.err


def test_a_place_that_cannot_be_written_is_wrong_usage(record: Path, tmp_path: Path) -> None:
    done = command(record, "--as-of", "2024-05-01", "--evidence", tmp_path / "none" / "evidence.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "cannot be written" in done.err
