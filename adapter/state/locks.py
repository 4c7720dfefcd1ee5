"""One writer for each patient, across threads, processes and machines that share the state database."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from adapter.errors import ConflictError
from adapter.state.tables import LOCKS
from adapter.state.upsert import insert_new

LEASE_SECONDS = 120.0
WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_PROCESS = uuid.uuid4().hex


class Locks:
    """Named locks: PostgreSQL's own advisory ones, leased rows elsewhere.

    A dead holder blocks nobody for long: PostgreSQL ends its session; a row of a process that no longer runs on this
    machine is taken over at once, one of another machine when its lease ends.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def held(self, name: str, wait: float = WAIT_SECONDS, lease: float = LEASE_SECONDS) -> Iterator[None]:
        """Hold the lock; raises ConflictError when another worker keeps it longer than `wait` seconds."""
        advisory = self._engine.dialect.name == "postgresql"
        with self._advisory(name, wait) if advisory else self._leased(name, wait, lease):
            yield

    @contextmanager
    def _advisory(self, name: str, wait: float) -> Iterator[None]:
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _until(lambda: bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key)))), wait)
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    @contextmanager
    def _leased(self, name: str, wait: float, lease: float) -> Iterator[None]:
        owner = f"{socket.gethostname()}|{os.getpid()}|{_PROCESS}|{uuid.uuid4().hex}"
        _until(lambda: self._taken(name, owner, lease), wait)
        stop = threading.Event()
        keeper = threading.Thread(target=self._renew, args=(name, owner, lease, stop), name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            stop.set()
            keeper.join()
            with self._engine.begin() as connection:
                connection.execute(sa.delete(LOCKS).where(LOCKS.c.name == name, LOCKS.c.owner == owner))

    def _taken(self, name: str, owner: str, lease: float) -> bool:
        now = time.time()
        with self._engine.begin() as connection:
            if insert_new(connection, LOCKS, {"name": name, "owner": owner, "expires": now + lease}):
                return True
            row = connection.execute(sa.select(LOCKS).where(LOCKS.c.name == name)).mappings().first()
            if row is None or (row["expires"] > now and not _dead(row["owner"])):
                return False
            mine = sa.update(LOCKS).where(LOCKS.c.name == name, LOCKS.c.owner == row["owner"])
            return connection.execute(mine.values(owner=owner, expires=now + lease)).rowcount == 1

    def _renew(self, name: str, owner: str, lease: float, stop: threading.Event) -> None:
        while not stop.wait(lease / 3):
            mine = sa.update(LOCKS).where(LOCKS.c.name == name, LOCKS.c.owner == owner)
            with self._engine.begin() as connection:
                connection.execute(mine.values(expires=time.time() + lease))


def _until(attempt: Callable[[], bool], wait: float) -> None:
    deadline = time.monotonic() + wait
    while not attempt():
        if time.monotonic() >= deadline:
            raise ConflictError("another worker is writing this patient's results: try again later")
        time.sleep(_POLL_SECONDS)


def _dead(owner: str) -> bool:
    """Whether the holder was a process of this machine that runs no more."""
    host, pid, process, _ = owner.split("|")
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return process != _PROCESS
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
