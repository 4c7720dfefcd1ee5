"""What the state database remembers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapter.errors import UsageError
from adapter.state import in_memory, open_state
from adapter.state.feedback import Feedback
from adapter.state.ledger import Line
from adapter.state.prompt import Prompt
from adapter.state.replay import ReplayStore
from adapter.terminology.strangers import Stranger

SERVER = "https://ehr.example.org/fhir"
LINE = Line(key="k1", patient="Patient/p1", kind="CarePlan", id="c1", version="1", hash="abc")


def test_the_ledger_keeps_the_last_line_of_each_key_across_restarts(url: str) -> None:
    later = Line(key="k1", patient="Patient/p1", kind="CarePlan", id="c1", version=None, hash="def")
    with open_state(url) as state:
        state.ledger.note(SERVER, LINE)
        state.ledger.note(SERVER, later)
        state.ledger.note("https://other.example.org", LINE)
    with open_state(url) as state:
        assert state.ledger.line(SERVER, "k1") == later
        assert state.ledger.line(SERVER, "k2") is None
        assert state.ledger.patients(SERVER) == ("Patient/p1",)
        assert state.ready()


def test_a_watermark_is_the_last_one_set(url: str) -> None:
    with open_state(url) as state:
        assert state.watermarks.get(SERVER, "Patient") is None
        state.watermarks.put(SERVER, "Patient", "2024-05-01T00:00:00Z")
        state.watermarks.put(SERVER, "Patient", "2024-05-02T00:00:00Z")
        assert state.watermarks.get(SERVER, "Patient") == "2024-05-02T00:00:00Z"


def test_a_token_is_accepted_once_until_it_expires(url: str) -> None:
    with open_state(url) as state:
        soon = time.time() + 60
        assert state.replay.first_use("iss", "j1", soon)
        assert not state.replay.first_use("iss", "j1", soon)
        assert state.replay.first_use("other", "j1", soon)
        assert state.replay.first_use("iss", "j0", time.time() - 1)
        assert not state.replay.first_use("iss", "j0", soon), "whoever checks the times counts whole seconds"
        assert state.replay.first_use("iss", "j2", time.time() - 60)
        assert state.replay.first_use("iss", "j2", soon)


def test_tokens_that_expired_are_forgotten(url: str) -> None:
    with open_state(url):
        pass
    engine, now = sa.create_engine(url), [1000.0]
    store = ReplayStore(Prompt(engine), lambda: now[0])
    assert all(store.first_use("iss", f"j{number}", 1100.0) for number in range(5))
    now[0] = 1200.0
    assert store.first_use("iss", "later", 1500.0)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM hcc_token")) == 1
    engine.dispose()


def test_a_token_used_by_many_at_once_is_accepted_once(url: str) -> None:
    with open_state(url) as state:
        accepted: list[bool] = []
        workers = [
            threading.Thread(target=lambda: accepted.append(state.replay.first_use("iss", "j", time.time() + 60)))
            for _ in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(accepted) == [False] * 7 + [True]


def test_feedback_is_kept_once_and_in_order(url: str) -> None:
    first = Feedback("patient-view", "card-1", "accepted", "2024-05-01T00:00:00Z", client="ehr")
    second = Feedback("order-sign", "card-2", "overridden", "2024-05-01T00:00:01Z", reasons='[{"code":"x"}]')
    with open_state(url) as state:
        assert [state.feedback.add(f) for f in (first, second, first)] == [True, True, False]
        assert state.feedback.all() == (first, second)
        assert state.feedback.all("order-sign") == (second,)


def met(name: str, unit: str | None = None, code: str | None = "ALT-1") -> Stranger:
    return Stranger(f"Observation/{name}", "http://h.example/lab", code, "ALT", "unknown", unit)


def test_a_second_reading_of_the_same_patient_counts_nothing_twice(url: str) -> None:
    first, second = "2024-05-01T00:00:00+00:00", "2024-06-01T00:00:00+00:00"
    with open_state(url) as state:
        for at in (first, second):
            state.strangers.put(SERVER, "Patient/p1", [met("o1", "U/L"), met("o2", "IU/L"), met("o3", "U/L")], at)
            state.strangers.put(SERVER, "Patient/p2", [met("o4"), met("o5", code=None)], at)
    with open_state(url) as state:
        alt, text = state.strangers.all(SERVER)
        assert (alt.count, alt.patients, alt.units, alt.example) == (4, 2, ("U/L", "IU/L"), "Observation/o4")
        assert (alt.first_seen, alt.last_seen) == (first, second)
        assert (text.count, text.code, text.display) == (1, None, "ALT")
        assert state.strangers.all("https://other.example.org") == ()
        assert state.strangers.sources() == (SERVER,)


def test_a_code_that_is_gone_stays_with_the_day_of_its_last_sight(url: str) -> None:
    with open_state(url) as state:
        state.strangers.put(SERVER, "Patient/p1", [met("o1", "U/L")], "2024-05-01")
        state.strangers.put(SERVER, "Patient/p1", [], "2024-06-01")
        (gone,) = state.strangers.all(SERVER)
    assert (gone.count, gone.patients, gone.units, gone.last_seen) == (0, 0, (), "2024-05-01")


def test_any_text_of_a_record_can_be_kept(url: str) -> None:
    odd = Stranger("Observation/\x00o", "s" * 9000, "c\x00" * 9000, "\ud800", "unit", "u" * 9000, ("alt",))
    with open_state(url) as state:
        state.strangers.put(SERVER, "Patient/p1", [odd], "2024-05-01")
        (kept,) = state.strangers.all(SERVER)
    assert kept.count == 1 and len(kept.system or "") == 500 and "\x00" not in (kept.code or "")


def test_a_lock_lets_one_worker_in_at_a_time(url: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with open_state(url) as state, state.locks.held("Patient/p1", wait=30):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == [1, 1, 1, 1]


def test_a_lock_that_stays_taken_is_told_and_another_name_is_free(url: str) -> None:
    with open_state(url) as one, open_state(url) as other, one.locks.held("Patient/p1"):
        with pytest.raises(Exception, match="another worker"), other.locks.held("Patient/p1", wait=0.2):
            pass
        with other.locks.held("Patient/p2", wait=0.2):
            pass


def test_a_lock_of_a_worker_that_was_killed_is_free_at_once(url: str) -> None:
    script = (
        "import sys, time\nfrom adapter.state import open_state\n"
        "with open_state(sys.argv[1]) as state, state.locks.held('Patient/p1'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        worker.kill()
        worker.wait()
    with open_state(url) as state, state.locks.held("Patient/p1", wait=5):
        pass


def test_a_lease_that_ended_is_taken_over_and_a_kept_one_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_state(url) as one, open_state(url) as other:
        with one.locks.held("kept", lease=0.5):
            time.sleep(1)
            with pytest.raises(Exception, match="another worker"), other.locks.held("kept", wait=0.2):
                pass
        _leave_behind(url)
        with other.locks.held("left", wait=0.5):
            pass


def test_many_may_open_a_new_database_at_once(url: str) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with open_state(url) as state:
                state.ledger.note(SERVER, LINE)
        except BaseException as failure:
            failures.append(failure)
            raise

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []


@pytest.mark.parametrize("wrong", ["nonsense", "mysql://x/y", "sqlite:////proc/none/state.db", "oracle+z://x"])
def test_a_database_that_cannot_be_opened_is_one_clear_error(wrong: str) -> None:
    with pytest.raises(UsageError) as caught, open_state(wrong):
        pass
    assert "\n" not in str(caught.value)


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    with open_state(url):
        pass
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO hcc_version (version) VALUES (99)"))
    engine.dispose()
    with pytest.raises(UsageError, match="newer version"), open_state(url):
        pass


def _leave_behind(url: str) -> None:
    """A lock of another machine whose lease ended."""
    engine = sa.create_engine(url)
    row = {"name": "left", "owner": "elsewhere|1|x|y", "expires": time.time() - 1}
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO hcc_lock (name, owner, expires) VALUES (:name, :owner, :expires)"), row)
    engine.dispose()


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///file:x?uri=true&cache=shared&mode=memory",
    ],
)
def test_a_state_that_is_gone_with_its_process_is_known(address: str) -> None:
    assert in_memory(address)


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///state.db",
        "sqlite:////srv/memory/state.db",
        "sqlite:///memory",
        "sqlite:///file:/srv/state.db?uri=true",
        "sqlite:///file:/srv/state.db?mode=rwc&uri=true",
        "postgresql://hcc@localhost/memory",
        "nonsense",
        "",
    ],
)
def test_a_state_in_a_file_or_on_a_server_is_not_in_memory(address: str) -> None:
    assert not in_memory(address)
