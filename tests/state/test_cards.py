"""What the state database remembers of cards: shown, reported, and how an older database gets there."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from adapter.errors import UsageError
from adapter.state import open_state
from adapter.state.feedback import Feedback, now
from adapter.state.shown import Shown
from adapter.state.standing import standing
from adapter.state.tables import (
    FATES,
    FEEDBACK,
    LEDGER,
    LOCKS,
    MET,
    STEPS,
    STRANGERS,
    TOKENS,
    UNMAPPED,
    VERSION,
    WATERMARKS,
)
from adapter.state.tally import UNKNOWN, Fate, tally

ONE = Shown("card-1", "view", "ehr", "2024-05-01", False, "interval.tki")
OVERRIDE = Feedback("view", "card-1", "overridden", "2024-05-01T10:00:00+00:00", "ehr", '{"reason":{"code":"x"}}')
ACCEPT = Feedback("view", "card-1", "accepted", "2024-05-01T11:00:00+00:00", "ehr", '{"suggestions":["s"]}')


def test_counts_of_a_card_add_up_over_notes_and_stores(url: str) -> None:
    with open_state(url) as one, open_state(url) as other:
        one.shown.note([ONE, ONE])
        other.shown.note([ONE])
        one.shown.flush()
        other.shown.flush()
        assert one.shown.counted() == {Shown("card-1", "view", "ehr", "", False, "interval.tki"): 3}
        assert one.shown.counted("2024-05-02") == {}


def test_counts_of_many_at_once_lose_nothing(url: str) -> None:
    several = [Shown(f"card-{number}", "view", "", "2024-05-01", False, "x") for number in range(20)]

    def work(order: int) -> None:
        with open_state(url) as state:
            for _ in range(5):
                state.shown.note(several[::order])
                state.shown.flush()

    workers = [threading.Thread(target=work, args=(order,)) for order in (1, -1, 1, -1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with open_state(url) as state:
        assert set(state.shown.counted().values()) == {20} and len(state.shown.counted()) == 20


def test_counts_wait_for_a_database_that_fails_and_are_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(f"sqlite:///{path}") as state:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE hcc_card RENAME TO away")
        state.shown.note([ONE])
        until = time.monotonic() + 5
        while state.shown.trouble is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE away RENAME TO hcc_card")
        state.shown.flush()
        assert list(state.shown.counted().values()) == [1]


def test_the_newest_report_by_its_own_time_says_whether_a_card_is_overridden(url: str) -> None:
    with open_state(url) as state:
        assert state.feedback.add_all([ACCEPT, OVERRIDE, OVERRIDE]) == 2
        assert state.feedback.overridden(["card-1"]) == frozenset()
        later = Feedback("view", "card-1", "overridden", "2024-05-01T11:00:00+00:00", "ehr")
        assert state.feedback.add(later)
        assert not state.feedback.add(ACCEPT)
        assert state.feedback.overridden(["card-1", "card-2"]) == {"card-1"}
        assert state.feedback.overridden(["card-1"], "ehr") == {"card-1"}
        assert state.feedback.overridden(["card-1"], "other") == frozenset()
        assert state.feedback.all() == (ACCEPT, OVERRIDE, later)


def test_a_report_from_the_future_counts_from_when_it_came(url: str) -> None:
    """It is kept as it was sent; also one that an older version took at its word is no longer the newest for ever."""
    ahead = msgspec.structs.replace(OVERRIDE, outcome_at="9999-12-31T23:59:59+00:00")
    with open_state(url) as state:
        assert [state.feedback.add(ahead), state.feedback.add(ahead), state.feedback.add(ACCEPT)] == [True, False, True]
        assert state.feedback.overridden(["card-1"]) == {"card-1"}
        today = msgspec.structs.replace(ACCEPT, outcome_at=now())
        assert state.feedback.add(today)
        assert state.feedback.overridden(["card-1"]) == frozenset()
        assert state.feedback.all() == (ahead, ACCEPT, today)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.update(FATES).values(outcome="overridden", outcome_at=ahead.outcome_at))
        engine.dispose()
        assert state.feedback.add(msgspec.structs.replace(ACCEPT, outcome_at="2024-06-01T10:00:00+00:00"))
        assert state.feedback.overridden(["card-1"]) == frozenset()
    (fate,) = tally({}, [ahead, ACCEPT])
    assert (fate.accepted, fate.overridden) == (1, 0)


def test_batches_of_the_same_cards_at_once_are_kept_once_and_wait_for_no_end(url: str) -> None:
    several = [Feedback("view", f"card-{n}", "overridden", "2024-05-01T10:00:00+00:00") for n in range(50)]
    kept: list[int] = []

    def work(order: int) -> None:
        with open_state(url) as state:
            kept.append(state.feedback.add_all(several[::order]))

    workers = [threading.Thread(target=work, args=(order,)) for order in (1, -1, 1, -1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(kept) == [0, 0, 0, 50]


def test_an_older_database_is_brought_up_to_date_with_its_feedback(url: str) -> None:
    engine = sa.create_engine(url)
    (Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)) if "sqlite" in url else None
    old = {"service": "view", "card": "card-1", "client": "ehr"}
    with engine.begin() as connection:
        for table in (VERSION, LEDGER, WATERMARKS, LOCKS, TOKENS, FEEDBACK, UNMAPPED, STRANGERS, MET):
            table.create(connection)
        connection.execute(sa.insert(VERSION), [{"version": 1}, {"version": 2}])
        for report in (ACCEPT, OVERRIDE):
            row = {**old, "outcome": report.outcome, "outcome_at": report.outcome_at, "reasons": report.reasons}
            connection.execute(sa.insert(FEEDBACK).values(**row))
    engine.dispose()
    assert (standing(url).version, standing(url).newest) == (2, len(STEPS))
    with open_state(url) as state:
        assert state.feedback.all() == (ACCEPT, OVERRIDE)
        assert state.feedback.overridden(["card-1"]) == frozenset()
        assert not state.feedback.add(OVERRIDE)
    assert standing(url).version == len(STEPS)


def test_looking_at_a_database_makes_none(url: str) -> None:
    assert standing(url).version is None
    assert standing(url).version is None
    assert "sqlite" not in url or not Path(url.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("wrong", ["nonsense", "mysql://x/y", "sqlite:////proc/none/state.db", "oracle+z://x"])
def test_a_database_that_could_not_be_opened_is_one_clear_error(wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        standing(wrong)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_and_a_newer_one_are_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("no database at all, but long enough to look at" * 40)
    with pytest.raises(UsageError, match="cannot be used"):
        standing(f"sqlite:///{path}")
    path.unlink()
    with open_state(f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO hcc_version (version) VALUES (99)")
        connection.commit()
    with pytest.raises(UsageError, match="newer"):
        standing(f"sqlite:///{path}")


def test_a_tally_counts_each_card_once_by_its_newest_report() -> None:
    two, three = (Shown(card, "view", "ehr", "", False, "interval.tki") for card in ("card-2", "card-3"))
    quiet = Shown("card-1", "view", "ehr", "", True, "interval.tki")
    foreign = Feedback("view", "card-2", "accepted", "2024-05-01T11:00:00+00:00", "other")
    comment = Feedback("view", "card-3", "overridden", "2024-05-01T11:00:00+00:00", "ehr", '{"comment":"Mr X"}')
    odd = Feedback("view", "card-9", "overridden", "2024-05-01T11:00:00+00:00", "ehr", '{"reason":{"code":"Mr X"}}')
    counts = {Shown("card-1", "view", "ehr", "", False, "interval.tki"): 4, two: 1, three: 2, quiet: 5}
    found = tally(counts, [ACCEPT, OVERRIDE, foreign, comment, odd])
    unknown = Fate("view", UNKNOWN, accepted=1, overridden=1, reasons={"(other)": 1})
    rule = Fate("view", "interval.tki", 3, 7, 1, 1, 1, 1, 5, {"(comment only)": 1})
    assert found == (unknown, rule)
    assert tally({}, [ACCEPT], "2024-05-02") == ()
