"""A FHIR server that lies: other patients, endless pages, and links that lead away with the token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import cds, faults, reading
from tests.client.cds import VIEW, Ehr
from tests.client.fetching import TOKEN, Fetching
from tests.client.fhirserver import OUTCOME, FakeFHIR, Rule
from tests.client.records import before_surgery, healthy, violating
from tests.client.search import Json

DOSE = "MedicationAdministration"


def searchset(*entries: Json) -> Rule:
    return faults.answering(200, {"resourceType": "Bundle", "type": "searchset", "entry": list(entries)})


def test_a_searchset_with_another_patient_does_not_leak(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-12."""
    record, other = before_surgery(), violating()
    fake.rules[DOSE] = searchset(*({"resource": one} for one in record.of(DOSE) + other.of(DOSE)))
    answer = ask(record, missing=[DOSE])
    assert answer.response.status_code < 500 and other.id not in answer.response.text
    assert answer.response.status_code >= 400 or not reading.critical(answer.cards())


def test_a_patient_that_is_another_one_is_not_accepted(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-12, cds-19."""
    fake.rules["Patient"] = faults.answering(200, healthy().resources[0])
    assert 400 <= ask(missing=["Patient"]).response.status_code < 500


def test_an_outcome_inside_a_searchset_is_a_gap(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-19: what is incomplete gives no reason to conclude that there is nothing."""
    record = before_surgery()
    some = [{"resource": one} for one in record.of("Observation")[:2]]
    fake.rules["Observation"] = searchset(*some, {"resource": OUTCOME, "search": {"mode": "outcome"}})
    ask(record, missing=["Observation"]).gap()


def test_paged_answers_are_read_to_the_end(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-17."""
    fake.page = 2
    answer = ask()
    assert reading.critical(answer.cards()) and reading.same(answer.cards()) == reading.same(answer.full)


def test_endless_paging_ends(ask: Fetching, fake: FakeFHIR) -> None:
    """cds-19."""
    fake.rules["Observation"] = faults.with_next(fake, lambda kind: f"{fake.url}/{kind}?again=1")
    ask(missing=["Observation"]).gap()


@pytest.mark.parametrize("bad", ["http://[::1", "javascript:alert(1)", "file:///etc/passwd", "", 5, "//"])
def test_a_broken_link_to_the_next_page_is_a_gap(ask: Fetching, fake: FakeFHIR, bad: Any) -> None:
    """cds-19."""
    fake.rules["Observation"] = faults.with_next(fake, bad)
    ask(missing=["Observation"]).gap()


def test_pages_on_another_host_get_no_token(ask: Fetching, fake: FakeFHIR, evil: FakeFHIR) -> None:
    """cds-24."""
    fake.rules[DOSE] = faults.with_next(fake, lambda kind: f"{evil.url}/{kind}?page=2")
    ask(missing=[DOSE]).gap()
    assert TOKEN not in str(evil.log)


def test_pages_on_the_same_machine_but_another_port_get_no_token(ask: Fetching, fake: FakeFHIR, evil: FakeFHIR) -> None:
    """cds-24."""
    fake.rules["Observation"] = faults.with_next(fake, lambda kind: f"http://localhost:{evil.port}/fhir/{kind}?page=2")
    ask(missing=["Observation"]).gap()
    assert TOKEN not in str(evil.log)


def test_no_redirect_is_followed_with_the_token(ask: Fetching, fake: FakeFHIR, evil: FakeFHIR) -> None:
    """cds-24: what is behind it is a stated gap, be it the record itself."""
    record = violating()
    evil.resources = record.resources
    fake.rules["Observation"] = faults.redirect(evil.url)
    ask(record, missing=["Observation"]).gap()
    assert TOKEN not in str(evil.log)


def test_no_redirect_of_what_is_required_is_followed_with_the_token(
    ask: Fetching, fake: FakeFHIR, evil: FakeFHIR
) -> None:
    """cds-24."""
    record = violating()
    evil.resources = record.resources
    fake.rules["Condition"] = faults.redirect(evil.url)
    ask(record, missing=["Condition"]).failed()
    assert TOKEN not in str(evil.log)


def test_an_absolute_reference_gets_no_token(ehr: Ehr, fake: FakeFHIR, evil: FakeFHIR) -> None:
    """cds-24."""
    record = violating()
    assert record.of(DOSE)
    for dose in record.of(DOSE):
        del dose["medicationCodeableConcept"]
        dose["medicationReference"] = {"reference": f"{evil.url}/Medication/m1"}
    fake.resources = record.resources
    assert ehr.post(VIEW, cds.granted(record, fake.url, TOKEN)).status_code == 200
    assert TOKEN in str(fake.log) and TOKEN not in str(evil.log)


def test_a_contained_medication_is_resolved(ask: Fetching) -> None:
    """cds-17."""
    record = violating()
    for dose in record.of(DOSE):
        code = dose.pop("medicationCodeableConcept")
        dose["contained"] = [{"resourceType": "Medication", "id": "m", "code": code}]
        dose["medicationReference"] = {"reference": "#m"}
    assert reading.critical(ask(record).cards())
