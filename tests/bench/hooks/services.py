"""The services under load: ours, and the peers beside it, each with one worker in a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.hooks.bodies import DAY

PEERS = Path(__file__).parent.parent / "peers"
HEALTHCHAIN = "0.16.1"
SERVER = ("uvicorn", "httptools", "uvloop")
_PATIENCE = 60


@dataclass(frozen=True)
class Service:
    """A running service and where it takes calls."""

    name: str
    url: str


@contextmanager
def ours(folder: Path) -> Iterator[Service]:
    """Our service, open, with the whole rule set."""
    command = [sys.executable, "-m", "adapter", "serve", "--open", "--as-of", DAY, "--port", "0"]
    environment = {**os.environ, "HCC_STATE": f"sqlite:///{folder / 'state.db'}"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"listening on (http://[^:]+:\d+)", line)
            if found:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield Service("ours", f"{found[1]}/cds-services/hcc-conversion-patient-view")
                return
        raise SystemExit("our service did not start")
    finally:
        _end(process)


@contextmanager
def peer(name: str, python: str, module: str, path: str) -> Iterator[Service]:
    """A service of the folder of peers under uvicorn, as quiet as ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "uvicorn", "--app-dir", str(PEERS), "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning", f"{module}:app"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=PEERS) as process:
        try:
            _wait(process, f"http://127.0.0.1:{port}/openapi.json", name)
            yield Service(name, f"http://127.0.0.1:{port}{path}")
        finally:
            _end(process)


def healthchain_python(folder: Path) -> str:
    """The interpreter of HealthChain's own environment, made in a folder; RuntimeError when it cannot be had.

    It gets the web server of our environment, so that the services differ and not what carries them.
    """
    python = str(folder / "bin" / "python")
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        wanted = [f"healthchain=={HEALTHCHAIN}", *_server_of_ours()]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"healthchain {HEALTHCHAIN} cannot be installed: {told[-1]}")
    return python


def _server_of_ours() -> list[str]:
    found = []
    for name in SERVER:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _wait(process: subprocess.Popen[bytes], url: str, name: str) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=_PATIENCE).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise SystemExit(f"{name} did not start: run it by hand, as its file under {PEERS.name} says")


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
