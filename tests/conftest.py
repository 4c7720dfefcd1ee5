"""Fixtures that every test may ask for: the real servers, and the word on what could not be checked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import need
from tests.servers.chromium import find_chromium
from tests.servers.hapi import running_hapi
from tests.servers.postgres import Postgres, running_postgres
from tests.servers.validator import Validator, running_validator

MARKED_BY_FIXTURE = {
    "hapi": "hapi",
    "fresh_hapi": "hapi",
    "hapi_validator": "hapi",
    "postgres": "postgres",
    "postgres_url": "postgres",
    "chromium": "browser",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of the server that it asks for, so that nobody forgets it."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in MARKED_BY_FIXTURE:
                item.add_marker(MARKED_BY_FIXTURE[name])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once more, at the end, what this machine could not check."""
    if need.absent:
        terminalreporter.section("NOT CHECKED ON THIS MACHINE", red=True, bold=True)
        for reason in need.absent:
            terminalreporter.write_line(reason, red=True)


@pytest.fixture(scope="session")
def hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The FHIR base URL of a real HAPI server that all tests share: use patients of your own."""
    try:
        with running_hapi(tmp_path_factory.mktemp("hapi")) as url:
            yield url
    except need.Unavailable as reason:
        need.give_up(reason)


@pytest.fixture
def fresh_hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The FHIR base URL of an empty HAPI server for this test alone (about 15 s)."""
    try:
        with running_hapi(tmp_path_factory.mktemp("fresh-hapi")) as url:
            yield url
    except need.Unavailable as reason:
        need.give_up(reason)


@pytest.fixture(scope="session")
def hapi_validator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    """The reference validator: call it with resources, get the issues of severity error or fatal."""
    try:
        with running_validator(tmp_path_factory.mktemp("validator")) as validator:
            yield validator
    except need.Unavailable as reason:
        need.give_up(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL cluster of this run."""
    try:
        with running_postgres() as cluster:
            yield cluster
    except need.Unavailable as reason:
        need.give_up(reason)


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that works; `tests.servers.chromium` renders and photographs pages."""
    try:
        return find_chromium()
    except need.Unavailable as reason:
        need.give_up(reason)
