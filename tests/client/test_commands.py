"""The commands beside the service: the report on feedback, the silent mode, the check before a start."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.client import cds, reading
from tests.client.cds import VIEW, Ehr
from tests.client.conftest import running
from tests.client.fhirserver import FakeFHIR
from tests.client.process import Service, client_table, free_port, run, write_clients
from tests.client.records import violating
from tests.client.said import REASON, overridden
from tests.client.tokens import Client


def report(service: Service) -> str:
    done = run(service.home, "feedback", "report")
    assert done.returncode == 0 and "Traceback" not in done.stderr, (done.returncode, done.stderr[-400:])
    return done.stdout


def test_the_report_counts_each_feedback_once(open_service: Service, ehr: Ehr) -> None:
    """cds-32."""
    before = report(open_service)
    items = [overridden(overrideReason=REASON)]
    ehr.feedback(VIEW, items)
    once = report(open_service)
    assert once != before, "one override more"
    for _ in range(3):
        ehr.feedback(VIEW, items)
    assert report(open_service) == once


def test_the_report_names_no_patient(open_service: Service, ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-48."""
    record = violating()
    record.resources[0]["name"] = [{"family": "Zzyzxperson"}]
    card = reading.critical(ehr.ask(VIEW, record, fake))[0]
    assert ehr.feedback(VIEW, [overridden(card["uuid"])]).status_code == 200
    told = report(open_service)
    assert "Zzyzxperson" not in told and record.id not in told


def test_the_silent_mode_evaluates_and_shows_nothing(homes: Path, fake: FakeFHIR) -> None:
    """What was not shown is counted, and soon the report says it."""
    with running(homes / "silent", "--open", HCC_CDS_SILENT="all") as service:
        assert "HCC_CDS_SILENT" in run(service.home, "config", "show").stdout
        before = report(service)
        assert Ehr(service.url).ask(VIEW, violating(), fake) == []
        end = time.monotonic() + cds.BOUND
        while report(service) == before:
            assert time.monotonic() < end, "not counted"


def test_the_check_says_what_is_wrong_without_starting(tmp_path: Path) -> None:
    port = str(free_port())
    good = run(tmp_path, "serve", "--check", "--open", "--port", port)
    assert good.returncode == 0, good.stderr[-300:]
    bad = run(tmp_path, "serve", "--check", "--port", port, HCC_CLIENTS=str(tmp_path / "missing.toml"))
    assert bad.returncode == 2 and bad.stderr.strip() and "Traceback" not in bad.stderr


def refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2 and done.stderr.strip() and "Traceback" not in done.stderr, done.stderr[-300:]


def test_serving_without_callers_and_without_open_ends_with_2(tmp_path: Path) -> None:
    """cds-35."""
    refused(run(tmp_path, "serve", "--port", "0"))


WRONG = {
    "no TOML": "not toml [",
    "iss is a number": "[[client]]\niss = 5\n",
    "no iss": '[[client]]\njwks = "x.json"\n',
    "no key file": '[[client]]\niss = "https://a"\njwks = "missing.json"\n',
    "cds-39 HS256": '[[client]]\niss = "https://a"\njwks = {keys}\nalgorithms = ["HS256"]\n',
    "cds-39 none": '[[client]]\niss = "https://a"\njwks = {keys}\nalgorithms = ["none"]\n',
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_file_of_clients_ends_with_2(tmp_path: Path, text: str) -> None:
    """cds-39: nothing symmetric, and never `none`."""
    keys = client_table(Client("https://a"), tmp_path).splitlines()[3].removeprefix("jwks = ")
    clients = write_clients(tmp_path, text.replace("{keys}", keys))
    refused(run(tmp_path, "serve", "--port", "0", HCC_CLIENTS=clients))


def test_a_missing_file_of_clients_ends_with_2(tmp_path: Path) -> None:
    """cds-35."""
    refused(run(tmp_path, "serve", "--port", "0", HCC_CLIENTS=str(tmp_path / "missing.toml")))
