"""FHIR servers that a trusted caller may name."""

from __future__ import annotations

import pytest

from tests.client import cds, reading
from tests.client.fhirserver import FakeFHIR
from tests.client.records import violating
from tests.client.trusting import Trusted

LOOKALIKES = [
    "{url}.evil.example", "{url}@evil.example/fhir", "{host}/other", "{host}/fhir/../other", "{host}/FHIR",
    "http://localhost:{port}/fhir", "https://127.0.0.1:{port}/fhir", "{url}2",
]  # fmt: skip


def test_a_server_that_the_caller_may_not_name_is_403(trusted: Trusted, evil: FakeFHIR) -> None:
    """cds-24."""
    response = trusted.call(trusted.viewer(), payload=cds.granted(violating(), evil.url))
    assert response.status_code == 403, f"{response.status_code} {response.text[:200]}"
    assert evil.log == []


@pytest.mark.parametrize("trick", LOOKALIKES)
def test_what_looks_like_an_allowed_server_is_refused(trusted: Trusted, allowed: FakeFHIR, trick: str) -> None:
    """cds-24."""
    server = trick.format(url=allowed.url, host=allowed.host, port=allowed.port)
    allowed.log.clear()
    response = trusted.call(trusted.viewer(), payload=cds.granted(violating(), server, "tok-x"))
    assert response.status_code in (400, 403), f"{response.status_code} {response.text[:200]}"
    assert "tok-x" not in str(allowed.log)


def test_the_servers_of_one_caller_are_not_those_of_another(trusted: Trusted, allowed: FakeFHIR) -> None:
    """cds-24."""
    response = trusted.call(trusted.viewer("rs"), payload=cds.granted(violating(), allowed.url))
    assert response.status_code == 403


@pytest.mark.parametrize("end", ["", "/"])
def test_an_allowed_server_is_read(trusted: Trusted, allowed: FakeFHIR, end: str) -> None:
    """cds-24: a trailing slash names the same server."""
    record = violating()
    allowed.resources = record.resources
    response = trusted.call(trusted.viewer(), payload=cds.granted(record, allowed.url + end))
    assert reading.critical(reading.cards_of(response))
