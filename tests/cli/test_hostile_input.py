"""Hostile and broken input costs what is broken, says so in one line, and nothing else."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from adapter.fhir.inputs import MOST_OF_ONE
from tests.cli.hostile import COMMAND, DAY, bundle, evaluated, lab, nested, only, run


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


DEEP = "[" * 100_000 + "]" * 100_000
STU3_CONDITION = {"resourceType": "Condition", "id": "c", "verificationStatus": "confirmed", "clinicalStatus": "active"}
R5_DOSE = {
    "resourceType": "MedicationAdministration",
    "id": "m",
    "status": "completed",
    "medication": {"concept": {"text": "lenvatinib"}},
    "occurenceDateTime": "2024-04-01",
}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (DEEP, "nested too deep"),
        (bundle(lab(extension=[1])).replace('"extension": [1]', f'"extension": {DEEP}'), "nested too deep"),
        ("", "empty"),
        (" \n\n", "empty"),
        (bundle(lab()).replace(": 30", ": NaN"), "not JSON"),
        (bundle(lab()).replace(": 30", ": -Infinity"), "not JSON"),
        (bundle().encode().replace(b"Patient", b"Pat\xffent"), "not UTF-8"),
        (bundle().encode("utf-16"), "not UTF-8"),
        (bundle().encode("utf-32"), "not UTF-8"),
        (gzip.compress(bundle().encode())[:60], "gzip"),
        (bundle()[:-20], "not JSON"),
        (bundle(STU3_CONDITION), "STU3 or older, not R4"),
        (bundle({"resourceType": "MedicationOrder", "id": "m"}), "STU3 or older, not R4"),
        (bundle(R5_DOSE), "R5 or newer, not R4"),
        (bundle({"resourceType": "NutritionIntake", "id": "n"}), "R5 or newer, not R4"),
        ('{"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}', "FHIR 5.0.0"),
        ('{"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}', "FHIR 3.0.2"),
    ],
)
def test_what_is_unreadable_as_a_whole_is_one_line_and_code_2(tmp_path: Path, content: str | bytes, cause: str) -> None:
    found = evaluated(tmp_path, content)
    (line,) = found.stderr.splitlines()
    assert (found.returncode, found.stdout) == (2, "")
    assert "a.json" in line and cause in line


def test_a_folder_without_json_is_one_line_and_code_2(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    found = run(str(tmp_path))
    assert (found.returncode, len(found.stderr.splitlines())) == (2, 1)


def test_an_extension_a_hundred_deep_is_legal_and_costs_nothing(tmp_path: Path) -> None:
    found = evaluated(tmp_path, bundle(lab(extension=[nested(100)]), lab("o2")))
    assert (found.returncode, found.stderr) == (0, "")
    assert only(found)["input"]["used"] == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps(lab(extension=[1])).replace("[1]", DEEP).encode(), "malformed: nested too deep"),
        (json.dumps(lab()).encode().replace(b"final", b"fin\xffal"), "malformed: not UTF-8"),
        (json.dumps(lab()).replace("30", "NaN").encode(), "malformed"),
        (json.dumps(lab())[:-9].encode(), "malformed: not JSON"),
        (b"5", "malformed"),
    ],
)
def test_a_line_that_cannot_be_read_costs_only_itself(tmp_path: Path, line: bytes, reason: str) -> None:
    subject = {"reference": "Patient/p1"}
    good = [{"resourceType": "Patient", "id": "p1"}, lab("o2", subject=subject)]
    content = b"\n".join([line, *(json.dumps(one).encode() for one in good)])
    found = evaluated(tmp_path, b"\xef\xbb\xbf" + content, "a.ndjson")
    shown = only(found)
    assert found.returncode == 1
    assert [(r["reference"], r["reason"].startswith(reason)) for r in shown["rejected"]] == [("a.ndjson:1", True)]
    assert shown["input"]["used"] == 2
    assert len(found.stderr.splitlines()) == 1


def test_of_an_element_that_stands_twice_the_last_counts(tmp_path: Path) -> None:
    content = bundle(lab())
    twice = content.replace('"status": "final"', '"status": "entered-in-error", "status": "final"')
    other = content.replace('"status": "final"', '"status": "final", "status": "entered-in-error"')
    assert twice != content != other
    assert evaluated(tmp_path, twice).stdout == evaluated(tmp_path, content).stdout
    assert only(evaluated(tmp_path, other))["input"] == {
        **only(evaluated(tmp_path, content))["input"], "used": 1, "notCounted": 1
    }  # fmt: skip


def test_a_bundle_of_ten_thousand_entries_is_counted_whole(tmp_path: Path) -> None:
    found = evaluated(tmp_path, bundle(*(lab(f"o{number}") for number in range(10_000))))
    assert found.returncode == 0
    assert only(found)["input"]["used"] == only(found)["input"]["resources"] == 10_001


def test_texts_of_a_megabyte_are_read_and_no_line_on_stderr_is_as_long(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    found = evaluated(
        tmp_path,
        bundle(lab("o1", note=[{"text": long}]), lab("o2", code={"text": long}), lab(long, status=5)),
    )
    assert found.returncode == 1
    counts = only(found)["input"]
    assert (counts["used"], counts["unmapped"], counts["rejected"]) == (2, 1, 1)
    assert max(len(line) for line in found.stderr.splitlines()) < 3000


def test_a_file_of_fifty_megabytes_is_read(tmp_path: Path) -> None:
    text = {"status": "generated", "div": "<div>" + "x" * 1000 + "</div>"}
    content = bundle(*(lab(f"o{number}", text=text) for number in range(40_000)))
    assert len(content) > 50_000_000
    found = evaluated(tmp_path, content)
    assert (found.returncode, only(found)["input"]["used"]) == (0, 40_001)


def test_bytes_that_are_no_text_in_the_first_line_of_a_pipe_cost_only_that_line(tmp_path: Path) -> None:
    lines = [b'{"resourceType":"Patient","id":"p\xff"}', b'{"resourceType":"Patient","id":"p1"}', b""]
    call = [*COMMAND, "evaluate", "-", "--as-of", DAY]
    found = subprocess.run(call, input=b"\n".join(lines), check=False, capture_output=True, timeout=60)
    assert found.returncode == 1
    (rejected,) = json.loads(found.stdout)["rejected"]
    assert rejected["reason"] == "malformed: not UTF-8"


def test_half_a_surrogate_pair_costs_only_its_line(tmp_path: Path) -> None:
    odd = '{"resourceType":"Observation","id":"\\ud83d","status":"final"}'
    found = evaluated(tmp_path, f'{{"resourceType":"Patient","id":"p1"}}\n{odd}\n', "a.ndjson")
    assert (found.returncode, [r["reference"] for r in only(found)["rejected"]]) == (1, ["a.ndjson:2"])


@pytest.mark.parametrize("source", ["/dev/zero", "/dev/urandom", "-"])
def test_a_device_without_end_is_refused_and_does_not_hang(source: str) -> None:
    with Path("/dev/zero").open("rb") as endless:
        found = run(source, stdin=endless)
    assert (found.returncode, found.stdout) == (2, "")
    (line,) = found.stderr.splitlines()
    assert "is a device, which may never end" in line


def test_an_empty_device_is_an_empty_input() -> None:
    found = run("-", stdin=subprocess.DEVNULL)
    assert found.returncode == 2 and "the input is empty" in found.stderr


def test_one_json_text_beyond_all_bounds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(MOST_OF_ONE + 1)
    found = run(str(tmp_path / "huge.json"))
    assert found.returncode == 2 and "more than 2 GiB; give NDJSON" in found.stderr


@pytest.mark.parametrize("form", ["text", "json", "fhir"])
def test_an_id_with_a_line_break_forges_no_line(tmp_path: Path, form: str) -> None:
    forged = "Patient/other: all is well"
    broken = {"resourceType": "Observation", "id": f"o\r\n{forged}", "status": "final", "code": 5}
    (tmp_path / "p.json").write_text(bundle(broken, lab(f"l\u2028{forged}"), patient=f"p\n{forged}"))
    found = run(str(tmp_path / "p.json"), "--format", form)
    told = re.split(r"[\r\n]" if form != "text" else r"[\r\n\u2028]", found.stdout + found.stderr)
    assert told and not [line for line in told if line.strip().startswith(forged)]
