"""The start and the sure end of a small HTTP server that a test writes for itself."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet(BaseHTTPRequestHandler):
    """Answers without a line on stderr for each."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Listening:
    """A server on a free port of this machine, in a thread of its own until `close`; `origin` is its address."""

    def __init__(self, answers: type[BaseHTTPRequestHandler], secured: ssl.SSLContext | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
        self.port: int = self._server.server_address[1]
        self.origin = f"{'https' if secured else 'http'}://127.0.0.1:{self.port}"
        if secured:
            self._server.socket = secured.wrap_socket(self._server.socket, server_side=True)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Takes no more calls; answers that still hang die with the process at the latest."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
