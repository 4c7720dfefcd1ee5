"""How a state database stands before anybody opens it: is it there, of which version, can it be written."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from adapter.errors import UsageError
from adapter.state.tables import STEPS, VERSION

_SECONDS = 3


class Standing(msgspec.Struct, frozen=True):
    """`version` None where there is no database of ours yet; `newest` the one that a start would make of it."""

    version: int | None
    newest: int = len(STEPS)


def standing(url: str) -> Standing:
    """What a start would find at an SQLAlchemy URL; changes nothing.

    Raises UsageError for what would stop the start.
    """
    try:
        address = sa.make_url(url)
        backend = address.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise ArgumentError(backend)
        found = _file(address.database) if backend == "sqlite" else _server(address)
    except (ArgumentError, NoSuchModuleError):
        raise UsageError("the state database's address is no SQLAlchemy URL of SQLite or PostgreSQL") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = type(getattr(error, "orig", None) or error).__name__
        raise UsageError(f"the state database cannot be used ({reason}): check its address and rights") from None
    if found is not None and found > len(STEPS):
        raise UsageError("the state database was made by a newer version of the adapter: use that version")
    return Standing(found)


def _file(database: str | None) -> int | None:
    if not database or database == ":memory:":
        return None
    path = Path(database)
    if not path.exists():
        there = next(folder for folder in path.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=there):  # a trial tells more than the folder's rights, and leaves nothing
            return None
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=_SECONDS)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")  # fails where it cannot be written
        named = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION.name,)).fetchone()
        row = connection.execute(f"SELECT max(version) FROM {VERSION.name}").fetchone() if named else None
        connection.execute("ROLLBACK")
    return int(row[0]) if row and row[0] is not None else None


def _server(address: sa.URL) -> int | None:
    engine = sa.create_engine(address, connect_args={"connect_timeout": _SECONDS}, poolclass=sa.NullPool)
    with engine.connect() as connection:
        known = sa.inspect(connection).has_table(VERSION.name)
        version = connection.scalar(sa.select(sa.func.max(VERSION.c.version))) if known else None
        if connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on":
            raise UsageError("the state database can only be read: name the one that takes writes")
        may_make = connection.scalar(sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')"))
    if (version or 0) < len(STEPS) and not may_make:
        raise UsageError("the state database's user may make no tables: grant CREATE on its schema")
    return None if version is None else int(version)
