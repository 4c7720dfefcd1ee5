"""What `mappings unmapped` and `mappings readiness` cost per patient, against `evaluate` of the same folder.

    python tests/bench/bench_mappings.py [PATIENTS]

Prints ratios of one run (a ratio holds on any machine), and the peak memory of each command for two sizes of the
folder. `evaluate` of a large folder uses every processor, the other two use one: processor time is given too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench_evaluate import COMMAND, DAY, RESOURCES, asked, patients, write

EVALUATE, UNMAPPED, READINESS = "evaluate", "mappings unmapped", "mappings readiness"
ROUNDS = 3


class Cost(NamedTuple):
    """Wall seconds, processor seconds and peak memory (KiB, the largest process) of one command."""

    wall: float
    used: float
    memory: int


def run(command: str, folder: Path) -> Cost:
    """One command over a folder and what it alone cost."""
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        arguments = [*COMMAND, *command.split(), str(folder), "--as-of", DAY]
        process = subprocess.Popen(arguments, stdout=nowhere, stderr=nowhere)
        _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}; nothing was measured")
    return Cost(time.perf_counter() - start, spent.ru_utime + spent.ru_stime, spent.ru_maxrss)


def best(command: str, folder: Path) -> Cost:
    """The least time of some rounds, and the most memory."""
    costs = [run(command, folder) for _ in range(ROUNDS)]
    return Cost(min(c.wall for c in costs), min(c.used for c in costs), max(c.memory for c in costs))


def main() -> None:
    """Measure and print."""
    count = asked()
    few = count // 4
    texts = patients()
    costs: dict[str, tuple[Cost, Cost]] = {}
    with tempfile.TemporaryDirectory() as where:
        small, large = (write(Path(where) / str(size), texts, size) for size in (few, count))
        for command in (EVALUATE, UNMAPPED, READINESS):
            costs[command] = best(command, small), best(command, large)
    wall, used = (costs[EVALUATE][1][part] - costs[EVALUATE][0][part] for part in (0, 1))
    print(f"{count} patients of {RESOURCES} resources; evaluate: {wall / (count - few) * 1e3:.1f} ms a patient")
    for command in (UNMAPPED, READINESS):
        least, most = costs[command]
        ratios = (most.wall - least.wall) / wall, (most.used - least.used) / used
        print(f"{command}: {ratios[0]:.2f} times evaluate in elapsed time, {ratios[1]:.2f} times in processor time")
    for command, (least, most) in costs.items():
        print(f"{command}: {least.memory // 1024} MiB for {few} patients, {most.memory // 1024} for {count}")


if __name__ == "__main__":
    main()
