"""The HAPI launcher's jar, built once from Maven artifacts into the user's cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

from tests.servers.need import Unavailable

SOURCES = Path(__file__).parent.parent / "hapi"
BUILD_SECONDS = 540
JVM = ("-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def command(*arguments: str) -> list[str]:
    """The command line of the launcher, built first where needed.

    Raises Unavailable when Java or Maven is missing or the build fails.
    """
    java = _program("java")
    return [java, *JVM, "-jar", str(_jar()), *arguments]


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise Unavailable(f"{name} is not installed: run `make system` or install a JDK 17 and Maven")
    return found


def _jar() -> Path:
    home = platformdirs.user_cache_path("hcc-conversion-adapter") / "hapi" / _digest()
    jar = home / "target" / "test-hapi-1.jar"
    if not jar.exists():
        _build(home)
    return jar


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in SOURCES.rglob("*") if path.suffix in {".java", ".xml"}):
        digest.update(path.relative_to(SOURCES).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        draft = Path(folder) / "build"
        shutil.copytree(SOURCES, draft, ignore=shutil.ignore_patterns("*.py", "__pycache__", "target"))
        _package(draft)
        if not home.exists():
            draft.rename(home)


def _package(folder: Path) -> None:
    line = [_program("mvn"), "--batch-mode", "--no-transfer-progress", "--quiet", "package"]
    try:
        built = subprocess.run(
            line,
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"Maven did not build the HAPI launcher within {BUILD_SECONDS} s") from late
    if built.returncode != 0:
        raise Unavailable(f"Maven could not build the HAPI launcher:\n{built.stdout[-4000:]}\n{built.stderr[-2000:]}")
