"""The compose file: its names, ports and variables exist, and its commands do their work on a real server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from adapter.settings.known import KNOWN
from tests.docker.image import stages
from tests.house.tree import ROOT

FILE = ROOT / "docker" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
URL = re.compile(r"https?://[\w.:-]+")


def listens() -> dict[str, int]:
    """The port on which each service with published ports listens inside."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    return {name: int(ports[0].split(":")[-1]) for name, ports in published.items()}


def ours() -> dict[str, Any]:
    return {name: service for name, service in SERVICES.items() if "build" in service}


def test_the_file_has_a_server_a_load_a_sync_loop_and_the_service() -> None:
    assert {"hapi", "load", "sync", "service"} <= set(SERVICES)
    assert SERVICES["hapi"]["image"].startswith("hapiproject/hapi")


def test_every_build_and_volume_that_is_named_exists() -> None:
    assert len(ours()) >= 3
    for service in ours().values():
        context = (FILE.parent / service["build"]["context"]).resolve()
        assert context == ROOT
        assert (context / service["build"]["dockerfile"]).is_file()
        assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])


def test_every_service_that_is_waited_for_exists_and_ends_where_its_end_is_waited_for() -> None:
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).items()]
    assert waits
    for name, wait in waits:
        assert name in SERVICES
        if wait["condition"] == "service_completed_successfully":
            assert "restart" not in SERVICES[name]


def test_every_variable_is_a_setting_of_the_adapter() -> None:
    names = {name for service in ours().values() for name in service["environment"]}
    assert names
    assert names <= {setting.variable for setting in KNOWN.values()}


def test_every_address_names_a_service_and_the_port_on_which_it_listens() -> None:
    inside = [url for service in ours().values() for url in URL.findall(str(service)) if "localhost" not in url]
    assert inside
    for parts in map(urlsplit, inside):
        assert parts.port == listens()[str(parts.hostname)]


def test_the_service_listens_on_the_port_that_is_published_and_told_to_callers() -> None:
    service = SERVICES["service"]
    address, outside, inside = service["ports"][0].split(":")
    assert address == "127.0.0.1", "an open service is published to this machine only"
    assert service["command"][service["command"].index("--port") + 1] == inside
    assert service["environment"]["HCC_PUBLIC_URL"].endswith(f":{outside}")


def test_ports_of_this_machine_are_used_once() -> None:
    outside = [port.split(":")[-2] for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(outside) == len(set(outside)) > 0


class Rehearsal:
    """The compose file's commands on this machine: other addresses, the same words."""

    def __init__(self, root: Path, fhir: str, port: int) -> None:
        self._swaps = {
            "http://hapi:8080/fhir": fhir,
            "http://localhost:8000": f"http://127.0.0.1:{port}",
            "http://127.0.0.1:8000": f"http://127.0.0.1:{port}",
            "0.0.0.0": "127.0.0.1",
            "/opt/wait_for_server.py": str(ROOT / "docker" / "wait_for_server.py"),
        }
        self._port = port
        self._programs = root / "opt" / "hcc" / "bin"
        self._state = root

    def line(self, name: str) -> list[str]:
        """The command line of a service: its entrypoint or the image's, then its command."""
        (entry,) = (step.line for step in stages()[-1] if step.word == "ENTRYPOINT")
        return self.here([*SERVICES[name].get("entrypoint", entry), *SERVICES[name]["command"]])

    def here(self, line: list[str]) -> list[str]:
        """A command line of the image with this machine's places."""
        swapped = [self._swap(word) for word in line]
        return [str(self._programs / swapped[0]), *swapped[1:]]

    def run(self, line: list[str]) -> None:
        """Run a command that ends; it must end well."""
        done = subprocess.run(line, cwd=self._state, env=self.variables(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service that stays, stopped at the end as a container engine stops it."""
        process = subprocess.Popen(self.line(name), cwd=self._state, env=self.variables())
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    def variables(self) -> dict[str, str]:
        """The environment of the compose file and the image."""
        told = {name: self._swap(value) for name, value in SERVICES["service"]["environment"].items()}
        return {"PATH": os.environ["PATH"], "HCC_STATE": f"sqlite:///{self._state}/state.db", **told}

    def _swap(self, word: str) -> str:
        for there, here in self._swaps.items():
            word = word.replace(there, here)
        return str(self._port) if word == "8000" else word


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.install
def test_the_commands_wait_load_sync_and_serve_on_a_real_server(image_root: Path, fresh_hapi: str) -> None:
    port = free_port()
    rehearsal = Rehearsal(image_root, fresh_hapi, port)
    rehearsal.run(rehearsal.line("ready"))
    rehearsal.run(rehearsal.line("load"))
    with rehearsal.running("sync") as sync:
        deadline = time.monotonic() + 120
        while count(fresh_hapi, "CarePlan") == 0 and time.monotonic() < deadline and sync.poll() is None:
            time.sleep(0.5)
        assert count(fresh_hapi, "CarePlan") > 0
        assert sync.poll() is None
    with rehearsal.running("service"):
        (health,) = (step.line for step in stages()[-1] if step.word == "HEALTHCHECK")
        waiting = [*health[:-1], "60"]
        rehearsal.run(rehearsal.here(waiting))
        listed = requests.get(f"http://127.0.0.1:{port}/cds-services", timeout=30).json()["services"]
        assert "hcc-conversion-patient-view" in {service["id"] for service in listed}


def count(fhir: str, kind: str) -> int:
    answer = requests.get(f"{fhir}/{kind}?_summary=count", headers={"Cache-Control": "no-cache"}, timeout=60)
    return int(answer.json()["total"])


def test_the_wait_gives_up_when_nobody_answers(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, "http://unused.invalid", free_port())
    line = rehearsal.here(["python", "/opt/wait_for_server.py", "http://127.0.0.1:8000/healthz", "--seconds", "1"])
    done = subprocess.run(["python3", *line[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "did not answer within 1 s" in done.stderr
