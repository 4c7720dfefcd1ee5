"""Codes of real records that no mapping table knows."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from adapter.state.tables import UNMAPPED
from adapter.state.upsert import upsert


class UnmappedCode(msgspec.Struct, frozen=True):
    """A code with the number of times that it was met; `reason` unknown or ambiguous."""

    system: str
    code: str
    reason: str
    count: int
    display: str | None = None


class UnmappedStore:
    """Unmapped codes by their source (a server's base URL)."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, source: str, found: UnmappedCode) -> None:
        """Add to the count of a code."""
        row = {"source": source, **msgspec.structs.asdict(found)}
        with self._engine.begin() as connection:
            upsert(connection, UNMAPPED, row, add="count")

    def all(self, source: str) -> tuple[UnmappedCode, ...]:
        """The codes of a source, the most frequent first."""
        query = sa.select(UNMAPPED).where(UNMAPPED.c.source == source)
        query = query.order_by(UNMAPPED.c.count.desc(), UNMAPPED.c.system, UNMAPPED.c.code)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(UnmappedCode(**{name: row[name] for name in UnmappedCode.__struct_fields__}) for row in rows)
