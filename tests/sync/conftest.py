"""Wards on the own sandbox server and on a real HAPI server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.sandbox.running import running_sandbox
from tests.sync.ward import Ward


@pytest.fixture(params=["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ward]:
    """A ward on each kind of server."""
    if request.param == "hapi":
        yield Ward(request.getfixturevalue("hapi"), tmp_path, f"s{uuid.uuid4().hex[:8]}-")
        return
    with running_sandbox() as base:
        yield Ward(base, tmp_path)


@pytest.fixture
def sandbox_ward(tmp_path: Path) -> Iterator[Ward]:
    """A ward on the sandbox server."""
    with running_sandbox() as base:
        yield Ward(base, tmp_path)
