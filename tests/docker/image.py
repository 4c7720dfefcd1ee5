"""The image's Dockerfile, read instruction by instruction and built into a plain folder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT

DOCKERFILE = ROOT / "docker" / "Dockerfile"
IGNORED = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Instruction:
    """One line of the Dockerfile: its word and what follows."""

    word: str
    rest: str

    @property
    def sources(self) -> list[str]:
        """What COPY takes from the build's context."""
        return [] if "--from=" in self.rest else shlex.split(self.rest)[:-1]

    @property
    def target(self) -> str:
        """Where COPY puts it."""
        return shlex.split(self.rest)[-1]

    @property
    def line(self) -> list[str]:
        """The command of CMD, ENTRYPOINT or HEALTHCHECK in its list form."""
        listed: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return listed


def stages() -> list[list[Instruction]]:
    """The stages of the Dockerfile, each beginning with its FROM."""
    found: list[list[Instruction]] = []
    for line in DOCKERFILE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                found.append([])
            found[-1].append(Instruction(word, rest.strip()))
    return found


def build(folder: Path) -> Path:
    """Carry out the first stage in `folder` instead of `/`; gives the folder that stands for the image's root.

    Raises CalledProcessError, with the output, when a RUN fails.
    """
    work = folder / "src"
    work.mkdir()
    (folder / "opt").mkdir()
    for step in stages()[0]:
        if step.word == "COPY":
            _copy(step, work)
        elif step.word == "RUN":
            _run(step.rest, folder, work)
    return folder


def _copy(step: Instruction, work: Path) -> None:
    for source in step.sources:
        target = work / (source if step.target == "./" else step.target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=IGNORED)
        else:
            shutil.copy(ROOT / source, target)


def _run(line: str, folder: Path, work: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line.replace("/opt/", f"{folder}/opt/"),
        shell=True,
        cwd=work,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
