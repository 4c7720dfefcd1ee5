"""Addresses that a call may make the service reach, however they are written and whatever they become."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.testclient import TestClient
from urllib3.util import connection

from adapter.errors import RemoteError
from adapter.fhir.auth import FixedToken
from adapter.fhir.client import FhirClient
from adapter.fhir.transport import Patience
from adapter.service.addresses import CheckedAdapter, door, may_read
from adapter.service.clients import Client
from adapter.service.site import Site
from tests.service.conftest import PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in
from tests.service.ehr import Ehr, running

ONCE = Patience(connect=2, read=2, retries=0)
INSIDE = [
    "10.0.0.5", "192.168.1.1", "172.16.3.4", "169.254.169.254", "100.100.100.200", "168.63.129.16", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[::]", "[ff02::1]",
    # The same in other clothes.
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa.0.0.5", "012.0.0.5", "10.5",
    "[::ffff:169.254.169.254]", "[::ffff:a00:5]", "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
    "[::ffff:0:169.254.169.254]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a9fe:a9fe]", "[::ffff:192.0.0.192]",
    # Special purpose by the registries of IANA, though not every Python knows.
    "192.0.0.192", "192.0.0.8", "192.0.0.11", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.7",
    "[2002:808:808::1]", "[2001::1]", "[2001:1::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[100::1]",
    "[100:0:0:1::1]", "[fec0::1]", "[4000::1]", "[::8.8.8.8]",
    # With a zone, or a dot at the end.
    "[fe80::1%25eth0]", "[fe80::1%25lo]", "[2001:4860:4860::8888%25eth0]", "169.254.169.254.", "8.8.8.8.", "localhost.",
    "169.254.169.254\u3002",
]  # fmt: skip


@pytest.fixture
def trusting(tmp_path: Path) -> Site:
    """A site that checks tokens."""
    return Site(settings_in(tmp_path, HCC_FHIR_SERVER="https://10.1.1.1/fhir"), PUBLIC)


@pytest.fixture
def ehr(charts: dict[str, list[Json]]) -> Iterator[Ehr]:
    with running(charts["syn-01-eligible"]) as server:
        yield server


def checked() -> requests.Session:
    """Connections as the service makes them."""
    session = requests.Session()
    session.mount("http://", CheckedAdapter())
    return session


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts to which a connection was begun."""
    hosts: list[str] = []
    genuine = connection.create_connection

    def recording(address: tuple[str, int], *arguments: Any, **named: Any) -> socket.socket:
        hosts.append(address[0])
        return genuine(address, *arguments, **named)

    monkeypatch.setattr(connection, "create_connection", recording)
    return hosts


@pytest.mark.parametrize("host", INSIDE)
def test_an_open_site_reads_nothing_inside_a_network_however_it_is_written(
    site: Site, host: str, connected: list[str]
) -> None:
    """cds-24, cds-42: private, link-local, metadata; decimal, octal, hexadecimal, mapped, translated."""
    assert not may_read(f"http://{host}/fhir", site, None)
    client = FhirClient(f"http://{host}/fhir", patience=ONCE, door=CheckedAdapter())
    with pytest.raises(RemoteError):
        client.read("Patient", "p1")
    assert connected == []


@pytest.mark.parametrize(
    "host",
    ["8.8.8.8", "[2001:4860:4860::8888]", "127.0.0.1", "[::1]", "localhost", "2130706433", "[::ffff:127.0.0.1]",
     "192.0.0.9", "192.0.0.10", "192.0.1.1", "192.88.98.1", "[64:ff9b::808:808]", "[2620:4f:8000::1]"],
)  # fmt: skip
def test_an_open_site_reads_public_and_loopback_addresses(site: Site, host: str) -> None:
    assert may_read(f"http://{host}:8080/fhir", site, None)


@pytest.mark.parametrize("host", ["[fe80::1%25eth0]", "169.254.169.254.", "192.0.0.192", "[3fff::1]"])
def test_a_connection_itself_is_refused_as_not_allowed(host: str, connected: list[str]) -> None:
    """cds-24: not as a name that cannot be resolved, and not as a server that does not answer."""
    with pytest.raises(requests.ConnectionError, match="the address is not allowed"):
        checked().get(f"http://{host}/fhir", timeout=2)
    assert connected == []


