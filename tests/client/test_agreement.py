"""The committed examples, prefetched and read, against each other and against their assessment."""

from __future__ import annotations

import json

import pytest

from tests.client import cds, reading
from tests.client.cds import VIEW, Ehr
from tests.client.facts import examples
from tests.client.fhirserver import FakeFHIR
from tests.client.search import Json

EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_prefetch_alone_equals_a_full_read(ehr: Ehr, fake: FakeFHIR, name: str) -> None:
    """cds-17, cds-20: with everything prefetched nothing is read."""
    record = EXAMPLES[name]
    prefetched = ehr.ask(VIEW, record, fake)
    assert fake.asked() == []
    response = ehr.post(VIEW, cds.granted(record, fake.url, scope="patient/*.read user/*.read"))
    assert reading.same(reading.cards_of(response)) == reading.same(prefetched)
    assert fake.asked()


@pytest.mark.parametrize("name", EXAMPLES)
def test_cards_agree_with_the_assessment(ehr: Ehr, fake: FakeFHIR, name: str) -> None:
    """cds-25: what is serious is shown, as serious as it is, and not in more cards than there are findings."""
    record = EXAMPLES[name]
    response = cds.http("POST", f"{ehr.url}/evaluate?as-of=2024-05-01&complete=true", json=record.bundle())
    assert response.status_code == 200, response.text[:300]
    found: list[Json] = first_assessment(response.text)["findings"]
    cards = ehr.ask(VIEW, record, fake)
    assert found or not cards
    assert cards or not [one for one in found if one["severity"] != "info"]
    assert len(cards) <= len(found)
    shown = max((reading.RANK[card["indicator"]] for card in cards), default=-1)
    issues = [reading.RANK[one["severity"]] for one in found if one["kind"] == "issue" and one["severity"] != "info"]
    assert shown >= max(issues, default=-1)
    assert shown <= max((reading.RANK[one["severity"]] for one in found), default=-1)


def first_assessment(text: str) -> Json:
    """From a list, an object with a list, or one per line."""
    told = json.loads(text.strip().splitlines()[0])
    held = told if isinstance(told, list) else told.get("assessments", [told])
    found: Json = held[0]
    return found
