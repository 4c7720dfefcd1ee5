"""The image: what it copies exists, what it runs works, and it needs no root."""

from __future__ import annotations

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from adapter.settings.known import KNOWN
from tests.docker.image import Instruction, stages
from tests.house.tree import ROOT

PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def final(word: str) -> list[Instruction]:
    return [step for step in stages()[-1] if step.word == word]


def allowed(path: str) -> bool:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return any(line.startswith("!") and fnmatch(path, line[1:]) for line in lines)


def test_the_image_has_a_stage_for_building_and_one_without_tools_for_running() -> None:
    assert len(stages()) == 2
    assert final("RUN") == []


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    (user,) = final("USER")
    assert all(int(part) > 0 for part in user.rest.split(":"))
    (state,) = [step for step in final("COPY") if step.target == "/var/lib/hcc"]
    assert f"--chown={user.rest}" in state.rest


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    sources = [source for stage in stages() for step in stage if step.word == "COPY" for source in step.sources]
    assert len(sources) > 5
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not allowed(source)] == []


def test_the_image_listens_where_it_says_and_where_its_health_is_asked() -> None:
    (exposed,), (start,), (health,) = final("EXPOSE"), final("CMD"), final("HEALTHCHECK")
    assert start.line[start.line.index("--port") + 1] == exposed.rest
    assert f"127.0.0.1:{exposed.rest}/healthz" in health.rest


def test_every_setting_of_the_image_is_a_setting_of_the_adapter() -> None:
    names = [name for step in final("ENV") for name in re.findall(r"HCC_[A-Z_]+", step.rest)]
    assert names
    assert set(names) <= {setting.variable for setting in KNOWN.values()}


def test_the_image_pins_what_the_developers_pin() -> None:
    ours = dict(PIN.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    image = dict(PIN.findall((ROOT / "docker" / "requirements.lock").read_text(encoding="utf-8")))
    assert len(image) > 30
    assert set(image.items()) <= set(ours.items())


def installed(image_root: Path, *words: str) -> str:
    """What the image's command prints, with nothing of this project's folder or environment in reach."""
    program = image_root / "opt" / "hcc" / "bin" / "hcc-adapter"
    line = [str(program), *words]
    alone = {"PATH": "/usr/bin", "HOME": str(image_root)}
    done = subprocess.run(line, cwd=image_root, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.install
def test_the_installed_command_works_with_nothing_beside_it(image_root: Path) -> None:
    shown = installed(image_root, "--help")
    assert all(word in shown for word in ("evaluate", "sync", "serve", "demo"))


@pytest.mark.install
def test_the_installed_command_finds_its_tables_and_evaluates_a_synthetic_patient(image_root: Path) -> None:
    installed(image_root, "sandbox", "patients", "--out", str(image_root / "patients"))
    bundle = sorted((image_root / "patients").glob("*.json"))[0]
    assessment = json.loads(installed(image_root, "evaluate", str(bundle)))
    assert assessment["schema"] == "hcc-conversion/assessment/1"
    assert assessment["input"]["used"] > 0


@pytest.mark.install
def test_the_installed_package_holds_every_table_text_and_mapping_byte_for_byte(image_root: Path) -> None:
    (package,) = (image_root / "opt" / "hcc" / "lib").glob("python*/site-packages/adapter")
    for room, place in ((ROOT / "adapter", package), (ROOT / "mappings", package / "_mappings")):
        kept = [path for path in room.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert kept
        for path in kept:
            assert (place / path.relative_to(room)).read_bytes() == path.read_bytes(), path
