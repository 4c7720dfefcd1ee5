"""Only what concerns the selected order, whatever shape the orders have."""

from __future__ import annotations

import pytest

from tests.client import reading
from tests.client.cds import SELECT, SIGN, Ehr
from tests.client.facts import SCT, Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.records import before_surgery, converting
from tests.client.search import Json
from tests.client.shown import critical, found, none


def with_vp3() -> Facts:
    """TACE would be warned of, and bevacizumab comes too late before the hepatectomy."""
    record = converting(vp="vp3", drugs=("camrelizumab", "bevacizumab"))
    record.order("hepatectomy", on="2024-05-20")
    return record


def test_only_the_selected_order_speaks(ehr: Ehr, fake: FakeFHIR) -> None:
    record = before_surgery()
    risky, plain = record.draft_drug("bevacizumab"), record.draft_test()
    critical(ehr.ask(SELECT, record, fake, [risky, plain], [risky]))
    none(ehr.ask(SELECT, record, fake, [risky, plain], [plain]), "bevacizumab", "critical", "warning")


def test_the_card_of_one_order_is_not_shown_for_another(ehr: Ehr, fake: FakeFHIR) -> None:
    record = with_vp3()
    drug, tace = record.draft_drug("bevacizumab"), record.draft_procedure("tace")
    one, two = (ehr.ask(SELECT, record, fake, [drug, tace], [chosen]) for chosen in (drug, tace))
    critical(one)
    none(one, r"TACE.*(Vp|portal)|(Vp|portal).*TACE", "warning")
    found(two, "TACE", "warning")
    critical(two, False)


def test_two_selected_orders_both_speak(ehr: Ehr, fake: FakeFHIR) -> None:
    record = with_vp3()
    cards = ehr.ask(SELECT, record, fake, [record.draft_drug("bevacizumab"), record.draft_procedure("tace")])
    critical(cards)
    found(cards, "TACE", "warning")


def test_signing_judges_all_drafts(ehr: Ehr, fake: FakeFHIR) -> None:
    record = with_vp3()
    drafts = [record.draft_test(), record.draft_drug("bevacizumab"), record.draft_procedure("tace")]
    cards = ehr.ask(SIGN, record, fake, drafts)
    critical(cards)
    found(cards, "TACE", "warning")


def odd(draft: Json) -> Json:
    """As the public sandbox sends it: category and reasonCode are objects, and there is no intent."""
    kept = {name: value for name, value in draft.items() if name != "intent"}
    reason = {"coding": [{"system": SCT, "code": "109841003"}]}
    return {**kept, "category": {"coding": [{"code": "outpatient"}]}, "reasonCode": reason}


@pytest.mark.parametrize("service", [SELECT, SIGN])
def test_draft_orders_that_are_not_valid_r4_are_judged(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    """cds-49: the Bundle has no type either."""
    record = before_surgery()
    body = ehr.full(service, record, fake, [odd(record.draft_drug("bevacizumab"))])
    del body["context"]["draftOrders"]["type"]
    critical(reading.cards_of(ehr.post(service, body)))


def test_an_order_without_medication_is_survived(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-49: the public sandbox sends one once on load."""
    record = before_surgery()
    draft = record.draft_drug("bevacizumab")
    del draft["medicationCodeableConcept"]
    assert ehr.post(SELECT, ehr.full(SELECT, record, fake, [odd(draft)])).status_code == 200
