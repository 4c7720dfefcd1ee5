"""The one answer to a real server that cannot be had: failure in CI, a loud skip elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

absent: list[str] = []
"""What this run could not check, shown once more at its end."""


class Unavailable(Exception):
    """A server that cannot be built or started: what, why and what to do."""


def give_up(reason: Unavailable) -> NoReturn:
    """Fail where CI is set; otherwise skip and keep the reason for the summary."""
    if os.environ.get("CI"):
        pytest.fail(f"not available, and CI must not skip it: {reason}", pytrace=False)
    if str(reason) not in absent:
        absent.append(str(reason))
    pytest.skip(str(reason))


def tail(log: Path, lines: int = 60) -> str:
    """The last lines of a server's log, for the message that says that it did not come."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
