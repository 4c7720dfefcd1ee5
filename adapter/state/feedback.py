"""What clinicians did with the cards that they were shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from adapter.state.prompt import Prompt
from adapter.state.tables import FATES, REPORTS, report_digest
from adapter.state.upsert import insert_new

OVERRIDDEN = "overridden"
# Made once: every call asks this, and putting the statement together takes longer than the database does.
_BY_ANYBODY = sa.select(FATES.c.card).where(
    FATES.c.card.in_(sa.bindparam("cards", expanding=True)), FATES.c.outcome == OVERRIDDEN
)
_BY_CALLER = _BY_ANYBODY.where(FATES.c.client == sa.bindparam("caller"))
_ONE_BATCH = 0x48434346


class Feedback(msgspec.Struct, frozen=True):
    """One report on a card: `outcome` accepted or overridden at `outcome_at` (UTC, ISO 8601), `reasons` as JSON.

    `client`: the caller that sent it, None where every caller is trusted.
    """

    service: str
    card: str
    outcome: str
    outcome_at: str
    client: str | None = None
    reasons: str | None = None


class FeedbackStore:
    """Reports in the order in which they came, the same one once; and of each card the newest by its own time.

    `prompt` is for what a call waits for.
    """

    def __init__(self, engine: sa.Engine, prompt: Prompt | None = None) -> None:
        self._engine, self._prompt = engine, prompt or Prompt(engine)

    def add(self, feedback: Feedback) -> bool:
        """Keep it; False when it is known."""
        return self.add_all([feedback]) == 1

    def add_all(self, several: Iterable[Feedback]) -> int:
        """Keep several, all or none, and count those that are new. Raises SQLAlchemyError."""
        received = now()

        def keep(connection: sa.Connection) -> int:
            if connection.dialect.name == "postgresql":
                # One batch after the other, so that two with the same cards never wait for each other.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_BATCH)))
            return sum(_kept(connection, one, received) for one in several)

        return self._prompt.run(keep)

    def all(self, service: str | None = None) -> tuple[Feedback, ...]:
        """All reports in their order, of one service when it is named."""
        query = sa.select(REPORTS).order_by(REPORTS.c.number)
        query = query if service is None else query.where(REPORTS.c.service == service)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(_report(row) for row in rows)

    def overridden(self, cards: Sequence[str], client: str | None = None) -> frozenset[str]:
        """Those of the cards whose newest report says overridden; `client`: by this caller. Raises SQLAlchemyError."""
        asked: dict[str, object] = {"cards": list(cards)}
        query = _BY_ANYBODY if client is None else _BY_CALLER
        if client is not None:
            asked["caller"] = client
        return self._prompt.run(lambda connection: frozenset(connection.scalars(query, asked)))


def now() -> str:
    """The moment now as reports name theirs."""
    return datetime.now(UTC).isoformat()


def _kept(connection: sa.Connection, feedback: Feedback, received: str) -> bool:
    row = {**msgspec.structs.asdict(feedback), "client": feedback.client or ""}
    if not insert_new(connection, REPORTS, {**row, "digest": report_digest(row)}):
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # A report from the future would stay the newest for ever: it counts from when it came.
    row["outcome_at"] = min(feedback.outcome_at, received)
    statement = insert(FATES).values({name: row[name] for name in FATES.c.keys()})  # noqa: SIM118
    newer = {name: statement.excluded[name] for name in ("outcome", "outcome_at")}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["card", "client"],
            set_=newer,
            where=sa.or_(FATES.c.outcome_at <= statement.excluded.outcome_at, FATES.c.outcome_at > received),
        )
    )
    return True


def _report(row: Any) -> Feedback:
    found = {name: row[name] for name in Feedback.__struct_fields__}
    return Feedback(**{**found, "client": found["client"] or None})
