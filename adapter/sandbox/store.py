"""Versions of resources in a SQL database, with the values that searches look for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from adapter.errors import UsageError
from adapter.sandbox.indexing import IndexRow, index_rows
from adapter.sandbox.refusal import JsonObject

_TABLES = sa.MetaData()
VERSIONS = sa.Table(
    "sandbox_version",
    _TABLES,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated", sa.BigInteger, nullable=False),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("latest", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.UniqueConstraint("kind", "id", "version"),
)
INDEXED = sa.Table(
    "sandbox_indexed",
    _TABLES,
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("system", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("low", sa.BigInteger),
    sa.Column("high", sa.BigInteger),
    sa.Index("sandbox_indexed_value", "kind", "name", "code"),
    sa.Index("sandbox_indexed_resource", "kind", "id"),
)
# Built once: making a statement costs SQLAlchemy more than SQLite needs to carry it out.
_KIND: sa.BindParameter[Any] = sa.bindparam("of_kind")
_ID: sa.BindParameter[Any] = sa.bindparam("of_id")
_NUMBER: sa.BindParameter[Any] = sa.bindparam("of_number")
_LATEST = sa.select(VERSIONS).where(VERSIONS.c.kind == _KIND, VERSIONS.c.id == _ID, VERSIONS.c.latest)
_NUMBERED = sa.select(VERSIONS).where(VERSIONS.c.kind == _KIND, VERSIONS.c.id == _ID, VERSIONS.c.version == _NUMBER)
_SUPERSEDE = sa.update(VERSIONS).where(VERSIONS.c.kind == _KIND, VERSIONS.c.id == _ID).values(latest=False)
_FORGET = sa.delete(INDEXED).where(INDEXED.c.kind == _KIND, INDEXED.c.id == _ID)
_ADD, _ADD_INDEXED = sa.insert(VERSIONS), sa.insert(INDEXED)


@dataclass(frozen=True)
class Version:
    """One version of a resource; `body` None is a deletion; `updated` in microseconds since 1970 UTC."""

    sequence: int
    kind: str
    id: str
    number: int
    updated: int
    method: str
    body: JsonObject | None

    @property
    def etag(self) -> str:
        """The version as an entity tag."""
        return f'W/"{self.number}"'

    @property
    def instant(self) -> str:
        """When it was written, as a FHIR instant."""
        return instant(self.updated)

    @property
    def path(self) -> str:
        """The relative address of this version."""
        return f"{self.kind}/{self.id}/_history/{self.number}"


class Shelf:
    """The store inside one database transaction."""

    def __init__(self, connection: sa.Connection, now: int) -> None:
        self.connection = connection
        self.now = now

    def latest(self, kind: str, identity: str) -> Version | None:
        """The current version, which may be a deletion."""
        return self._one(_LATEST, of_kind=kind, of_id=identity)

    def latest_of(self, kind: str, ids: Sequence[str]) -> list[Version]:
        """The current versions that are there, in the order of the ids."""
        query = sa.select(VERSIONS).where(VERSIONS.c.kind == kind, VERSIONS.c.latest, VERSIONS.c.id.in_(ids))
        found = {version.id: version for version in self.select(query) if version.body is not None}
        return [found[identity] for identity in ids if identity in found]

    def version(self, kind: str, identity: str, number: int) -> Version | None:
        """One version of a resource."""
        return self._one(_NUMBERED, of_kind=kind, of_id=identity, of_number=number)

    def select(self, query: sa.Select[Any]) -> list[Version]:
        """Versions by a select over the table of versions."""
        return [_version(row) for row in self.connection.execute(query)]

    def write(self, kind: str, identity: str, method: str, body: JsonObject | None) -> Version:
        """Add a version; its id, versionId and lastUpdated are set here. The body None deletes."""
        before = self.latest(kind, identity)
        number = before.number + 1 if before else 1
        stamped = None if body is None else _stamped(body, identity, number, self.now)
        if before is not None:
            self._make_room(kind, identity)
        values = {"kind": kind, "id": identity, "version": number, "updated": self.now, "method": method}
        packed = None if stamped is None else orjson.dumps(stamped)
        added = self.connection.execute(_ADD, {**values, "latest": True, "body": packed})
        if stamped is not None:
            self._index(kind, identity, index_rows(stamped))
        key = added.inserted_primary_key
        return Version(key[0] if key else 0, kind, identity, number, self.now, method, stamped)

    def _one(self, query: sa.Select[Any], **key: object) -> Version | None:
        row = self.connection.execute(query, key).first()
        return None if row is None else _version(row)

    def _make_room(self, kind: str, identity: str) -> None:
        key = {"of_kind": kind, "of_id": identity}
        self.connection.execute(_SUPERSEDE, key)
        self.connection.execute(_FORGET, key)

    def _index(self, kind: str, identity: str, rows: list[IndexRow]) -> None:
        values = [
            {
                "kind": kind,
                "id": identity,
                "name": r.name,
                "system": r.system,
                "code": r.code,
                "low": r.low,
                "high": r.high,
            }
            for r in rows
        ]
        if values:
            self.connection.execute(_ADD_INDEXED, values)


class Store:
    """A database of versions; one transaction at a time, so that every reader sees whole writes only."""

    def __init__(self, url: str = "sqlite://") -> None:
        """`url`: an SQLAlchemy URL of SQLite; without a path the store lives in memory. Raises UsageError."""
        self._lock = threading.Lock()
        try:
            self._engine = _engine(url)
            _TABLES.create_all(self._engine)
        except SQLAlchemyError:
            raise UsageError(f"sandbox: no store at {url}; give an SQLite URL such as sqlite:///sandbox.db") from None

    @contextmanager
    def transaction(self) -> Iterator[Shelf]:
        """A transaction that is undone as a whole when an error leaves it."""
        with self._lock, self._engine.begin() as connection:
            yield Shelf(connection, _clock())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _engine(url: str) -> sa.Engine:
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        raise ArgumentError("not SQLite")
    connect = {"check_same_thread": False}
    if address.database in (None, "", ":memory:"):
        return sa.create_engine(address, poolclass=StaticPool, connect_args=connect)
    return sa.create_engine(address, connect_args=connect)


def instant(microseconds: int) -> str:
    """Microseconds since 1970 as a FHIR instant in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds // 1000 % 1000:03d}+00:00"


def _clock() -> int:
    # Whole milliseconds: what a client reads in lastUpdated must equal what a search compares.
    return time.time_ns() // 1_000_000 * 1000


def _stamped(body: JsonObject, identity: str, number: int, now: int) -> JsonObject:
    meta = {**body.get("meta", {}), "versionId": str(number), "lastUpdated": instant(now)}
    rest = {key: value for key, value in body.items() if key not in ("resourceType", "id", "meta")}
    return {"resourceType": body["resourceType"], "id": identity, "meta": meta, **rest}


def _version(row: sa.Row[Any]) -> Version:
    body = None if row.body is None else orjson.loads(row.body)
    return Version(row.sequence, row.kind, row.id, row.version, row.updated, row.method, body)
