"""A FHIR server that is slow or broken: each fault for what is required and for the rest."""

from __future__ import annotations

import pytest

from tests.client import cds, faults, reading
from tests.client.cds import VIEW, Ehr
from tests.client.faults import answering
from tests.client.fetching import TOKEN, Fetching
from tests.client.fhirserver import Exchange, FakeFHIR, Rule
from tests.client.records import violating
from tests.client.search import Parameters

FAULTS = {
    "401": answering(401),
    "403": answering(403),
    "404": answering(404),
    "410": answering(410),
    "429": answering(429, Retry_After="30"),
    "500": answering(500),
    "503": answering(503, Retry_After="1"),
    "200 outcome": answering(200),
    "200 html": faults.html(),
    "500 html": faults.html(500),
    "cut json": answering(200, b'{"resourceType": "Bundle", "entry": ['),
    "empty body": answering(200, b""),
    "wrong type": answering(200, b'{"resourceType": "Parameters"}'),
    "array": answering(200, b"[]"),
    "204": answering(204, b""),
}
SLOW = {"hangs": faults.hang(), "drips": faults.drip()}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_optional_search_that_fails_is_a_stated_gap(ask: Fetching, fake: FakeFHIR, fault: str) -> None:
    """cds-19."""
    fake.rules["Observation"] = FAULTS[fault]
    ask(missing=["Observation"]).gap()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_required_search_that_fails_is_412(ask: Fetching, fake: FakeFHIR, fault: str) -> None:
    """cds-19."""
    fake.rules["Condition"] = FAULTS[fault]
    ask(missing=["Condition"]).failed()


@pytest.mark.parametrize("fault", ["401", "404", "500", "200 html"])
def test_a_patient_that_cannot_be_read_is_412(ask: Fetching, fake: FakeFHIR, fault: str) -> None:
    """cds-19."""
    fake.rules["Patient"] = FAULTS[fault]
    ask(missing=["Patient"]).failed()


@pytest.mark.parametrize("slow", SLOW)
def test_a_server_that_hangs_costs_the_deadline_only(ask_soon: Fetching, fake: FakeFHIR, slow: str) -> None:
    """cds-20, cds-24."""
    fake.rules["Observation"] = SLOW[slow]
    ask_soon(missing=["Observation"]).gap()


@pytest.mark.parametrize("slow", SLOW)
def test_required_facts_that_hang_are_412_in_time(ask_soon: Fetching, fake: FakeFHIR, slow: str) -> None:
    """cds-19."""
    fake.rules["Condition"] = SLOW[slow]
    ask_soon(missing=["Condition"]).failed()


def test_everything_hangs(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-19: with the deadline that is in force when none is set."""
    fake.rules["*"] = faults.hang()
    ask().failed()


def test_nobody_listens(ehr: Ehr) -> None:
    """cds-19."""
    body = cds.granted(violating(), "http://127.0.0.1:9/fhir", TOKEN)
    reading.precondition_failed(ehr.post(VIEW, body))


def test_no_failure_is_nothing_to_say(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-26: every type but the required ones fails at once."""
    broken: Rule = answering(500)

    def rule(exchange: Exchange, kind: str, params: Parameters, one: str | None) -> bool:
        return kind not in ("Patient", "Condition", "metadata") and broken(exchange, kind, params, one)

    fake.rules["*"] = rule
    ask().gap()
