"""A state database that takes nothing, is gone, or says nothing: it is told in time, and nothing is said to be kept."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as DatabaseTimeout

from adapter.errors import UsageError
from adapter.state import State, open_state
from adapter.state.feedback import Feedback
from adapter.state.prompt import AT_ONCE, QUICK_SECONDS, Prompt
from tests.servers.need import Unavailable, give_up
from tests.servers.postgres import Postgres, running_postgres

REPORT = Feedback("view", "card-1", "overridden", "2024-05-01T10:00:00+00:00", "ehr")
ASKED: tuple[Callable[[State], object], ...] = (
    lambda state: state.feedback.add(REPORT),
    lambda state: state.replay.first_use("iss", "j1", time.time() + 60),
    lambda state: state.feedback.overridden(["card-1"], "ehr"),
)
TMPFS = "2m"
START_SECONDS = 20
# Far less than a database that is asked without a limit takes (30 s, or for ever), and enough on a busy machine.
SOON = QUICK_SECONDS * 5


def refuses(state: State) -> bool:
    """Whether everything that a call asks is refused, and the state is not ready."""
    for ask in ASKED:
        with pytest.raises(SQLAlchemyError):
            ask(state)
    return not state.ready()


def move(path: Path) -> None:
    path.rename(path.with_name("away.db"))


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("take", [move, replace, remove])
def test_a_file_that_is_no_longer_there_or_another_one_takes_nothing(
    tmp_path: Path, take: Callable[[Path], None]
) -> None:
    path = tmp_path / "state.db"
    with open_state(f"sqlite:///{path}") as state:
        assert all(ask(state) for ask in ASKED) and state.ready()
        take(path)
        assert refuses(state)
        assert path.exists() == (take is replace), "nothing is made in its place"


def marked(state: State) -> None:
    """What a sync asks, which waits longer than a call."""
    state.watermarks.put("server", "Patient", "2024-05-01")


@pytest.mark.parametrize("take", [move, replace, remove])
def test_who_uses_a_file_that_is_gone_is_told_what_to_do(tmp_path: Path, take: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    with open_state(f"sqlite:///{path}") as state:
        take(path)
        for use in (*ASKED, marked):
            with pytest.raises(UsageError, match=r"put it back, or start again .*HCC_STATE") as caught:
                use(state)
            assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_a_file_that_comes_back_is_used_again(tmp_path: Path) -> None:
    path, away = tmp_path / "state.db", tmp_path / "away.db"
    with open_state(f"sqlite:///{path}") as state:
        path.rename(away)
        assert refuses(state)
        away.rename(path)
        assert state.ready() and state.feedback.add(REPORT)


def test_a_state_that_another_program_holds_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(f"sqlite:///{path}") as state, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert not state.ready()
        assert time.monotonic() - started < SOON
        other.execute("ROLLBACK")
        assert state.ready()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or not mount or not umount:
        give_up(Unavailable("a full disk needs a small file system of its own, which root alone may mount"))
    line = [mount, "-t", "tmpfs", "-o", f"size={TMPFS}", "tmpfs", str(folder)]
    mounted = subprocess.run(line, capture_output=True, text=True, check=False)
    if mounted.returncode:
        give_up(Unavailable(f"a small file system cannot be mounted here: {mounted.stderr.strip()}"))
    try:
        yield folder
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


def test_a_state_on_a_full_disk_is_not_ready_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, open_state(f"sqlite:///{disk / 'state.db'}") as state:
        assert state.ready()
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as full, pytest.raises(OSError):  # noqa: PT012 - the last piece fails
            while True:
                full.write(b"x" * 512)
        assert not state.ready()
        with pytest.raises(SQLAlchemyError):
            state.feedback.add(REPORT)
        filler.unlink()
        assert state.ready() and state.feedback.add(REPORT)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_new_file_is_for_its_owner_alone_and_an_older_one_stays_as_it_was(tmp_path: Path, umask: int) -> None:
    old, fresh = tmp_path / "old.db", tmp_path / "new.db"
    old.touch()
    old.chmod(0o640)
    before = os.umask(umask)
    try:
        with open_state(f"sqlite:///{fresh}") as one, open_state(f"sqlite:///{old}") as other:
            assert one.ready() and other.ready()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes.pop("new.db") == modes.pop("new.db-wal") == modes.pop("new.db-shm") == 0o600
    assert set(modes.values()) == {0o640}


def test_a_link_to_a_file_that_is_not_there_yet_makes_that_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    with open_state(f"sqlite:///{tmp_path / 'link.db'}") as state:
        assert state.ready()
    assert stat.S_IMODE((tmp_path / "real.db").stat().st_mode) == 0o600


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A cluster that no other test waits for when it is stopped."""
    try:
        with running_postgres() as cluster:
            yield cluster
    except Unavailable as reason:
        give_up(reason)


