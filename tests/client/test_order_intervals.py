"""Draft orders against the intervals before a hepatectomy: drugs before it, and it after drugs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import cds, reading
from tests.client.cds import SELECT, SIGN, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import before_surgery, converting
from tests.client.shown import critical, found, none

BOTH = pytest.mark.parametrize("service", [SELECT, SIGN])


@BOTH
@pytest.mark.parametrize(("on", "bad"), [("2024-05-20", True), ("2024-08-20", False)])
def test_bevacizumab_is_critical_inside_the_interval_only(
    ehr: Ehr, fake: FakeFHIR, service: str, on: str, bad: bool
) -> None:
    """The hepatectomy is 19 or 111 days away."""
    record = before_surgery(on=on)
    critical(ehr.ask(service, record, fake, [record.draft_drug("bevacizumab")]), bad)


def test_bevacizumab_between_minimum_and_preferred_is_warned_of(ehr: Ehr, fake: FakeFHIR) -> None:
    """35 days."""
    record = before_surgery(on="2024-06-05")
    cards = ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab")])
    found(cards, "bevacizumab", "warning")
    critical(cards, False)


@pytest.mark.parametrize(("on", "bad"), [("2024-05-28", True), ("2024-05-29", False)])
def test_the_minimum_of_28_days_holds_to_the_day(ehr: Ehr, fake: FakeFHIR, on: str, bad: bool) -> None:
    """A draft without a date is a dose of today."""
    record = before_surgery(on=on)
    critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab")]), bad)


def test_the_timing_of_a_draft_decides(ehr: Ehr, fake: FakeFHIR) -> None:
    """A dose planned on 2024-05-10 is 19 days before the hepatectomy."""
    record = before_surgery(on="2024-05-29")
    timing = [{"timing": {"event": ["2024-05-10"]}}]
    critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab", dosageInstruction=timing)]))


@BOTH
def test_a_tki_inside_the_interval_is_critical(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    """It starts two days before the hepatectomy."""
    record = converting()
    record.taken("lenvatinib", "completed", start="2024-01-08", end="2024-04-01")
    record.order("hepatectomy", on="2024-05-03")
    found(ehr.ask(service, record, fake, [record.draft_drug("lenvatinib")]), "lenvatinib|TKI", "critical")


def test_a_tki_that_can_still_be_stopped_is_not_critical(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting()
    record.taken("lenvatinib", "completed", start="2024-01-08", end="2024-04-01")
    record.order("hepatectomy", on="2024-08-20")
    none(ehr.ask(SIGN, record, fake, [record.draft_drug("lenvatinib")]), "lenvatinib|TKI", "critical")


def test_an_order_that_is_signed_again_is_judged(ehr: Ehr, fake: FakeFHIR) -> None:
    """Orders of other statuses than draft are signed too."""
    record = before_surgery()
    critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab", status="active")]))


@BOTH
def test_an_undated_hepatectomy_before_its_intervals_have_passed_is_critical(
    ehr: Ehr, fake: FakeFHIR, service: str
) -> None:
    """Bevacizumab was given 11 days ago."""
    record = converting(drugs=("camrelizumab", "bevacizumab"), last="2024-04-20")
    critical(ehr.ask(service, record, fake, [record.draft_procedure("hepatectomy")]))


@pytest.mark.parametrize(("last", "bad"), [("2024-04-04", True), ("2024-04-03", False)])
def test_an_undated_hepatectomy_is_judged_to_the_day(ehr: Ehr, fake: FakeFHIR, last: str, bad: bool) -> None:
    """27 and 28 days before today."""
    record = converting(drugs=("camrelizumab", "bevacizumab"), last=last)
    critical(ehr.ask(SIGN, record, fake, [record.draft_procedure("hepatectomy")]), bad)


def test_a_dated_draft_hepatectomy_is_judged_by_its_date(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting(drugs=("camrelizumab", "bevacizumab"), last="2024-04-20")
    draft = record.draft_procedure("hepatectomy", occurrenceDateTime="2024-06-20")
    critical(ehr.ask(SIGN, record, fake, [draft]), False)


@BOTH
def test_a_hepatectomy_under_progression_is_critical(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    record = converting()
    record.response("2024-04-22", "PD")
    found(ehr.ask(service, record, fake, [record.draft_procedure("hepatectomy")]), r"progress|\bPD\b", "critical")


@pytest.mark.parametrize("name", ["bevacizumab", "Bevacizumab ", "贝伐珠单抗"])
def test_a_drug_that_is_known_by_its_name_only_is_judged(ehr: Ehr, fake: FakeFHIR, name: str) -> None:
    record = before_surgery()
    draft = record.draft_drug("bevacizumab") | {"medicationCodeableConcept": {"text": name}}
    found(ehr.ask(SIGN, record, fake, [draft]), "bevacizumab|贝伐珠单抗", "critical")


@pytest.mark.parametrize(
    "change", [{"status": "entered-in-error"}, {"status": "cancelled"}, {"doNotPerform": True}], ids=str
)
def test_a_draft_that_is_no_plan_says_nothing(ehr: Ehr, fake: FakeFHIR, change: dict[str, Any]) -> None:
    record = before_surgery()
    critical(ehr.ask(SIGN, record, fake, [record.draft_drug("bevacizumab", **change)]), False)


def test_a_full_read_and_a_prefetch_agree_on_orders(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-17."""
    record = before_surgery()
    drafts = [record.draft_drug("bevacizumab")]
    prefetched = ehr.ask(SIGN, record, fake, drafts)
    context = cds.hook_context(record, "order-sign", drafts)
    response = ehr.post(SIGN, cds.call(SIGN, context, **cds.access(fake.url, "tok", patient=record.id)))
    assert reading.same(reading.cards_of(response)) == reading.same(prefetched)
