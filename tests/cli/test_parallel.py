"""A large folder is evaluated by several processes and says the same as file by file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from adapter.cli.parallel import MANY

COMMAND = [sys.executable, "-m", "adapter", "evaluate"]
DAY = ["--as-of", "2024-05-01"]


def run(source: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, source, *DAY], check=False, capture_output=True, timeout=120)


def bundle(patient: str, *more: object) -> str:
    found = [{"resourceType": "Patient", "id": patient}, *more]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in found]})


def test_many_files_give_each_its_line_in_order_and_every_trouble_its_own(tmp_path: Path) -> None:
    for number in range(MANY + 5):
        (tmp_path / f"{number:03}.json").write_text(bundle(f"p{number:03}"))
    (tmp_path / "004.json").write_text("no JSON")
    (tmp_path / "006.json").write_text(bundle("p006", 5))
    (tmp_path / "single.json").write_text(json.dumps({"resourceType": "Patient", "id": "single"}))
    (tmp_path / "lines.ndjson").write_text('{"resourceType":"Patient","id":"line"}\n')
    found = run(str(tmp_path))
    shown = [json.loads(line)["patient"] for line in found.stdout.splitlines()]
    bundles = [f"Patient/p{number:03}" for number in range(MANY + 5) if number != 4]
    assert shown[: len(bundles)] == bundles
    assert sorted(shown[len(bundles) :]) == ["Patient/line", "Patient/single"]
    said = found.stderr.decode()
    assert found.returncode == 1
    assert "004.json" in said
    assert "006.json: Patient/p006: Bundle.entry[1]: malformed" in said
    assert "Traceback" not in said


def test_several_processes_print_the_same_bytes_as_one_file_at_a_time(tmp_path: Path) -> None:
    alone = b""
    for number in range(MANY):
        path = tmp_path / f"{number:03}.json"
        path.write_text(bundle(f"p{number:03}"))
        if number < 2:
            alone += run(str(path)).stdout
    assert run(str(tmp_path)).stdout.startswith(alone)


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    for number in range(4 * MANY):
        (tmp_path / f"{number:03}.json").write_text(bundle(f"p{number:03}"))
    process = subprocess.Popen([*COMMAND, str(tmp_path), *DAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), said) == (141, b"")
