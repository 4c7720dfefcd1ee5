"""Tokens that were used already, so that none is accepted twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from adapter.state.tables import TOKENS
from adapter.state.upsert import insert_new


class ReplayStore:
    """Issuer and jti of every token until it expires."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether the token was never seen; remembers it until `expires` (seconds since the epoch)."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TOKENS).where(TOKENS.c.expires < self._clock()))
            return insert_new(connection, TOKENS, {"issuer": issuer, "jti": jti, "expires": expires})
