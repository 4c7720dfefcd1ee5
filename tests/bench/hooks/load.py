"""Load on a service from a process of its own: wrk where it is installed, else a client in Python.

    python tests/bench/hooks/load.py URL FOLDER CONNECTIONS SECONDS

is that client: it sends the files of a folder in turn and prints one line of JSON.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LONGEST = 60
SCRIPT = """
local answers = {}
local asked = 0
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for number, name in ipairs(arguments) do
    local file = io.open(name, "rb")
    answers[number] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end
function request()
  asked = asked + 1
  return answers[asked % #answers + 1]
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"calls": %d, "failed": %d, "seconds": %.3f, "middle": %.3f, "late": %.3f}', summary.requests,
    failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load; p50 `middle` and p99 `late` in milliseconds."""

    calls: int
    failed: int
    seconds: float
    middle: float
    late: float

    @property
    def rate(self) -> float:
        """Calls answered a second."""
        return self.calls / self.seconds


def generator() -> str:
    """Who makes the load."""
    return "wrk" if shutil.which("wrk") else "a client in Python (wrk is not installed: fast services look slower)"


def load(url: str, folder: Path, connections: int, seconds: int) -> Load:
    """The load of some connections, each with one call under way; ends the run when a call failed."""
    files = [str(path) for path in sorted(folder.glob("*.json"))]
    wrk = shutil.which("wrk")
    if wrk:
        script = folder / "calls.lua"
        script.write_text(SCRIPT)
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={LONGEST}s", f"-s{script}", url, "--"]
        command += files
    else:
        command = [sys.executable, __file__, url, str(folder), str(connections), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST + 10 * seconds)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode or not last.startswith("{"):
        raise SystemExit(f"the load on {url} failed: {done.stderr.strip() or done.stdout.strip()}")
    found = Load(**json.loads(last))
    if found.failed or not found.calls:
        raise SystemExit(f"{found.failed} of the calls to {url} failed, {found.calls} were answered: no figure")
    return found


def _client(url: str, folder: Path, connections: int, seconds: float) -> Load:
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
    took: list[float] = []
    failed: list[int] = []
    begun = time.perf_counter()
    lines = [
        threading.Thread(target=_line, args=(url, bodies[n % len(bodies) :] + bodies, begun + seconds, took, failed))
        for n in range(connections)
    ]
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    took.sort()
    whole = time.perf_counter() - begun
    return Load(len(took), len(failed), whole, took[len(took) // 2], took[int(len(took) * 0.99)])


def _line(url: str, bodies: list[bytes], until: float, took: list[float], failed: list[int]) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=LONGEST)
    line.connect()
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body leave in two writes
    number = 0
    while time.perf_counter() < until:
        begun = time.perf_counter()
        line.request("POST", parts.path, bodies[number % len(bodies)], {"Content-Type": "application/json"})
        answer = line.getresponse()
        answer.read()
        took.append((time.perf_counter() - begun) * 1e3)
        if answer.status != http.client.OK:
            failed.append(answer.status)
        number += 1


if __name__ == "__main__":
    made = _client(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    print(json.dumps(vars(made)))
