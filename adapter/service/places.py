"""The places for calls: those that read a FHIR server and those that only compute do not wait for each other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, Semaphore, WouldBlock, move_on_after, to_thread

from adapter.service.refusals import Refusal

AT_ONCE = 24
COMPUTING = 8
COURTESY_SECONDS = 0.1
T = TypeVar("T")


class Lane:
    """Calls of one kind for which nothing has to be read; made inside a running event loop.

    One of them computes at a time, since two at once take longer than one after the other; but nobody waits longer than
    `COURTESY_SECONDS` for that, so that a record which takes seconds holds nobody up.
    """

    def __init__(self) -> None:
        self.places = CapacityLimiter(COMPUTING)
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Compute alone, as far as that can be had soon."""
        alone = self._turn.acquire(timeout=COURTESY_SECONDS)
        try:
            yield
        finally:
            if alone:
                self._turn.release()


class Places:
    """At most `at_once` calls read at the same time; made inside a running event loop."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = Semaphore(at_once)
        self._threads = CapacityLimiter(math.inf)

    async def run(self, work: Callable[[], T], deadline: float) -> T:
        """What `work` gives in a thread of its own; Refusal 503 when no place is free before the deadline."""
        await self._take(deadline)
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._free.release()

    async def _take(self, deadline: float) -> None:
        try:
            self._free.acquire_nowait()
            return
        except WouldBlock:
            pass
        with move_on_after(max(deadline - time.monotonic(), 0.0)) as waiting:
            await self._free.acquire()
        if waiting.cancelled_caught:
            told = "too many calls read from FHIR servers at the moment: call again, or prefetch"
            raise Refusal(503, told, headers={"Retry-After": "1"})