@contextmanager
def frozen(cluster: Postgres) -> Iterator[None]:
    """Every process of the cluster stands still."""
    with psycopg.connect(cluster.conninfo()) as connection:
        folder = connection.execute("SHOW data_directory").fetchall()[0][0]
        backends = [row[0] for row in connection.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        here = connection.info.backend_pid
    main = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    stopped = [main, *(pid for pid in backends if pid != here)]
    try:
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


@pytest.mark.postgres
def test_a_frozen_server_holds_nobody_on_an_open_connection(own_postgres: Postgres) -> None:
    """Neither who asks once, nor many at once; and afterwards all is as before."""
    with open_state(own_postgres.new_database()) as state:
        assert all(ask(state) for ask in ASKED) and state.ready()
        with frozen(own_postgres):
            for ask in (*ASKED, State.ready):
                assert not in_time(ask, state)
            with ThreadPoolExecutor(AT_ONCE * 2) as callers:
                assert not any(callers.map(in_time, [ASKED[2]] * AT_ONCE * 2, [state] * AT_ONCE * 2))
        until = time.monotonic() + START_SECONDS
        while not state.ready() or any(thread.name == "state" for thread in threading.enumerate()):
            assert time.monotonic() < until, "what nobody waits for any more comes to its end too"
            time.sleep(0.2)
        assert ASKED[2](state) and not ASKED[0](state)


def in_time(ask: Callable[[State], object], state: State) -> object:
    """What is found; None for a refusal, which comes in time."""
    started = time.monotonic()
    try:
        return ask(state)
    except SQLAlchemyError:
        return None
    finally:
        assert time.monotonic() - started < SOON


def no_thread(_: threading.Thread) -> None:
    """What Python says where the system gives no more threads."""
    raise RuntimeError("can't start new thread")


def test_who_gets_no_thread_is_refused_and_takes_nobodys_place() -> None:
    """Nobody listens at this address: whoever gets a place and a thread hears that, and not that too many wait."""
    engine = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    prompt = Prompt(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for _ in range(AT_ONCE + 1):
            with pytest.raises(DatabaseTimeout, match="no thread is left"):
                prompt.run(lambda connection: connection.scalar(sa.text("SELECT 1")))
    with pytest.raises(OperationalError):
        prompt.run(lambda connection: connection.scalar(sa.text("SELECT 1")))
    engine.dispose()


@pytest.mark.postgres
def test_a_state_without_threads_is_not_ready_and_is_again_with_them(own_postgres: Postgres) -> None:
    with open_state(own_postgres.new_database()) as state:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            assert all(refuses(state) for _ in range(AT_ONCE // len(ASKED) + 1))
        assert state.ready() and all(ask(state) for ask in ASKED)


@pytest.mark.postgres
def test_a_process_ends_although_the_server_is_frozen(own_postgres: Postgres) -> None:
    script = (
        "import sys\nfrom adapter.state import open_state\n"
        "with open_state(sys.argv[1]) as state:\n"
        "    print(state.ready(), flush=True)\n    sys.stdin.readline()\n    print(state.ready(), flush=True)\n"
    )
    command = [sys.executable, "-c", script, own_postgres.new_database()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == "True\n"
            with frozen(own_postgres):
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.stdout.readline() == "False\n"
                assert process.wait(10) == 0
        finally:
            process.kill()
