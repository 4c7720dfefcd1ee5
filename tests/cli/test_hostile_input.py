"""Hostile and broken input costs what is broken, says so in one line, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "adapter"]
DAY = "2024-05-01"


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "evaluate", *arguments, "--as-of", DAY],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def bundle(*more: dict[str, Any], patient: str = "p1") -> str:
    subject = {"reference": f"Patient/{patient}"}
    found = [{"resourceType": "Patient", "id": patient}, *({"subject": subject, **one} for one in more)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in found]})


def dispense(days: float) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense",
        "id": "d1",
        "status": "completed",
        "medicationCodeableConcept": {"text": "lenvatinib"},
        "whenHandedOver": "2024-03-01",
        "daysSupply": {"value": days, "unit": "d"},
    }


@pytest.mark.parametrize("days", [4_000_000, 3e9, 1e300])
def test_a_supply_beyond_the_calendar_is_malformed_and_spoils_nothing_else(tmp_path: Path, days: float) -> None:
    (tmp_path / "a.json").write_text(bundle(patient="p1"))
    (tmp_path / "b.json").write_text(bundle(dispense(days), patient="p2"))
    (tmp_path / "c.json").write_text(bundle(patient="p3"))
    found = run(str(tmp_path))
    shown = [json.loads(line) for line in found.stdout.splitlines()]
    assert [one["patient"] for one in shown] == ["Patient/p1", "Patient/p2", "Patient/p3"]
    assert shown[1]["rejected"][0]["reason"].startswith("malformed")
    assert found.returncode == 1
    assert "b.json" in found.stderr
    assert "Traceback" not in found.stderr


def test_control_characters_of_a_record_never_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        bundle({"resourceType": "Condition", "id": "x\u001b[31mred", "code": 5}, patient="p\u001b[2J\u0007")
    )
    for form in ("text", "json"):
        found = run(str(path), "--format", form)
        assert "\u001b" not in found.stderr + found.stdout
        assert "\u0007" not in found.stderr + found.stdout


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(bundle())
    (tmp_path / "b.json").symlink_to(tmp_path / "missing.json")
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "inner")
    found = run(str(tmp_path))
    assert found.returncode == 1
    assert len(found.stdout.splitlines()) == 1
    assert "b.json: is no regular file" in found.stderr
    assert "link: is a link to a folder" in found.stderr


def test_every_file_that_cannot_be_read_is_named_when_all_are_broken(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("no")
    (tmp_path / "b.json").write_text("")
    found = run(str(tmp_path))
    assert found.returncode == 2
    assert "a.json" in found.stderr
    assert "b.json" in found.stderr


def test_a_pipe_is_an_input(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", 'printf %s "$1" > "$2"', "sh", bundle(), str(pipe)]):
        found = run(str(pipe))
    assert found.returncode == 0
    assert json.loads(found.stdout)["patient"] == "Patient/p1"


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(bundle())
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [*COMMAND, "evaluate", str(path)], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert found.returncode == 2
    assert found.stderr.startswith("hcc-adapter: standard output cannot be written")
    assert len(found.stderr.splitlines()) == 1


@pytest.mark.parametrize("mark", ["notGiven", "taken"])
def test_a_whole_bundle_of_an_older_version_is_refused(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.json"
    condition = {"resourceType": "Condition", "id": "c1", "verificationStatus": "confirmed", "clinicalStatus": "active"}
    kind = "MedicationAdministration" if mark == "notGiven" else "MedicationStatement"
    drug = {"resourceType": kind, "id": "m", "status": "completed", "medicationCodeableConcept": {}, mark: False}
    path.write_text(bundle(condition, drug))
    found = run(str(path))
    assert found.returncode == 2
    assert "not R4" in found.stderr
