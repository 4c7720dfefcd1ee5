"""Workers whose main process was killed: they end by themselves, and the service can be started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.client.process import free_port
from tests.service.callers import T1, token, write_clients
from tests.service.conftest import PUBLIC
from tests.service.test_workers import discovered

START_SECONDS = 60
END_SECONDS = 30
"""Orphans serve for ever; on a slow machine the end takes its time."""


@contextmanager
def started(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A service of two workers on this port, killed at the end with all that it started."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HCC_")}
    environment |= {"HCC_STATE": f"sqlite:///{folder / 'state.db'}", "HCC_PUBLIC_URL": PUBLIC}
    environment |= {"HCC_CLIENTS": str(write_clients(folder))}
    command = [sys.executable, "-m", "adapter", "serve", "--port", str(port), "--workers", "2"]
    with (
        (folder / "service.log").open("ab") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            until = time.monotonic() + START_SECONDS
            while not answering(port):
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            yield process
        finally:
            with suppress(ProcessLookupError):  # nobody of them is left
                os.killpg(process.pid, signal.SIGKILL)


def answering(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def test_workers_end_with_their_main_process_and_a_used_token_stays_used_after_the_restart(tmp_path: Path) -> None:
    """cds-41: the port is free again, and the state survives a kill."""
    port, used = free_port(), token(**T1)
    address = f"http://127.0.0.1:{port}"
    with started(tmp_path, port) as process:
        assert discovered(address, used) == 200
        process.kill()
        until = time.monotonic() + END_SECONDS
        while answering(port):
            assert time.monotonic() < until, "orphans serve on"
            time.sleep(0.1)
    with started(tmp_path, port):
        assert [discovered(address, used) for _ in range(4)] == [401] * 4
        assert discovered(address, token(**T1)) == 200
