"""Insert-or-update that SQLite and PostgreSQL both know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Write the row over the one with its primary key."""
    upsert_all(connection, table, [row])


def upsert_all(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, keep: str | None = None
) -> None:
    """Write rows of the same columns over those with their primary keys; the column `keep` stays as it stands there."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in (*keys, keep)}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(map(dict, rows)))


def insert_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless one with its key is there; whether it is new."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # The number of rows is not told by every driver, the rows themselves are.
    statement = insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(statement).first() is not None
