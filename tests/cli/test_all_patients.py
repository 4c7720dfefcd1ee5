"""A site whose code of HCC no table knows: nobody is found, the commands say so, and --all-patients reads everybody."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import AS_OF, Command, lines
from tests.cli.test_mappings import HOSPITAL, named, patient, put

ADVICE = "--all-patients reads everybody, HCC_MAPPINGS adds the site's own codes"
CONTENT = ("every code and unit is known", "no unknown code is called like a concept")


@pytest.fixture
def stranger(server: str) -> str:
    """A server with one patient, whose HCC has a code of the hospital's own."""
    put(server, patient("p1"))
    mine = {"subject": {"reference": "Patient/p1"}, "onsetDateTime": "2023-11-01"}
    code = named(HOSPITAL, "HCC-1", "Hepatocellular carcinoma")
    put(server, {"resourceType": "Condition", "id": "c1", "code": code, **mine})
    return server


@pytest.mark.parametrize("name", ["unmapped", "suggest", "readiness"])
def test_nobody_is_found_by_an_unknown_code_and_that_is_said_loudly(command: Command, stranger: str, name: str) -> None:
    ended = command("mappings", name, "--fhir-server", stranger, "--as-of", AS_OF)
    assert ended.returncode == 0
    (told,) = lines(ended.stderr)
    assert "no patient; nothing to count; no Condition has a known code of HCC" in told and told.endswith(ADVICE)
    assert not any(content in ended.stdout.decode() for content in CONTENT)


@pytest.mark.parametrize(("name", "shown"), [("unmapped", "HCC-1"), ("suggest", "perhaps hcc (")])
def test_all_patients_shows_the_code_that_no_table_knows(
    command: Command, stranger: str, name: str, shown: str
) -> None:
    ended = command("mappings", name, "--fhir-server", stranger, "--all-patients", "--as-of", AS_OF)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert shown in ended.stdout.decode()


def test_all_patients_counts_everybody_in_the_readiness_report(command: Command, stranger: str) -> None:
    arguments = ("readiness", "--fhir-server", stranger, "--all-patients", "--as-of", AS_OF, "--format", "json")
    report = json.loads(command("mappings", *arguments).stdout)
    assert (report["seen"], report["counted"], report["withoutHcc"]) == (1, 1, 1)
    (hcc,) = [line for line in report["concepts"] if line["concept"] == "hcc"]
    assert hcc["states"]["code-unknown"] == 1


def test_all_patients_of_an_empty_server_are_nobody_and_nothing_is_called_known(command: Command, server: str) -> None:
    for name in ("unmapped", "suggest"):
        ended = command("mappings", name, "--fhir-server", server, "--all-patients", "--as-of", AS_OF)
        assert (ended.returncode, ended.stdout) == (0, b"")
        (told,) = lines(ended.stderr)
        assert told.endswith("no patient; nothing to count")


def test_a_sync_that_finds_nobody_says_so_and_writes_nothing(command: Command, stranger: str) -> None:
    ended = command("sync", "--fhir-server", stranger, "--once")
    assert ended.returncode == 0
    assert any("nobody has a confirmed Condition with a known code of HCC" in line for line in lines(ended.stderr))
    assert lines(ended.stdout)[-1] == f"resources written to {stranger}: 0"
