"""What a CDS Hooks call with a full prefetch costs, in calls a second and in milliseconds, in one run.

    python tests/bench/bench_hooks.py [SECONDS]

Starts the service with one worker and `--open`, and calls it over 1, 8 and 32 connections. The plain parse of the same
bytes stands beside it, since a ratio holds on any machine.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from tests.bench.bench_evaluate import DAY, patients

SERVICE = "/cds-services/hcc-conversion-patient-view"
KEYS = {
    "Condition": "conditions", "Observation": "observations", "MedicationAdministration": "medicationAdministrations",
    "MedicationStatement": "medicationStatements", "MedicationRequest": "medicationRequests",
    "MedicationDispense": "medicationDispenses", "Procedure": "procedures", "ServiceRequest": "serviceRequests",
    "Appointment": "appointments", "BodyStructure": "bodyStructures", "ImagingStudy": "imagingStudies",
    "DiagnosticReport": "diagnosticReports", "DocumentReference": "documentReferences",
}  # fmt: skip


def call_of(bundle: dict[str, Any]) -> bytes:
    """A patient-view call with everything of a Bundle prefetched."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    prefetch: dict[str, Any] = {"patient": patient}
    for kind, key in KEYS.items():
        entries = [{"resource": r} for r in resources if r["resourceType"] == kind]
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    context = {"userId": "Practitioner/a", "patientId": patient["id"]}
    body = {"hook": "patient-view", "hookInstance": str(uuid4()), "context": context, "prefetch": prefetch}
    return json.dumps(body, ensure_ascii=False).encode()


def started(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """The service and its port."""
    command = [sys.executable, "-m", "adapter", "serve", "--open", "--as-of", DAY, "--port", "0"]
    environment = {**os.environ, "HCC_STATE": f"sqlite:///{folder / 'state.db'}"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"listening on http://[^:]+:(\d+)", line)
        if found:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, int(found[1])
    raise SystemExit("the service did not start")


def load(port: int, bodies: list[bytes], connections: int, seconds: float) -> list[float]:
    """The milliseconds of every call that some connections made."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    def one(number: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        line.connect()
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body leave in two writes
        while time.perf_counter() < until:
            body = bodies[number % len(bodies)]
            number += 1
            begun = time.perf_counter()
            line.request("POST", SERVICE, body, {"Content-Type": "application/json"})
            answer = line.getresponse()
            answer.read()
            took.append((time.perf_counter() - begun) * 1e3)
            if answer.status != 200:
                raise SystemExit(f"answered {answer.status}")

    threads = [threading.Thread(target=one, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    bodies = [call_of(json.loads(text)) for text in patients()]
    begun = time.perf_counter()
    for body in bodies:
        orjson.loads(body)
    plain = (time.perf_counter() - begun) / len(bodies) * 1e3
    print(f"{len(bodies)} patients of 300 resources, {sum(map(len, bodies)) / len(bodies) / 1024:.0f} KiB a call")
    print(f"orjson.loads of a call: {plain:.2f} ms")
    with tempfile.TemporaryDirectory() as folder:
        process, port = started(Path(folder))
        try:
            load(port, bodies, 1, 2.0)
            for connections in (1, 8, 32):
                took = load(port, bodies, connections, seconds)
                middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
                rate = len(took) / seconds
                print(f"{connections:>2} connections: {rate:.0f} calls/s, p50 {middle:.1f} ms, p99 {late:.1f} ms")
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    main()
