"""The open state database and everything that is kept in it."""

from __future__ import annotations

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
from adapter.state.replay import ReplayStore
from adapter.state.tables import STEPS, migrate
from adapter.state.unmapped import StrangerStore
from adapter.state.watermarks import Watermarks

_BUSY_SECONDS = 30
_ATTEMPTS, _PAUSE_SECONDS = 4, 0.2


class State:
    """Ledger, watermarks, locks, replay store, feedback and unsettled codes of one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.ledger = Ledger(engine)
        self.watermarks = Watermarks(engine)
        self.locks = Locks(engine)
        self.replay = ReplayStore(engine)
        self.feedback = FeedbackStore(engine)
        self.strangers = StrangerStore(engine)

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self._engine.connect() as connection:
                return bool(connection.scalar(sa.text("SELECT 1")) == 1)
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


@contextmanager
def open_state(url: str) -> Iterator[State]:
    """The database at an SQLAlchemy URL (SQLite or PostgreSQL), made or brought up to date.

    Raises UsageError when it cannot be opened or was written by a newer version of the adapter.
    """
    try:
        engine = _engine(url)
        version = _migrated(engine)
    except (ArgumentError, NoSuchModuleError):
        raise UsageError("the state database's address is no SQLAlchemy URL of SQLite or PostgreSQL") from None
    except (SQLAlchemyError, OSError) as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        raise UsageError(f"the state database cannot be opened ({reason}): check its address and rights") from None
    if version > len(STEPS):
        engine.dispose()
        raise UsageError("the state database was made by a newer version of the adapter: use that version")
    state = State(engine)
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


def _engine(url: str) -> sa.Engine:
    address = sa.make_url(url)
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise ArgumentError(address.get_backend_name())
    if address.get_backend_name() == "postgresql":
        return sa.create_engine(address, pool_pre_ping=True)
    if not address.database or address.database == ":memory:":
        return sa.create_engine(address, poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _tuned)
    return engine


def _tuned(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
