"""What clinicians did with the cards that they were shown."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from adapter.state.tables import FEEDBACK
from adapter.state.upsert import insert_new


class Feedback(msgspec.Struct, frozen=True):
    """One card's fate: `outcome` accepted or overridden at `outcome_at` (instant), `reasons` as the client's codes."""

    service: str
    card: str
    outcome: str
    outcome_at: str
    client: str | None = None
    finding: str | None = None
    reasons: str | None = None


class FeedbackStore:
    """Feedback in the order in which it came; the same one twice is kept once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, feedback: Feedback) -> bool:
        """Keep it; False when it is known."""
        with self._engine.begin() as connection:
            return insert_new(connection, FEEDBACK, msgspec.structs.asdict(feedback))

    def all(self, service: str | None = None) -> tuple[Feedback, ...]:
        """All feedback, of one service when it is named."""
        query = sa.select(FEEDBACK).order_by(FEEDBACK.c.number)
        query = query if service is None else query.where(FEEDBACK.c.service == service)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(Feedback(**{name: row[name] for name in Feedback.__struct_fields__}) for row in rows)
