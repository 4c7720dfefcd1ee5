"""`serve --check`: everything that a start would read, line by line, without a start."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from adapter.state import open_state
from tests.cli.conftest import Command, Ended, lines

KEY = ECKey.generate_key("P-384", {"kid": "k1"})
GONE = "http://127.0.0.1:9"
HTTPS = "https://hcc.example.org"


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    """A clients file with a key set beside it."""
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    path = tmp_path / "clients.toml"
    path.write_text('[[client]]\niss = "https://ehr.example.org"\njwks = "keys.json"\ntenants = ["t1"]\n')
    return path


def wrong(ended: Ended) -> dict[str, str]:
    """What is said to be wrong, by its part; the last line, which sums up, is left out."""
    assert b"Traceback" not in ended.stdout + ended.stderr
    told = [line.removeprefix("hcc-adapter: ") for line in lines(ended.stderr)]
    assert told == [line for line in lines(ended.stdout) if line.startswith("WRONG ")]
    named = [line.removeprefix("WRONG ").partition(": ") for line in lines(ended.stdout) if line.startswith("WRONG ")]
    return {part: line for part, _, line in named if part != "start"}


def test_a_site_that_is_right_is_told_part_by_part_and_nothing_is_made(
    command: Command, clients: Path, server: str, tmp_path: Path
) -> None:
    ended = command(
        "serve", "--check", "--port", "0", "--fhir-server", server, HCC_CLIENTS=str(clients), HCC_PUBLIC_URL=HTTPS
    )
    told = lines(ended.stdout)
    assert (ended.returncode, wrong(ended)) == (0, {})
    for part in (
        "settings",
        "clock",
        "trust",
        "keys of https://ehr.example.org",
        "rules and mappings",
        "texts",
        "silent mode",
        "state database",
        "port",
        "public address",
        "browsers",
        "FHIR server",
        "start",
    ):
        assert any(line[6:].startswith(f"{part}: ") for line in told), part
    assert any("1 usable" in line for line in told) and any("FHIR 4.0" in line for line in told)
    assert not (tmp_path / "state.db").exists()


def test_a_site_that_is_open_silent_or_frozen_is_told_so(command: Command) -> None:
    """cds-35: nobody opens a site without being told."""
    ended = command("serve", "--check", "--open", "--port", "0", "--as-of", "2024-05-01", HCC_CDS_SILENT="all")
    notes = [line for line in lines(ended.stdout) if line.startswith("note ")]
    assert ended.returncode == 0
    for word in ("OPEN", "SILENT", "FROZEN", "HCC_FHIR_SERVER"):
        assert any(word in line for line in notes), word


def test_all_that_is_wrong_is_told_at_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "th").mkdir()
    (tmp_path / "th" / "no-such-topic.yaml").write_text("x: 1\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = command(
            "serve", "--check", "--port", str(taken.getsockname()[1]), "--fhir-server", f"{GONE}/fhir",
            "--as-of", "soon", HCC_THRESHOLDS=str(tmp_path / "th"), HCC_CDS_SILENT="nothing",
            HCC_STATE="sqlite:////proc/none/x.db", HCC_PUBLIC_URL="http://hcc.example.org",
        )  # fmt: skip
    assert ended.returncode == 2
    assert set(wrong(ended)) == {
        "clock", "trust", "rules and mappings", "silent mode", "state database", "port", "public address", "FHIR server"
    }  # fmt: skip
    assert all(line for line in wrong(ended).values())


def test_only_the_other_side_missing_is_code_3(command: Command, tmp_path: Path) -> None:
    ended = command("serve", "--check", "--open", "--port", "0", "--fhir-server", f"{GONE}/fhir")
    assert (ended.returncode, list(wrong(ended))) == (3, ["FHIR server"])
    path = tmp_path / "clients.toml"
    path.write_text(f'[[client]]\niss = "https://a.example"\njku = "{GONE}/jwks"\n')
    ended = command("serve", "--check", "--port", "0", HCC_CLIENTS=str(path))
    assert (ended.returncode, list(wrong(ended))) == (3, ["keys of https://a.example"])


def test_every_wrong_setting_is_told(command: Command) -> None:
    ended = command("serve", "--check", "--open", HCC_CDS_DEADLINE="abc", HCC_LANG="fr", HCC_PUBLIC_URL="ftp://x")
    told = [line for line in lines(ended.stdout) if line.startswith("WRONG settings: ")]
    assert ended.returncode == 2
    assert {name for name in ("HCC_CDS_DEADLINE", "HCC_LANG", "HCC_PUBLIC_URL") if name in " ".join(told)} == {
        "HCC_CDS_DEADLINE", "HCC_LANG", "HCC_PUBLIC_URL",
    }  # fmt: skip
    assert len(told) == 3


@pytest.mark.parametrize("state", ["sqlite://", "sqlite:///:memory:"])
def test_several_workers_need_a_state_that_they_share(command: Command, state: str) -> None:
    """cds-41: used tokens are shared by all workers."""
    asked = ("--open", "--port", "0", "--workers", "2")
    assert "several workers" in wrong(command("serve", "--check", *asked, HCC_STATE=state))["state database"]
    started = command("serve", *asked, HCC_STATE=state)
    assert started.returncode == 2 and b"several workers" in started.stderr
    assert wrong(command("serve", "--check", "--open", "--port", "0", HCC_STATE=state)) == {}


def test_a_wrong_setting_is_told(command: Command) -> None:
    ended = command("serve", "--check", "--open", HCC_EDITION="2019")
    assert ended.returncode == 2 and "HCC_EDITION" in wrong(ended)["settings"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "no keys can be read"),
        ('{"keys": []}', "no key in it"),
        (json.dumps({"keys": [KEY.as_dict(private=True)]}), "no key in it"),
    ],
)
def test_keys_that_cannot_be_used_are_told(command: Command, clients: Path, content: str, word: str) -> None:
    """cds-37: and a private key among them is named as such."""
    keys = clients.with_name("keys.json")
    keys.write_text(content)
    ended = command("serve", "--check", "--port", "0", HCC_CLIENTS=str(clients))
    assert ended.returncode == 2 and word in wrong(ended)["keys of https://ehr.example.org"]
    assert '"d"' not in content or b"it is private" in ended.stdout


def test_a_key_file_that_is_not_there_is_told(command: Command, clients: Path) -> None:
    clients.with_name("keys.json").unlink()
    ended = command("serve", "--check", "--port", "0", HCC_CLIENTS=str(clients))
    assert ended.returncode == 2 and "jwks file is not there" in wrong(ended)["trust"]


def test_a_clients_file_that_does_not_hold_is_told(command: Command, clients: Path) -> None:
    clients.write_text('[[client]]\niss = "x"\n')
    ended = command("serve", "--check", "--port", "0", HCC_CLIENTS=str(clients))
    assert ended.returncode == 2 and "client 1" in wrong(ended)["trust"]


def test_a_database_says_its_version_and_stays_as_it_is(command: Command, tmp_path: Path) -> None:
    with open_state(f"sqlite:///{tmp_path / 'state.db'}"):
        pass
    before = (tmp_path / "state.db").read_bytes()
    ended = command("serve", "--check", "--open", "--port", "0")
    assert ended.returncode == 0
    assert any("state database: " in line and line.endswith("version 3") for line in lines(ended.stdout))
    assert (tmp_path / "state.db").read_bytes() == before
