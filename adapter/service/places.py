"""The places for calls that read a FHIR server, so that no other call waits behind them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, Semaphore, WouldBlock, move_on_after, to_thread

from adapter.service.refusals import Refusal

AT_ONCE = 24
T = TypeVar("T")


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
