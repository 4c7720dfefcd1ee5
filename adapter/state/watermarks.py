"""How far each server was read."""

from __future__ import annotations

import sqlalchemy as sa

from adapter.state.tables import WATERMARKS
from adapter.state.upsert import upsert


class Watermarks:
    """Texts (instants, hashes) by server base URL and name."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, server: str, name: str) -> str | None:
        """The value, None when there is none."""
        query = sa.select(WATERMARKS.c.value).where(WATERMARKS.c.server == server, WATERMARKS.c.name == name)
        with self._engine.connect() as connection:
            return connection.scalar(query)

    def put(self, server: str, name: str, value: str) -> None:
        """Set the value."""
        with self._engine.begin() as connection:
            upsert(connection, WATERMARKS, {"server": server, "name": name, "value": value})
