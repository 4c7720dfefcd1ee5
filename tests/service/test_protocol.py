"""What a caller may send before anybody knows who calls: how large a head, and how slowly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from adapter.cli.serve import configured, listen
from adapter.service import protocol
from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.conftest import AS_OF
from tests.service.test_process import serving

SOON = 2.0
SECONDS = 30
"""How long a caller waits for what would never come; many times SOON, so that no machine is too slow."""
LINE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
ROOM = protocol.LONGEST_HEAD


@pytest.fixture(scope="module", params=["1", "2"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an open service of one process, and of one with workers."""
    folder = tmp_path_factory.mktemp("heads")
    with serving(folder, "--open", "--as-of", AS_OF, "--workers", request.param) as (address, _):
        yield int(address.rsplit(":", 1)[1])


@pytest.fixture
def hurried(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a service that waits for a head a moment only, and for the next call longer."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    listening = listen("127.0.0.1", 0)
    settings = configured(create_app(site))
    settings.timeout_keep_alive = 2 * SECONDS
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as caller:
        yield caller


def said(caller: socket.socket) -> bytes:
    """Everything until the service closes the connection; what a reset leaves counts as closed."""
    heard = b""
    try:
        while piece := caller.recv(65536):
            heard += piece
    except ConnectionResetError:
        pass
    return heard


def answers(caller: socket.socket, count: int) -> bytes:
    """What comes until so many calls are answered."""
    heard = b""
    while heard.count(b'{"status":"ok"}') < count:
        piece = caller.recv(65536)
        assert piece, heard
        heard += piece
    return heard


@pytest.mark.parametrize("start", [b"GET /", LINE + b"X-Long: ", LINE + b"X: y\r\n" * 20], ids=["url", "one", "many"])
def test_a_head_beyond_the_limit_is_refused_and_the_connection_closed(process: int, start: bytes) -> None:
    more = b"X: y\r\n" if start.endswith(b"\n") else b"a"
    with connected(process) as caller:
        caller.sendall(start + more * (ROOM // len(more)))
        heard = said(caller)
    assert heard.startswith(b"HTTP/1.1 431 ") and b"connection: close" in heard


def test_a_head_without_end_is_not_swallowed(process: int) -> None:
    sent = 0
    with connected(process) as caller, pytest.raises(OSError):  # noqa: PT012 - somewhere on the way it ends
        caller.sendall(LINE + b"X-Long: ")
        for _ in range(1000):
            caller.sendall(b"a" * 65536)
            sent += 65536
    assert sent < 32 << 20


def test_what_follows_the_last_piece_of_a_body_is_limited_too(process: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(process) as caller:
        caller.sendall(head + b"3\r\nabc\r\n0\r\n")
        answers(caller, 1)
        with pytest.raises(OSError):  # noqa: PT012 - somewhere on the way it ends
            for _ in range(1000):
                caller.sendall(b"X: " + b"a" * 65536 + b"\r\n")


def test_a_head_below_the_limit_and_any_body_behind_it_are_taken(process: int) -> None:
    """A head in one piece with its body, in two pieces, and several calls in one go on one connection."""
    long = LINE + b"X-Long: " + b"a" * (ROOM - 2000) + b"\r\n"
    body = b"Content-Length: 300000\r\n\r\n" + b"b" * 300_000
    with connected(process) as caller:
        caller.sendall(long + body)
        answers(caller, 1)
        caller.sendall(long[:40000])
        time.sleep(0.1)
        caller.sendall(long[40000:] + body)
        answers(caller, 1)
        caller.sendall((LINE + body) * 3 + long + b"\r\n")
        answers(caller, 4)


@pytest.mark.parametrize(
    "first", [b"", b"G", LINE, LINE[:-2] + b"\r\nContent-Length: 9\r\n\r\nabc"], ids=["idle", "byte", "head", "body"]
)
def test_a_caller_that_does_not_end_its_request_is_closed(hurried: int, first: bytes) -> None:
    """The last one is answered before its body is whole, and the answer comes in full."""
    started = time.monotonic()
    with connected(hurried) as caller:
        caller.sendall(first)
        heard = said(caller)
    assert SOON * 0.8 < time.monotonic() - started < SECONDS
    assert (b'{"status":"ok"}' in heard) == first.endswith(b"abc")


@pytest.mark.parametrize("drop", [b"X: y\r\n", b"\r\n"], ids=["headers", "empty lines"])
def test_a_caller_that_sends_drop_by_drop_is_closed_also_after_a_first_call(hurried: int, drop: bytes) -> None:
    with connected(hurried) as caller:
        caller.sendall(LINE + b"\r\n")
        answers(caller, 1)
        caller.sendall(LINE if drop.startswith(b"X") else drop)
        started = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT012 - somewhere on the way it ends
            while time.monotonic() - started < SECONDS:
                time.sleep(0.2)
                caller.sendall(drop)


def test_the_time_between_two_calls_is_not_that_of_a_head(hurried: int) -> None:
    with connected(hurried) as caller:
        for _ in range(2):
            caller.sendall(LINE + b"\r\n")
            answers(caller, 1)
            time.sleep(SOON * 1.5)


def test_a_slow_body_is_not_a_slow_head(hurried: int) -> None:
    head = b"POST /evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    with connected(hurried) as caller:
        caller.sendall(head + b"{")
        time.sleep(SOON * 1.5)
        caller.sendall(b"}")
        assert caller.recv(4000).startswith(b"HTTP/1.1 400 ")
