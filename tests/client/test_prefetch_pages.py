"""A prefetch of which the client sends the first page only."""

from __future__ import annotations

import pytest

from tests.client import cds, reading
from tests.client.fhirserver import FakeFHIR
from tests.client.prefetched import Complete


def first_pages(complete: Complete, kind: str) -> None:
    """One entry and the link to the next page, under the keys of this type."""
    fake = complete.fake
    fake.page = 1
    for key in complete.keys(kind):
        path = cds.resolve(complete.ehr.templates()[key], complete.body["context"])
        page = fake.get(path or "")
        assert page is None or len(page["entry"]) == 1
        complete.body["prefetch"][key] = page


def test_links_to_the_next_page_are_followed(complete: Complete, fake: FakeFHIR) -> None:
    """cds-17: eight doses on pages of one, read with the token."""
    first_pages(complete, "MedicationAdministration")
    complete.grant()
    assert reading.same(reading.cards_of(complete.post())) == reading.same(complete.cards)
    asked = fake.asked("MedicationAdministration")
    assert len(asked) >= 2 and all(one["headers"].get("Authorization") == "Bearer tok" for one in asked)


def test_a_next_page_without_access_is_a_stated_gap(complete: Complete, fake: FakeFHIR) -> None:
    """cds-19."""
    first_pages(complete, "Observation")
    complete.gap()
    assert fake.asked() == []


def test_paged_conditions_without_access_are_not_nothing_to_say(complete: Complete) -> None:
    """cds-26: a first page without the HCC is not a patient without HCC."""
    record = complete.record
    other = record.condition("38341003", "2020-01-01")
    record.resources = [record.resources[0], other, *record.resources[1:-1]]
    complete.fake.resources = record.resources
    first_pages(complete, "Condition")
    pages = [complete.body["prefetch"][key] for key in complete.keys("Condition")]
    if not any(link["relation"] == "next" for page in pages if page for link in page["link"]):
        pytest.fail("no page of Conditions has a next one: the templates are too narrow for this test")
    response = complete.post()
    assert response.status_code == 412 or reading.gap_stated(response, complete.cards)


def test_a_link_to_another_host_gets_no_token(complete: Complete, fake: FakeFHIR, evil: FakeFHIR) -> None:
    """cds-24: read there without the token, or read anew at the server, or said to be incomplete."""
    key = complete.keys("MedicationAdministration")[0]
    link = {"relation": "next", "url": f"{evil.url}/MedicationAdministration?page=2"}
    complete.body["prefetch"][key]["link"] = [link]
    complete.grant("SECRET-tok")
    response = complete.post()
    assert response.status_code == 200 and "SECRET" not in str(evil.log)
    assert evil.log or fake.asked("MedicationAdministration") or reading.gap_stated(response, complete.cards)
