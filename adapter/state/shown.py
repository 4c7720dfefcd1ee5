"""Which cards were shown, or would have been: by card, service and day, and nothing of a patient."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from adapter.state.tables import CARDS

GATHERED_SECONDS = 0.5
"""How long counts are gathered before they are written together."""
PAUSE_SECONDS = 5.0
MOST_WAITING = 20_000
_CLOSING_SECONDS = 5.0
log = logging.getLogger("hcc.service")


class Shown(msgspec.Struct, frozen=True, order=True):
    """A card on one day (ISO, UTC): `topic` is the rule that made it, `silent`: it was evaluated and not shown.

    `client`: the caller, empty where every caller is trusted.
    """

    card: str
    service: str
    client: str
    day: str
    silent: bool
    topic: str


class ShownStore:
    """Counts of shown cards, written together by one thread, so that no call waits for them or fails with them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: Counter[Shown] = Counter()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = threading.Event()
        self.trouble: str | None = None

    def note(self, several: Iterable[Shown]) -> None:
        """Count each once more; written within a moment."""
        with self._changed:
            idle = not self._waiting
            self._waiting.update(several)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="shown", daemon=True)
                self._writer.start()
            if idle:  # else the writer knows, and to wake it would hold up the call
                self._changed.notify()

    def flush(self) -> None:
        """Write what waits now. Raises SQLAlchemyError, and then it waits still."""
        with self._writing:
            with self._changed:
                taken, self._waiting = self._waiting, Counter()
            try:
                self._add(taken)
            except SQLAlchemyError:
                self._give_back(taken)
                raise

    def close(self) -> None:
        """Write the rest, and end."""
        with self._changed:
            self._closed.set()
            self._changed.notify()
        if self._writer is not None:
            self._writer.join(_CLOSING_SECONDS)

    def counted(self, since: str = "") -> dict[Shown, int]:
        """How often each card was shown from a day (ISO) on; the day of a count is left empty."""
        named = [CARDS.c[name] for name in ("card", "service", "client", "silent", "topic")]
        query = sa.select(*named, sa.func.sum(CARDS.c.times)).where(CARDS.c.day >= since).group_by(*named)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {Shown(row[0], row[1], row[2], "", bool(row[3]), row[4]): int(row[5]) for row in rows}

    def _add(self, counts: Counter[Shown]) -> None:
        if not counts:
            return
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(CARDS)
        more = {"times": CARDS.c.times + statement.excluded.times, "topic": statement.excluded.topic}
        statement = statement.on_conflict_do_update(index_elements=[c.name for c in CARDS.primary_key], set_=more)
        # In one order for all writers, so that two of them never wait for each other.
        ordered = sorted(counts.items())
        rows = [{**msgspec.structs.asdict(one), "silent": int(one.silent), "times": n} for one, n in ordered]
        with self._engine.begin() as connection:
            connection.execute(statement, rows)

    def _give_back(self, taken: Counter[Shown]) -> None:
        with self._changed:
            if len(self._waiting) + len(taken) <= MOST_WAITING:
                self._waiting.update(taken)
                self._changed.notify()
            else:
                log.error("cards that were shown could not be counted: the state database takes nothing for too long")

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed.is_set():
                    self._changed.wait()
                if not self._waiting:
                    return
            self._closed.wait(GATHERED_SECONDS)
            if not self._written() and self._closed.wait(PAUSE_SECONDS):
                return

    def _written(self) -> bool:
        try:
            self.flush()
        except SQLAlchemyError as error:
            if self.trouble is None:
                log.error(
                    "cards that were shown cannot be counted: the state database fails (%s)", type(error).__name__
                )
            self.trouble = f"the state database takes nothing ({type(error).__name__}): shown cards are not counted"
            return False
        self.trouble = None
        return True


def today() -> str:
    """The day now, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime())
