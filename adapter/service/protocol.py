"""The HTTP protocol of the service: what a caller may send and how long, before anybody knows who calls."""

from __future__ import annotations

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 << 10
"""Bytes of a request's first line and headers, and of what follows the last piece of a chunked body."""
HEAD_SECONDS = 20.0
"""How long a head may take from the connection or its first byte on, and a body whose call is answered already."""
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
log = logging.getLogger("hcc.service")


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's fast protocol with a limit on the size of a head and on the time that it takes.

    Between two calls of a connection uvicorn's own limit (`timeout_keep_alive`) holds.
    """

    _in_head = True
    _unspent = LONGEST_HEAD
    _progress = 0
    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows asyncio's too
        """A caller is there, and must say something."""
        super().connection_made(transport)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._calm()
        super().connection_lost(exc)

    def take(self, data: bytes) -> None:
        """Take what came; of a head no more than the limit, while a body behind it may be of any size."""
        while data and not self.transport.is_closing():
            if self._in_head:
                self._hurry()
            piece, data = (data[: self._unspent], data[self._unspent :]) if self._in_head else (data, b"")
            before = self._progress
            super().data_received(piece)
            if before != self._progress:
                continue
            self._unspent -= len(piece)
            if self._unspent <= 0 and not self.transport.is_closing():
                self._refuse()

    data_received = take  # asyncio's name for it

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._hurry()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._calm()
        self._reach(in_head=False)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, whose size is the application's to judge."""
        self._reach(in_head=False)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; what comes next is another head."""
        self._calm()
        self._reach(in_head=True)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The call is answered; the rest of a body that nobody read may not take for ever."""
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing():
            self._hurry()

    def _reach(self, *, in_head: bool) -> None:
        """The request got further: what the limit counts starts anew."""
        self._in_head, self._unspent = in_head, LONGEST_HEAD
        self._progress += 1

    def _hurry(self) -> None:
        if self._ending is None:
            self._ending = self.loop.call_later(HEAD_SECONDS, self._end)

    def _calm(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        """Too slow; a call that is being answered is answered first."""
        self._ending = None
        if not self.transport.is_closing():
            self.shutdown()

    def _refuse(self) -> None:
        log.warning("refused a request whose head is larger than %d bytes", LONGEST_HEAD)
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_TOO_LONG)
        self.transport.close()
