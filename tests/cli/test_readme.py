"""What the README names exists: commands, options, settings, routes, files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import typer.main
from starlette.testclient import TestClient

from adapter.cli.app import app
from adapter.errors import TableError
from adapter.guideline.thresholds import load_thresholds
from adapter.sandbox.loading import write_patients
from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.settings.known import KNOWN, OPTIONS
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


def test_the_call_that_it_shows_is_answered_with_cards(tmp_path: Path) -> None:
    (path, body) = re.findall(r"http://127\.0\.0\.1:8000(/cds-services/\S+) -d '(.*?)'\n```", TEXT, re.DOTALL)[0]
    service = create_app(Site(settings_in(tmp_path), PUBLIC, open=True, frozen="2024-05-01"))
    with TestClient(service) as caller:
        answer = caller.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["cards"]


def test_the_token_that_it_shows_how_to_make_opens_its_address_and_no_other(tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (clients,) = re.findall(r"```toml\n(\[\[client\]\].*?)```", TEXT, re.DOTALL)
    (tmp_path / "make_token.py").write_text(script)
    (tmp_path / "clients.toml").write_text(clients)

    def token(url: str) -> str:
        command = [sys.executable, "make_token.py", url]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    signed, other = token(f"{PUBLIC}/mappings/unmapped"), token(f"{PUBLIC}/evaluate")
    settings = settings_in(tmp_path, HCC_CLIENTS=str(tmp_path / "clients.toml"))
    with TestClient(create_app(Site(settings, PUBLIC, open=False))) as caller:
        codes = [
            caller.get("/mappings/unmapped", headers={"Authorization": f"Bearer {one}"}).status_code
            for one in (other, signed, signed)
        ]
    assert codes == [401, 200, 401]


def test_the_settings_file_that_it_shows_is_read(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(fhir_server.*?)```", TEXT, re.DOTALL)
    (tmp_path / "hcc-adapter.toml").write_text(shown.replace("/etc/hcc/mappings", str(tmp_path)))
    settings = settings_in(tmp_path)
    assert (settings.write_target, settings.time_zone) == (None, "Asia/Shanghai")
    assert settings.options == {"use-issued", "plan-active"}


def test_the_thresholds_file_that_it_shows_is_applied_and_a_wrong_name_gets_the_nearest(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(topic: .*?)```", TEXT, re.DOTALL)
    (tmp_path / "ground_rules.yaml").write_text(shown)
    assert load_thresholds("2024", tmp_path).limit("ground_rules", "labs").days == 14
    (tmp_path / "ground_rules.yaml").write_text(shown.replace("labs:", "lab:"))
    with pytest.raises(TableError, match="ground_rules has no value lab; the nearest is labs"):
        load_thresholds("2024", tmp_path)


def test_each_word_of_the_options_is_explained() -> None:
    assert [word for word in OPTIONS if f"| `{word}` |" not in TEXT] == []


@pytest.mark.parametrize("measurement", ["bench_evaluate", "bench_mappings"])
def test_a_measurement_of_too_few_patients_is_refused_in_one_line(measurement: str) -> None:
    command = [sys.executable, "-m", f"tests.bench.{measurement}", "20"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[0].endswith("give at least 100")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", TEXT))))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()
