"""A real HAPI FHIR R4 server over an empty database in memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.servers import hapi_build
from tests.servers.need import Unavailable, tail

START_SECONDS = 240
STOP_SECONDS = 20


@contextmanager
def running_hapi(folder: Path, *options: str) -> Iterator[str]:
    """The server's FHIR base URL while it runs; `folder` takes its log.

    Options: `--token TOKEN` (every call needs that bearer token), `--validate-requests`.
    Raises Unavailable, with the end of the log, when it does not answer in time.
    """
    address, log = folder / "address", folder / "hapi.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            hapi_build.command("serve", str(address), *options), stdin=subprocess.PIPE, stdout=sink, stderr=sink
        )
        try:
            yield _wait(process, address, log)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], address: Path, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if address.exists() and _answers(address.read_text()):
            return address.read_text()
        time.sleep(0.2)
    raise Unavailable(f"the HAPI server did not start (its log ends so):\n{tail(log)}")


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/metadata", timeout=30).status_code in {200, 401}
    except requests.RequestException:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
