"""A private PostgreSQL cluster in a temporary folder, reached by its own socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from tests.servers.need import Unavailable, tail

START_SECONDS = 60
OWNER = "hcc"
# A test cluster may lose everything at any moment, so it need not wait for the disk.
OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class Postgres:
    """The running cluster; every database that it hands out is new and empty."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._numbers = count(1)

    def new_database(self) -> str:
        """The SQLAlchemy URL (psycopg) of a new, empty database."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{OWNER}@/{name}?host={self._socket}"

    def conninfo(self) -> str:
        """The libpq connection string of the maintenance database."""
        return f"host={self._socket} user={OWNER} dbname=postgres"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """The cluster while it runs. Raises Unavailable, with the end of the log, when it cannot start."""
    programs, account = _programs(), _account()
    folder = Path(tempfile.mkdtemp(prefix="hcc-pg-"))
    try:
        if account:
            shutil.chown(folder, account)
        _create(programs / "initdb", folder, account)
        with _server(programs / "postgres", folder, account) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if not installed and not on_path:
        raise Unavailable("PostgreSQL is not installed: run `make system` or install the package postgresql")
    return installed[-1].parent if installed else Path(str(on_path)).resolve().parent


def _account() -> str | None:
    """The account that runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _create(initdb: Path, folder: Path, account: str | None) -> None:
    options = ["-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    line = [str(initdb), "-D", str(folder / "cluster"), *options]
    made = subprocess.run(line, cwd=folder, user=account, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Unavailable(f"initdb could not make a PostgreSQL cluster: {made.stderr[-2000:]}")


@contextmanager
def _server(postgres: Path, folder: Path, account: str | None) -> Iterator[Postgres]:
    log = folder / "postgres.log"
    line = [str(postgres), "-D", str(folder / "cluster"), "-k", str(folder), *OPTIONS]
    with log.open("wb") as sink:
        process = subprocess.Popen(line, cwd=folder, user=account, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        try:
            cluster = Postgres(folder)
            _wait(process, cluster, log)
            yield cluster
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS)


def _wait(process: subprocess.Popen[bytes], cluster: Postgres, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(cluster.conninfo()).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise Unavailable(f"PostgreSQL did not start (its log ends so):\n{tail(log)}")