def test_without_open_only_listed_bases_and_the_sites_own_are_read(trusting: Site) -> None:
    """cds-24: an allow-list, whatever the address behind it."""
    caller = Client("https://ehr.example.org", jku="https://ehr.example.org/k", fhir_servers=("https://10.2.2.2/r4",))
    assert may_read("https://10.2.2.2/r4", trusting, caller) and door("https://10.2.2.2/r4", trusting, caller) is None
    assert may_read("https://10.1.1.1/fhir", trusting, caller)
    for base in ("https://10.2.2.2/r4/x", "https://10.2.2.2", "http://10.2.2.2/r4", "https://8.8.8.8/fhir"):
        assert not may_read(base, trusting, caller)
    assert not may_read("https://10.2.2.2/r4", trusting, None)


def test_a_name_that_moves_after_the_check_leads_nowhere(
    site: Site, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """cds-24, cds-42: DNS rebinding; the address that is connected to is one that was checked in the same breath."""
    answers = iter(["8.8.8.8", "169.254.169.254", "169.254.169.254"])
    genuine, asked = socket.getaddrinfo, []

    def rebinding(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host == "moving.example":
            asked.append(host)
            return genuine(next(answers), port, *arguments, **named)
        return genuine(host, port, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    base = "http://moving.example/fhir"
    assert may_read(base, site, None)
    client = FhirClient(base, auth=FixedToken("s3cret"), patience=ONCE, door=door(base, site, None))
    with pytest.raises(RemoteError):
        client.read("Patient", "p1")
    assert len(asked) == 2 and connected == []


def test_a_name_that_moves_between_check_and_use_is_used_as_checked(
    ehr: Ehr, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """cds-42: the name is asked once a connection; what it would say the next time does not count."""
    genuine, asked = socket.getaddrinfo, []

    def moving(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host == "moving.example":
            asked.append(host)
            return genuine("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port, *arguments, **named)
        return genuine(host, port, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", moving)
    base = ehr.base.replace("127.0.0.1", "moving.example")
    client = FhirClient(base, patience=ONCE, door=CheckedAdapter())
    assert client.read("Patient", next(r["id"] for r in ehr.chart if r["resourceType"] == "Patient")).id
    assert len(asked) == 1 and connected == ["127.0.0.1"]


def test_a_proxy_of_the_environment_is_not_used_where_addresses_are_checked(
    ehr: Ehr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cds-24: a proxy would resolve the name for itself."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    client = FhirClient(ehr.base, patience=ONCE, door=CheckedAdapter())
    assert client.search("Condition").resources


def test_a_token_follows_no_redirect_and_no_page_to_another_host(charts: dict[str, list[Json]], ehr: Ehr) -> None:
    """cds-22, cds-24: the token goes to the server that was named, and nowhere else."""
    with running(charts["syn-01-eligible"]) as elsewhere:
        ehr.page, ehr.pages_elsewhere = 1, f"{elsewhere.base}/other"
        client = FhirClient(ehr.base, auth=FixedToken("s3cret"), patience=ONCE, door=CheckedAdapter())
        found = client.search("Observation")
        assert found.incomplete and ehr.tokens == {"Bearer s3cret"}
        assert elsewhere.asked == []


def test_the_token_of_a_call_is_used_at_its_server_and_is_nowhere_afterwards(
    client: TestClient, site: Site, ehr: Ehr, charts: dict[str, list[Json]], caplog: pytest.LogCaptureFixture
) -> None:
    """cds-21, cds-22, cds-48: neither in a log, down to the last library, nor in the database, nor in the answer."""
    caplog.set_level(logging.DEBUG)
    access = {
        "access_token": "s3cret-1",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.read",
        "subject": "x",
    }
    request = hook_request(charts["syn-01-eligible"], prefetch=None, fhirServer=ehr.base, fhirAuthorization=access)
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 200 and ehr.tokens == {"Bearer s3cret-1"} and "s3cret" not in answer.text
    client.app.state.memory.shown.flush()  # type: ignore[attr-defined]
    files = Path(site.settings.state.removeprefix("sqlite:///")).parent.glob("state.db*")
    assert not any(b"s3cret" in file.read_bytes() for file in files)
    assert "s3cret" not in "\n".join(f"{one.getMessage()} {one.args} {one.exc_text}" for one in caplog.records)
