"""The system's Chromium, run headless and without a word to any other host."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.servers.need import Unavailable

PROGRAM = Path("/usr/bin/chromium")
SECONDS = 90
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def find_chromium() -> str:
    """The path of Chromium once it has rendered a page. Raises Unavailable otherwise."""
    if not PROGRAM.exists():
        raise Unavailable(f"{PROGRAM} is not there: run `make system` or install the package chromium")
    try:
        shown = dump_dom("data:text/html,<p>ready</p>")
    except (subprocess.SubprocessError, OSError) as failure:
        raise Unavailable(f"Chromium does not start: {failure}") from failure
    if "ready" not in shown:
        raise Unavailable("Chromium starts but shows no page")
    return str(PROGRAM)


def arguments(profile: Path | str) -> list[str]:
    """The command line without a page; `profile` is an empty folder of this one run."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [str(PROGRAM), *QUIET, *sandbox, f"--user-data-dir={profile}"]


def dump_dom(url: str) -> str:
    """The page's DOM as HTML after its scripts have run."""
    return _run("--virtual-time-budget=5000", "--dump-dom", url)


def screenshot(url: str, file: Path, size: str = "1280,900") -> None:
    """Write the page as a PNG."""
    _run(f"--window-size={size}", "--virtual-time-budget=5000", f"--screenshot={file}", url)


def _run(*rest: str) -> str:
    with tempfile.TemporaryDirectory(prefix="hcc-chromium-", ignore_cleanup_errors=True) as profile:
        done = subprocess.run([*arguments(profile), *rest], capture_output=True, text=True, timeout=SECONDS, check=True)
    return done.stdout
