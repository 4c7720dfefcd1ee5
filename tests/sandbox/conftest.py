"""A sandbox server for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapter.sandbox.running import running_sandbox


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an empty server."""
    with running_sandbox() as address:
        yield address
