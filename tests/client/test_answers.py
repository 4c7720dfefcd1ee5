"""Answers as a whole: none, alike, of nobody else, and errors that are no answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.client import cds, faults, reading
from tests.client.cds import SIGN, VIEW, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import before_surgery, healthy, violating


def test_errors_are_outcomes_and_never_cards(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-26."""
    good = ehr.full(VIEW, healthy(), fake)
    bare = {name: value for name, value in good.items() if name != "context"}
    for response in (ehr.post(VIEW, "{"), ehr.post(VIEW, bare), ehr.post("unknown", good)):
        assert response.status_code >= 400
        reading.outcome(response)


def test_nothing_to_say_is_exactly_an_empty_list_of_cards(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-25: without HCC there are no findings."""
    response = ehr.post(VIEW, ehr.full(VIEW, healthy(), fake))
    assert response.status_code == 200 and response.json() == {"cards": []}, response.text[:300]


def test_the_dead_get_no_cards(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-25."""
    record = violating()
    record.resources[0]["deceasedDateTime"] = "2024-04-30"
    assert ehr.ask(VIEW, record, fake) == []


def test_with_everything_prefetched_a_server_that_hangs_is_not_waited_for(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-20."""
    record = violating()
    body = ehr.full(VIEW, record, fake)
    fake.rules["*"] = faults.hang()
    response = ehr.post(VIEW, {**body, **cds.access(fake.url, "tok", patient=record.id)})
    assert reading.critical(reading.cards_of(response)) and fake.log == []


def test_the_drafts_of_one_call_are_no_facts_of_the_next(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-46."""
    record = before_surgery()
    before = ehr.ask(VIEW, record, fake)
    assert reading.critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab")]))
    assert reading.same(ehr.ask(VIEW, record, fake)) == reading.same(before)


def test_many_calls_at_once_never_mix_patients(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-12."""
    bodies = [ehr.full(VIEW, violating() if number % 2 else healthy(), fake) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: ehr.post(VIEW, body), bodies))
    assert [bool(reading.cards_of(answer)) for answer in answers] == [False, True] * 8
