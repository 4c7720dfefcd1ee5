"""Inputs that mean harm, and the command that has to bear them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "adapter"]
DAY = "2024-05-01"


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command on some arguments."""
    return subprocess.run(
        [*COMMAND, "evaluate", *arguments, "--as-of", DAY],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def bundle(*more: dict[str, Any], patient: str = "p1") -> str:
    """A Bundle of a patient and some of its resources."""
    subject = {"reference": f"Patient/{patient}"}
    found = [{"resourceType": "Patient", "id": patient}, *({"subject": subject, **one} for one in more)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in found]})


def lab(name: str = "o1", **members: Any) -> dict[str, Any]:
    """An ALT of 30 U/L."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "effectiveDateTime": "2024-04-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]},
        "valueQuantity": {"value": 30, "unit": "U/L"},
        **members,
    }


def nested(depth: int) -> dict[str, Any]:
    """An extension in an extension, and so on."""
    found: dict[str, Any] = {"url": "http://x.example/e", "valueString": "x"}
    for _ in range(depth):
        found = {"url": "http://x.example/e", "extension": [found]}
    return found


def evaluated(tmp_path: Path, content: str | bytes, name: str = "a.json") -> subprocess.CompletedProcess[str]:
    """The command on one file; it must end within the minute and without a traceback."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = run(str(path))
    assert "Traceback" not in found.stderr + found.stdout
    assert "please report" not in found.stderr
    return found


def only(found: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The only assessment."""
    (line,) = found.stdout.splitlines()
    shown: dict[str, Any] = json.loads(line)
    return shown


def lines_of(*resources: dict[str, Any]) -> bytes:
    """Some resources as NDJSON."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)
