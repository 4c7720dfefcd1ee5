"""What was written where: id, version and content hash of each of our resources."""

from __future__ import annotations

import time

import msgspec
import sqlalchemy as sa

from adapter.state.tables import LEDGER
from adapter.state.upsert import upsert


class Line(msgspec.Struct, frozen=True):
    """One resource of ours on a server; `key` is its identifier, `patient` the reference it is about."""

    key: str
    patient: str
    kind: str
    id: str
    version: str | None
    hash: str


class Ledger:
    """Lines by server base URL and key."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, server: str, line: Line) -> None:
        """Remember what now stands on the server."""
        row = {"server": server, "at": time.time(), **msgspec.structs.asdict(line)}
        with self._engine.begin() as connection:
            upsert(connection, LEDGER, row)

    def line(self, server: str, key: str) -> Line | None:
        """What was last written under a key, None when nothing is remembered."""
        query = sa.select(LEDGER).where(LEDGER.c.server == server, LEDGER.c.key == key)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else Line(**{name: row[name] for name in Line.__struct_fields__})

    def patients(self, server: str) -> tuple[str, ...]:
        """References of all patients for whom something was written, sorted."""
        query = sa.select(LEDGER.c.patient).where(LEDGER.c.server == server).distinct()
        with self._engine.connect() as connection:
            return tuple(sorted(connection.scalars(query)))
