"""The proof that the set-up of system packages asks nothing and says what it cannot do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.house.tree import ROOT

SCRIPT = ROOT / "tests" / "servers" / "system.sh"


def test_where_nothing_can_be_installed_the_missing_packages_are_named_and_nothing_fails(tmp_path: Path) -> None:
    for name in ("bash", "id", "grep", "python3"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        [str(tmp_path / "bash"), str(SCRIPT)],
        env={"PATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be installed from here" in done.stderr
    assert "openjdk-17-jdk-headless maven" in done.stderr
