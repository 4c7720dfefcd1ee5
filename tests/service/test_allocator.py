"""The memory of a call stays with the process that serves, so that the next call need not ask the system again."""

from __future__ import annotations

import subprocess
import sys

import pytest

TAKEN = """
import resource, sys
from adapter.settings.allocator import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
for _ in range(20):
    held = [bytes(100_000) for _ in range(6)]
    del held
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    held = [bytes(100_000) for _ in range(6)]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_taken(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", TAKEN, how], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    assert pages_taken("kept") * 10 < pages_taken("returned")
