"""The service as a real process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.service.conftest import AS_OF, PATIENT_VIEW, Json, hook_request


@contextmanager
def serving(folder: Path, *flags: str, **settings: str) -> Iterator[tuple[str, list[str]]]:
    """The address and the first lines on stderr of `hcc-adapter serve`; ended with Ctrl-C, which must be quiet."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HCC_")}
    environment |= {"HCC_STATE": f"sqlite:///{folder / 'state.db'}", **settings}
    command = [sys.executable, "-m", "adapter", "serve", "--port", "0", *flags]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        try:
            while not any("listening on" in line for line in lines):
                line = process.stderr.readline()
                assert line, lines
                lines.append(line)
            yield re.findall(r"http://[0-9.:]+", "".join(lines))[0], lines
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            process.wait(20)
    assert "Traceback" not in rest
    lines.append(rest)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_open_service_answers_over_the_network(tmp_path: Path, charts: dict[str, list[Json]], workers: str) -> None:
    with serving(tmp_path, "--open", "--as-of", AS_OF, "--workers", workers) as (address, lines):
        told = requests.get(f"{address}/readyz", timeout=30).json()
        assert told["open"] is True and told["frozenAsOf"].startswith(AS_OF)
        request = hook_request(charts["syn-05-bevacizumab-too-late"])
        answer = requests.post(address + PATIENT_VIEW, json=request, timeout=30)
        assert answer.status_code == 200 and answer.json()["cards"]
    said = "".join(lines)
    assert "OPEN: every caller is trusted" in said and "FROZEN" in said


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HCC_")}
    clean |= {"HCC_STATE": f"sqlite:///{folder / 'state.db'}", **environment}
    return subprocess.run(
        [sys.executable, "-m", "adapter", *arguments],
        cwd=folder, env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_trusted_callers_and_without_open_the_service_does_not_start(tmp_path: Path) -> None:
    ended = run(tmp_path, "serve", "--port", "0")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "HCC_CLIENTS" in ended.stderr and "--open" in ended.stderr


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run(tmp_path, "serve", "--open", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "--port" in ended.stderr


def test_a_wrong_as_of_is_one_clear_line(tmp_path: Path) -> None:
    ended = run(tmp_path, "serve", "--open", "--port", "0", "--as-of", "soon")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize("base", ["http://a..b/", "http://[::1/", "http://", "http://127.0.0.1:99999/"])
def test_an_address_that_no_server_can_have_is_one_clear_line(tmp_path: Path, base: str) -> None:
    ended = run(tmp_path, "sync", "--once", "--fhir-server", base)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert "address" in ended.stderr or "URL" in ended.stderr


@pytest.mark.parametrize("patient", ["..", ".", "a/b", ""])
def test_a_patient_that_cannot_be_is_one_clear_line(tmp_path: Path, patient: str) -> None:
    server = "http://127.0.0.1:9/fhir"
    ended = run(tmp_path, "sync", "--once", "--fhir-server", server, f"--patient={patient}")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert "--patient" in ended.stderr


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path, chunked: bool) -> None:
    (tmp_path / "hcc-adapter.toml").write_text('body_limit = "1"\n', "utf-8")
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {4 << 20}"
    head = f"POST /evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{size}\r\n\r\n".encode()
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n" if chunked else b"a" * 65536
    with serving(tmp_path, "--open") as (address, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as caller:
            caller.sendall(head + piece * 17)
            answer = caller.recv(4000).lower()
    assert answer.startswith(b"http/1.1 413") and b"connection: close" in answer


@pytest.mark.parametrize("path", ["/evaluate", PATIENT_VIEW])
def test_a_caller_that_goes_away_is_no_failure(tmp_path: Path, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    with serving(tmp_path, "--open") as (address, lines):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as caller:
            caller.sendall(head.encode())
            requests.get(f"{address}/readyz", timeout=20)  # by then the other call is in the application
        requests.get(f"{address}/readyz", timeout=20)
    said = "".join(lines)
    assert "INFO the caller went away" in said and "ERROR" not in said, said
