"""The service and the other commands as processes, started and ended as a site would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.client.tokens import Client

AS_OF = "2024-05-01"
COMMAND = (sys.executable, "-m", "adapter")
START_SECONDS = 60


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The settings given and no other, with the state below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HCC_")}
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "HCC_STATE": f"sqlite:///{home}/state.db"}
    return {**kept, **own, "PYTHONUNBUFFERED": "1", **settings}


def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command to its end; one that serves on instead fails."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=home, env=environment(home, **settings), capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip


class Service:
    """One `serve` in a folder of its own, ended by its own process id."""

    def __init__(self, home: Path, *flags: str, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.log, self.port = home, home / "service.log", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [*COMMAND, "serve", "--port", str(self.port), "--as-of", AS_OF, *flags]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=home, env=environment(home, **settings), stdout=out, stderr=subprocess.STDOUT
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"serve did not start ({self.process.poll()}): {self.log.read_text()[-800:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """Ends it, by force when it does not end by itself."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def spoken(self) -> bytes:
        """Everything that the service wrote anywhere below its home: log, state, caches."""
        ours = (".jwks.json", "clients.toml")
        written = [path for path in self.home.rglob("*") if path.is_file() and not path.name.endswith(ours)]
        return b"\n".join(path.read_bytes() for path in written)


def client_table(
    client: Client, home: Path, *, fhir: Sequence[str] = (), tenants: Sequence[str] = (), jku: str | None = None
) -> str:
    """The table of one trusted caller, with its key set in a file of `home` unless it has an address."""
    rows = {"iss": client.iss, "algorithms": [client.alg]}
    if jku:
        rows["jku"] = jku
    else:
        path = home / f"{re.sub('[^a-z0-9]+', '-', client.iss)}.jwks.json"
        path.write_text(json.dumps(client.jwks()))
        rows["jwks"] = str(path)
    rows |= {"tenants": list(tenants)} if tenants else {}
    rows |= {"fhir_servers": list(fhir)} if fhir else {}
    return "\n".join(["[[client]]", *(f"{name} = {json.dumps(value)}" for name, value in rows.items()), ""])


def write_clients(home: Path, *tables: str) -> str:
    """The file of the trusted callers."""
    path = home / "clients.toml"
    path.write_text("\n".join(tables))
    return str(path)
