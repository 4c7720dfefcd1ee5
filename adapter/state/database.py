"""The open state database and everything that is kept in it."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from adapter.errors import UsageError
from adapter.state.feedback import FeedbackStore
from adapter.state.ledger import Ledger
from adapter.state.locks import Locks
from adapter.state.opened import OpenedFile
from adapter.state.prompt import AT_ONCE, QUICK_SECONDS, Prompt
from adapter.state.replay import ReplayStore
from adapter.state.shown import ShownStore
from adapter.state.tables import STEPS, VERSION, WATERMARKS, migrate
from adapter.state.unmapped import StrangerStore
from adapter.state.upsert import upsert
from adapter.state.watermarks import Watermarks

_BUSY_SECONDS = 30
REST_SECONDS = 5.0
_ATTEMPTS, _PAUSE_SECONDS = 4, 0.2
_TRIAL = {"server": "", "name": "ready"}


class State:
    """Ledger, watermarks, locks, replay store, feedback, shown cards and unsettled codes of one database.

    `quick` reaches the same database and gives up soon.
    """

    def __init__(self, engine: sa.Engine, quick: sa.Engine | None = None) -> None:
        self._engine = engine
        self._quick = quick or engine
        self._prompt = Prompt(self._quick)
        self.ledger = Ledger(engine)
        self.watermarks = Watermarks(engine)
        self.locks = Locks(engine)
        self.replay = ReplayStore(self._prompt)
        self.feedback = FeedbackStore(engine, self._prompt)
        self.shown = ShownStore(engine)
        self.strangers = StrangerStore(engine)
        self.resting_until = -math.inf

    def rest(self) -> None:
        """After a failure: for a while nothing is asked that a call could do without."""
        self.resting_until = time.monotonic() + REST_SECONDS

    def ready(self) -> bool:
        """Whether the database answers and keeps what it is given: a trial row is written."""
        try:
            return self._prompt.run(_tried)
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """Write what waits, and give the connections back."""
        self.shown.close()
        self._quick.dispose()
        self._engine.dispose()


def _tried(connection: sa.Connection) -> bool:
    upsert(connection, WATERMARKS, {**_TRIAL, "value": str(time.time())})
    return connection.scalar(sa.select(sa.func.max(VERSION.c.version))) is not None


@contextmanager
def open_state(url: str) -> Iterator[State]:
    """The database at an SQLAlchemy URL (SQLite or PostgreSQL), made or brought up to date.

    Raises UsageError when it cannot be opened or was written by a newer version of the adapter.
    """
    try:
        engine, quick = _engine(url), _engine(url, quick=True)
        version = _migrated(engine)
    except (ArgumentError, NoSuchModuleError):
        raise UsageError("the state database's address is no SQLAlchemy URL of SQLite or PostgreSQL") from None
    except (SQLAlchemyError, OSError) as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        raise UsageError(f"the state database cannot be opened ({reason}): check its address and rights") from None
    if version > len(STEPS):
        engine.dispose()
        raise UsageError("the state database was made by a newer version of the adapter: use that version")
    state = State(engine, None if isinstance(engine.pool, sa.StaticPool) else quick)
    try:
        yield state
    finally:
        state.close()


def _migrated(engine: sa.Engine) -> int:
    # Several processes may start at once and trip over each other's new tables; then the tables are there.
    for _ in range(_ATTEMPTS):
        try:
            return migrate(engine)
        except (OperationalError, ProgrammingError, IntegrityError):
            time.sleep(_PAUSE_SECONDS)
    return migrate(engine)


def in_memory(url: str) -> bool:
    """Whether a state lasts no longer than its process; False for an address that is none, which opening it tells."""
    try:
        address = sa.make_url(url)
    except ArgumentError:
        return False
    if address.get_backend_name() != "sqlite":
        return False
    name = address.database or ":memory:"
    if not name.startswith("file:"):
        return name == ":memory:"
    return name.startswith("file::memory:") or "mode=memory" in name or address.query.get("mode") == "memory"


def _engine(url: str, *, quick: bool = False) -> sa.Engine:
    address = sa.make_url(url)
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise ArgumentError(address.get_backend_name())
    if address.get_backend_name() == "postgresql":
        return _postgresql(address, quick)
    if not address.database or address.database == ":memory:":
        return sa.create_engine(address, poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    patience = QUICK_SECONDS if quick else _BUSY_SECONDS
    engine = sa.create_engine(address, connect_args={"timeout": patience}, max_overflow=AT_ONCE, pool_timeout=patience)
    if "uri" not in address.query:  # then SQLite alone knows which file is meant
        OpenedFile(Path(address.database)).watched(engine)
    sa.event.listen(engine, "connect", _tuned)
    return engine


def _postgresql(address: sa.URL, quick: bool) -> sa.Engine:
    if not quick:
        return sa.create_engine(address, pool_pre_ping=True)
    limits: dict[str, object] = {
        "connect_timeout": QUICK_SECONDS,
        "tcp_user_timeout": QUICK_SECONDS * 1000,
        "keepalives_idle": QUICK_SECONDS,
        "keepalives_interval": 1,
        "keepalives_count": 2,
    }
    if "options" not in address.query:
        limits["options"] = f"-c statement_timeout={QUICK_SECONDS * 1000}"
    return sa.create_engine(
        address, pool_pre_ping=True, connect_args=limits, max_overflow=AT_ONCE, pool_timeout=QUICK_SECONDS
    )


def _tuned(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
