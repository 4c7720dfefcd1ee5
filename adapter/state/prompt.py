"""Work in the database that somebody waits for: it ends in time, also when the database says nothing at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as DatabaseTimeout

QUICK_SECONDS = 2
"""How long a call over HTTP waits for the database before it goes on without, or is refused."""
AT_ONCE = 40
_GRACE_SECONDS = 0.3
"""The database's own limit comes first: it says more, and leaves nothing behind."""

Found = TypeVar("Found")


class Prompt:
    """Transactions of an engine that gives up soon.

    SQLite keeps its limit itself. A PostgreSQL server that is frozen, or whose network is, holds an open connection for
    as long as it likes; so its work has a thread, and whoever waits goes.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def run(self, work: Callable[[sa.Connection], Found]) -> Found:
        """What `work` finds in a transaction of its own. Raises SQLAlchemyError, DatabaseTimeout among them.

        Work that nobody waits for any more may still be done.
        """
        if self._engine.dialect.name != "postgresql":
            return self._done(work)
        until = time.monotonic() + QUICK_SECONDS + _GRACE_SECONDS
        if not self._places.acquire(timeout=QUICK_SECONDS):
            raise DatabaseTimeout("too many wait for the state database")
        outcome: Future[Found] = Future()
        # A daemon, since the end of the process shall not wait for it either.
        try:
            threading.Thread(target=self._work, args=(work, outcome), name="state", daemon=True).start()
        except RuntimeError:
            self._places.release()
            raise DatabaseTimeout("no thread is left for the state database") from None
        try:
            return outcome.result(until - time.monotonic())
        except TimeoutError:
            raise DatabaseTimeout(f"the state database said nothing for {QUICK_SECONDS} s") from None

    def _work(self, work: Callable[[sa.Connection], Found], outcome: Future[Found]) -> None:
        try:
            outcome.set_result(self._done(work))
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            outcome.set_exception(error)
        finally:
            self._places.release()

    def _done(self, work: Callable[[sa.Connection], Found]) -> Found:
        with self._engine.begin() as connection:
            return work(connection)
