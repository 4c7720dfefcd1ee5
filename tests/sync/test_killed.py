"""A sync process that is killed in the middle, and the run after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sync.test_round_trip import only
from tests.sync.ward import Ward

SCRIPT = """
import sys
from pathlib import Path
from tests.sync.ward import Ward
base, folder, *patients = sys.argv[1:]
Ward(base, Path(folder)).sync(*patients, progress=lambda number, of, outcome: print(number, flush=True))
"""
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_killed_process_and_a_second_run_leave_each_result_once(ward: Ward, after: int) -> None:
    patients = [ward.admit(name=f"k{number}") for number in range(4)]
    line = [sys.executable, "-c", SCRIPT, ward.base, str(ward.folder), *patients]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT) as worker:
        assert worker.stdout is not None
        for _ in range(after):
            worker.stdout.readline()
        worker.kill()
    assert ward.sync(*patients).exit_code == 0
    for patient in patients:
        held = ward.ours(patient)
        assert only(held["CarePlan"])["meta"]["versionId"] == "1"
        assert only(held["DetectedIssue"])["meta"]["versionId"] == "1"
        assert only(held["Provenance"])["meta"]["versionId"] == "1"
    assert ward.sync(*patients).writes == 0
