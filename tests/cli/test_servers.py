"""The commands that use a FHIR server: sandbox, sync, verify, demo."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import requests

from adapter.sandbox.definitions import definitions
from tests.cli.conftest import AS_OF, Command, lines

GONE = "http://127.0.0.1:9/fhir"


def test_loading_twice_changes_nothing(command: Command, server: str) -> None:
    told = [command("sandbox", "load", "--fhir-server", server, "--as-of", AS_OF) for _ in range(2)]
    assert [ended.returncode for ended in told] == [0, 0]
    assert lines(told[0].stdout)[0].startswith(f"{server}: {len(definitions())} synthetic patients")
    assert lines(told[1].stdout)[0].endswith(" 0 of them new")


def test_the_synthetic_patients_are_written_as_files(command: Command, tmp_path: Path) -> None:
    ended = command("sandbox", "patients", "--out", "out", "--as-of", AS_OF)
    assert ended.returncode == 0
    assert len(lines(ended.stdout)) == len(definitions()) == len(list((tmp_path / "out").glob("*.json")))


def test_a_sync_writes_and_a_second_one_writes_nothing(command: Command, server: str) -> None:
    command("sandbox", "load", "--fhir-server", server)
    first, dry, second, third = (
        command("sync", "--fhir-server", server, *flags)
        for flags in (("--dry-run", "--patient", "syn-01-eligible"), ("--once",), ("--once",), ("--dry-run",))
    )
    assert [ended.returncode for ended in (first, dry, second, third)] == [0, 0, 0, 0]
    assert any("would create CarePlan" in line for line in lines(first.stdout))
    written = [int(re.findall(r": (\d+)$", lines(ended.stdout)[-1])[0]) for ended in (dry, second, third)]
    assert written[0] > len(definitions()) and written[1:] == [0, 0]
    assert any(re.match(r"1/\d+ Patient/", line) for line in lines(dry.stderr))


def test_a_patient_that_is_not_there_fails_alone(command: Command, server: str) -> None:
    command("sandbox", "load", "--fhir-server", server)
    ended = command("sync", "--fhir-server", server, "--patient", "syn-01-eligible", "--patient", "nobody")
    assert ended.returncode == 1
    assert any(line.startswith("hcc-adapter: Patient/nobody: ") for line in lines(ended.stderr))


def test_write_server_none_writes_nothing(command: Command, server: str) -> None:
    command("sandbox", "load", "--fhir-server", server)
    ended = command("sync", "--fhir-server", server, "--write-server", "none")
    assert ended.returncode == 0
    assert lines(ended.stdout)[-1] == "resources written to nowhere: 0"


def test_a_server_that_is_not_there_is_code_3_and_one_line(command: Command) -> None:
    ended = command("sandbox", "load", "--fhir-server", GONE)
    assert (ended.returncode, len(lines(ended.stderr))) == (3, 1)


def test_every_runs_again_and_again(command: Command, server: str, tmp_path: Path) -> None:
    command("sandbox", "load", "--fhir-server", server)
    process = subprocess.Popen(
        [sys.executable, "-m", "adapter", "sync", "--fhir-server", server, "--patient", "syn-01-eligible",
         "--every", "1s", "--state", f"sqlite:///{tmp_path / 'loop.db'}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    seen = [process.stderr.readline() for _ in range(3)]
    process.send_signal(2)
    _, rest = process.communicate(timeout=30)
    assert all(line.startswith("1/1 Patient/syn-01-eligible: ") for line in seen)
    assert process.returncode == 130 and "Traceback" not in rest


def test_verify_checks_the_whole_round_trip(command: Command, server: str) -> None:
    ended = command("sandbox", "verify", "--fhir-server", server, "--as-of", AS_OF)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    checks = lines(ended.stdout)[1:]
    assert len(checks) > len(definitions()) and all(line.startswith("ok ") for line in checks)


def test_the_demo_ends_after_a_table_of_all_patients(command: Command) -> None:
    ended = command("demo", "--once")
    assert ended.returncode == 0
    shown = ended.stdout.decode()
    for column in ("Phase", "CNLC", "BCLC", "Child-Pugh", "Gravest finding", "Next step", "Date"):
        assert column in shown
    for definition in definitions():
        assert definition.key in shown
    assert re.search(r"One sync: \d\d+ resources written back", shown)


def test_the_demo_stays_with_a_service_that_answers_the_two_calls_shown(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "adapter", "demo", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    shown, ends = "", time.monotonic() + 100
    while "Ctrl-C" not in shown and time.monotonic() < ends:
        shown += process.stdout.readline()
    try:
        calls = re.findall(r"^  curl .*?'$(?=\n\n)", shown, re.M | re.S)
        assert len(calls) == 2, shown
        (address,) = re.findall(r"curl '(http[^']*)'", calls[0])
        assert requests.get(address, timeout=30).json()["schema"] == "hcc-conversion/assessment/1"
        body, hook = re.findall(r"-d '(.*)' \\\n    '(.*)'", calls[1])[0]
        headers = {"Content-Type": "application/json"}
        assert requests.post(hook, data=body, headers=headers, timeout=30).json()["cards"]
    finally:
        process.send_signal(2)
        rest, _ = process.communicate(timeout=30)
    assert "Traceback" not in rest


def test_config_show_lists_every_setting_with_its_source_and_hides_secrets(command: Command) -> None:
    ended = command("config", "show", HCC_FHIR_TOKEN="s3cret", HCC_EDITION="2021")
    shown = ended.stdout.decode()
    assert ended.returncode == 0 and "s3cret" not in shown
    assert re.search(r"HCC_EDITION += 2021  \[environment\]", shown)
    assert re.search(r"HCC_FHIR_TOKEN += \(hidden\)  \[environment\]", shown)
    assert re.search(r"HCC_LANG += en  \[default\]", shown)
