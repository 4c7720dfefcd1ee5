"""What the README names exists: commands, options, settings, routes, files."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import pytest
import typer.main
from starlette.testclient import TestClient

from adapter.cli.app import app
from adapter.sandbox.loading import write_patients
from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.settings.known import KNOWN
from tests.service.conftest import PUBLIC, settings_in

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "mappings" / "README.md")
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = re.findall(r"^\$ hcc-adapter ([^#\n]*)", TEXT, re.MULTILINE)
VARIABLES = sorted(set(re.findall(r"\bHCC_[A-Z_]+[A-Z]\b", TEXT)))
ROUTES = sorted(set(re.findall(r"`(?:GET|POST) (/[^`?]*)|`(/(?:readyz|docs|healthz))`", TEXT)))


def test_the_readme_names_something_of_each_kind() -> None:
    assert len(COMMANDS) > 10
    assert len(VARIABLES) > 8
    assert len(ROUTES) > 5


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_exists(line: str) -> None:
    command = typer.main.get_command(app)
    words = shlex.split(line)
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands"), f"{line}: ends before a command"
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_exists(variable: str) -> None:
    assert variable == "HCC_CONFIG" or variable in {setting.variable for setting in KNOWN.values()}


@pytest.mark.parametrize("route", ["".join(route) for route in ROUTES])
def test_every_route_answers(tmp_path: Path, route: str) -> None:
    service = create_app(Site(settings_in(tmp_path), PUBLIC, open=True))
    described = {re.sub(r"\{[^}]*\}", "{}", path) for path in service.openapi()["paths"]}
    if re.sub(r"\{[^}]*\}", "{}", route.partition("?")[0]) in described:
        return
    answer = TestClient(service).options(route) if route.endswith("view") else TestClient(service).get(route)
    assert answer.status_code != 404


def test_every_patient_file_that_it_names_is_written(tmp_path: Path) -> None:
    named = set(re.findall(r"patients/([\w-]+\.json)", TEXT))
    assert named
    assert named <= {path.name for path in write_patients(tmp_path, date(2024, 5, 1))}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", TEXT))))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()
