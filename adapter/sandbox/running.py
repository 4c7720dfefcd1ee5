"""The sandbox server as a running process or thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import uvicorn

from adapter.errors import RemoteError, UsageError
from adapter.sandbox.server import create_app
from adapter.sandbox.store import Store

_START_SECONDS = 20


def serve(
    port: int = 8090,
    store_url: str = "sqlite://",
    *,
    host: str = "127.0.0.1",
    log_level: str = "info",
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. `store_url`: an SQLAlchemy URL of SQLite; the default keeps everything in memory.

    `on_ready` hears the base address once the port is taken. Raises UsageError when port or store cannot be had.
    """
    with closing(Store(store_url)) as store, closing(_listening(host, port)) as listening:
        on_ready(_address(host, listening))
        with suppress(KeyboardInterrupt):  # the server has already shut down when it passes the signal on
            _server(store, log_level).run(sockets=[listening])


@contextmanager
def running_sandbox(port: int = 0, store_url: str = "sqlite://") -> Iterator[str]:
    """A server in a thread on 127.0.0.1 while the block runs; yields its base address. Port 0 takes a free one."""
    with closing(Store(store_url)) as store, closing(_listening("127.0.0.1", port)) as listening:
        server = _server(store, "warning")
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox", daemon=True)
        thread.start()
        try:
            _wait(server, thread)
            yield _address("127.0.0.1", listening)
        finally:
            server.should_exit = True
            thread.join()


def _server(store: Store, log_level: str) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(create_app(store), log_level=log_level, timeout_graceful_shutdown=2))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that say that they are TCP; with it each answer takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(f"sandbox: no port {port} on {host} ({error.strerror}); choose another --port") from None
    return listening


def _address(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}/fhir"


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RemoteError("sandbox: the server did not start; see its log")
        time.sleep(0.01)
