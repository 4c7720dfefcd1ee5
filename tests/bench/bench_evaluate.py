"""What `evaluate` costs per patient, against a plain parse of the same bytes, in one run.

    python tests/bench/bench_evaluate.py [PATIENTS]

Prints ratios (a ratio holds on any machine), the peak memory for two sizes of the folder, and the start-up times.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from adapter.sandbox.synthetic import synthetic_bundles

RESOURCES = 300
DAY = "2024-05-01"
LEAST = 100
COMMAND = [sys.executable, "-m", "adapter"]


def patients() -> list[bytes]:
    """The synthetic patients, each filled up to 300 resources with copies of its own observations of earlier weeks."""
    found = []
    for bundle in synthetic_bundles(date.fromisoformat(DAY)):
        entries: list[dict[str, Any]] = bundle["entry"]
        labs = [e for e in entries if e["resource"]["resourceType"] == "Observation"]
        for number in range(max(RESOURCES - len(entries), 0)):
            entry = json.loads(json.dumps(labs[number % len(labs)]))
            entry["resource"]["id"] += f"-{number}"
            _date_back(entry["resource"], weeks=number // len(labs) + 1)
            entry["fullUrl"] = entry.get("fullUrl", "urn:uuid:") + f"-{number}"
            entry["request"]["url"] += f"-{number}"
            entries.append(entry)
        bundle["entry"] = entries[:RESOURCES]
        found.append(json.dumps(bundle, ensure_ascii=False).encode())
    return found


def _date_back(observation: dict[str, Any], weeks: int) -> None:
    taken = observation.get("effectiveDateTime")
    if taken is not None and len(taken) >= len(DAY):
        earlier = date.fromisoformat(taken[: len(DAY)]) - timedelta(weeks=weeks)
        observation["effectiveDateTime"] = earlier.isoformat() + taken[len(DAY) :]


def write(folder: Path, texts: list[bytes], count: int) -> Path:
    """A folder of so many Bundle files."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.json").write_bytes(texts[number % len(texts)])
    return folder


def parse(folder: Path) -> float:
    """Seconds that `orjson.loads` takes for every file of a folder, read beforehand."""
    texts = [path.read_bytes() for path in sorted(folder.iterdir())]
    return min(_timed(texts) for _ in range(3))


def _timed(texts: list[bytes]) -> float:
    start = time.perf_counter()
    for text in texts:
        orjson.loads(text)
    return time.perf_counter() - start


def run(*arguments: str) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak memory (KiB, the largest process) of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        subprocess.run([*COMMAND, *arguments], stdout=nowhere, stderr=nowhere, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, after.ru_maxrss


def asked() -> int:
    """How many patients were asked for; ends when they are too few for a ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    if count < LEAST:
        sys.exit(f"{count} patients are too few: what a start costs would drown the difference; give at least {LEAST}")
    return count


def main() -> None:
    """Measure and print."""
    count = asked()
    texts = patients()
    with tempfile.TemporaryDirectory() as where:
        small = write(Path(where) / "small", texts, count // 4)
        large = write(Path(where) / "large", texts, count)
        one = write(Path(where) / "one", texts, 1)
        extra = count - count // 4
        plain = (parse(large) - parse(small)) / extra
        wall_small, used_small, memory_small = run("evaluate", str(small), "--as-of", DAY)
        wall_large, used_large, memory_large = run("evaluate", str(large), "--as-of", DAY)
        start_help = min(run("--help")[0] for _ in range(3))
        start_one = min(run("evaluate", str(one / "00000.json"), "--as-of", DAY)[0] for _ in range(3))
    wall, used = (wall_large - wall_small) / extra, (used_large - used_small) / extra
    size = sum(map(len, texts)) / len(texts) / 1024
    print(f"{count} patients of {RESOURCES} resources, {size:.0f} KiB each")
    print(f"orjson.loads: {plain * 1e3:.2f} ms a patient")
    print(f"evaluate: {wall / plain:.2f} times that in elapsed time, {used / plain:.2f} times in processor time")
    print(f"peak memory: {memory_small // 1024} MiB for {count // 4} patients, {memory_large // 1024} for {count}")
    print(f"start-up: --help {start_help:.2f} s, one patient {start_one:.2f} s")


if __name__ == "__main__":
    main()
