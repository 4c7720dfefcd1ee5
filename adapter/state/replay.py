"""Tokens that were used already, so that none is accepted twice."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from adapter.state.prompt import Prompt
from adapter.state.tables import TOKENS

PURGE_SECONDS = 60.0
GRACE_SECONDS = 5.0
"""Kept longer than the token holds: who checks its times counts whole seconds, and on a clock of its own."""


class ReplayStore:
    """Issuer and jti (its hash: any length, any character) of every token until it expires."""

    def __init__(self, prompt: Prompt, clock: Callable[[], float] = time.time) -> None:
        self._prompt, self._clock = prompt, clock
        self._purged = -math.inf

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether the token was not used while it held; remembers it until `expires` (seconds since the epoch).

        Raises SQLAlchemyError.
        """
        name = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()
        row, now = {"issuer": issuer, "jti": name, "expires": expires}, self._clock()
        return self._prompt.run(lambda connection: self._noted(connection, row, now))

    def _noted(self, connection: sa.Connection, row: Mapping[str, Any], now: float) -> bool:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(TOKENS).values(**row)
        over = TOKENS.c.expires < now - GRACE_SECONDS
        statement = statement.on_conflict_do_update(
            index_elements=["issuer", "jti"], set_={"expires": statement.excluded.expires}, where=over
        )
        # The number of rows is not told by every driver, the rows themselves are.
        new = connection.execute(statement.returning(TOKENS.c.jti)).first() is not None
        if now - self._purged >= PURGE_SECONDS:
            self._purged = now
            connection.execute(sa.delete(TOKENS).where(over))
        return new
