"""The sandbox server as a process, with its store and with several writers."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from adapter.errors import UsageError
from adapter.sandbox.running import running_sandbox
from tests.sandbox.client import FHIR, found, get, patient, put


def test_a_store_in_a_file_is_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sandbox.db'}"
    with running_sandbox(store_url=url) as server:
        put(server, patient("p1", active=True))
    with running_sandbox(store_url=url) as server:
        assert get(server, "Patient/p1").json()["active"] is True
        assert found(server, "Patient?active=true") == ["p1"]


def test_a_taken_port_is_said_in_one_line() -> None:
    with running_sandbox() as server:
        port = int(server.split(":")[2].split("/")[0])
        with pytest.raises(UsageError, match=f"port {port}"), running_sandbox(port):
            pass


def test_writers_at_once_make_one_resource_and_lose_no_version(server: str) -> None:
    def create(_: int) -> int:
        body = {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"tag": [{"system": "s", "code": "one"}]}}
        headers = {**FHIR, "If-None-Exist": "_tag=s|one"}
        return requests.post(f"{server}/Basic", json=body, headers=headers, timeout=10).status_code

    def update(number: int) -> int:
        return put(server, patient("p1", language=f"l{number}"), **{"If-Match": 'W/"1"'}).status_code

    put(server, patient("p1"))
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200] * 7 + [201]
        assert sorted(pool.map(update, range(8))) == [200] + [412] * 7


@pytest.mark.parametrize("url", ["nonsense", "postgresql://x/y", "sqlite:////nowhere/at/all/sandbox.db"])
def test_a_store_that_cannot_be_had_is_said_in_one_line(url: str) -> None:
    with pytest.raises(UsageError, match="sqlite:///sandbox") as caught, running_sandbox(store_url=url):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_tells_its_address_and_ends_quietly_when_it_is_stopped(stop: signal.Signals) -> None:
    code = "from adapter.sandbox.running import serve; serve(0, on_ready=lambda server: print(server, flush=True))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        address = run.stdout.readline().strip()
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=Retry(connect=20, backoff_factor=0.05)))
        with session:
            assert session.get(f"{address}/metadata", timeout=10).status_code == 200
        run.send_signal(stop)
        assert run.wait(timeout=20) in (0, -stop)
        assert "Traceback" not in run.stderr.read()
