"""No bytes whatever crash or hang the reading side: coverage-guided, from real bundles, by atheris.

`FUZZ_SECONDS=600` looks for about ten minutes, with another seed in each run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from tests.fuzz.running import SECONDS, seconds
from tests.fuzz.structures import originals, written
from tests.servers.need import Unavailable, give_up

USUAL_SECONDS = 20
RUNS = 1_000_000
ROOT = Path(__file__).parents[2]
WORDS = (
    b'"resourceType":"Observation"', b'"resourceType":"Patient"', b'"resourceType":"Bundle"', b'"entry":[', b'"id":"a"',
    b'"subject":{"reference":"Patient/p1"}', b'"valueQuantity":{"value":', b'"effectiveDateTime":"2024-04-01"', b"null",
    b"1e400", b"-0.0", b'"component":[', b'"contained":[', b'"modifierExtension":[{}]', b"\xef\xbb\xbf", b"\\ud83d",
    b'"status":"final"', b'"code":{"coding":[{"system":"http://loinc.org","code":"1742-6"}]}', b"\xff", b"[[[[",
)  # fmt: skip


def seeds(where: Path) -> None:
    """Small Bundles, lines and single resources of every type, to begin with."""
    patient = {"resourceType": "Patient", "id": "p1", "gender": "male"}
    for kind, resources in originals().items():
        mine = [{**one, "subject": {"reference": "Patient/p1"}} for one in resources[:3]]
        entries = [{"resource": one} for one in (patient, *mine)]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (where / f"{kind}.json").write_bytes(json.dumps(bundle, separators=(",", ":")).encode())
        (where / f"{kind}.ndjson").write_bytes(b"\n".join(written(one) for one in (patient, *mine)) + b"\n")
        (where / kind).write_bytes(written(mine[0]))


def words(path: Path) -> None:
    """What JSON and FHIR are made of, in libFuzzer's form."""
    text = ["".join(f"\\x{byte:02x}" for byte in word) for word in WORDS]
    path.write_text("".join(f'"{word}"\n' for word in text), encoding="ascii")


def test_no_bytes_crash_or_hang_the_reading_side(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        give_up(Unavailable("atheris has no wheel for this Python or machine: bytes were not fuzzed"))
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds(corpus)
    words(tmp_path / "words")
    limit = seconds(USUAL_SECONDS)
    seed = 1 + secrets.randbelow(1 << 30) if SECONDS in os.environ else 1
    options = {
        "max_total_time": limit, "runs": RUNS, "seed": seed, "timeout": 30, "rss_limit_mb": 4096, "max_len": 6000,
        "dict": tmp_path / "words", "artifact_prefix": f"{tmp_path}/", "print_final_stats": 1,
    }  # fmt: skip
    found = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.bytes_target", str(corpus), *(f"-{k}={v}" for k, v in options.items())],
        cwd=ROOT,
        check=False,
        capture_output=True,
        timeout=limit + 200,
    )
    said = (found.stdout + found.stderr).decode(errors="replace")
    culprits = [path.read_bytes()[:3000] for path in tmp_path.glob("*-*") if path.is_file()]
    shown = [line for line in said.splitlines() if not line.startswith(("#", "INFO", "0x", "WARNING"))]
    assert found.returncode == 0, "\n".join([*shown[-80:], *map(repr, culprits)])
    assert "stat::number_of_executed_units" in said
