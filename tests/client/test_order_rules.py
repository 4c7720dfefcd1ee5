"""What is said of draft orders, which are plans: checkpoint inhibitors, liver-directed therapy and its limits."""

from __future__ import annotations

import pytest

from tests.client.cds import SELECT, SIGN, Ehr
from tests.client.facts import POS
from tests.client.fhirserver import FakeFHIR
from tests.client.reading import mentions
from tests.client.records import baseline, converting, healthy
from tests.client.shown import found, none

VIRAL = r"HBsAg|hepatitis|HBV|HCV"
BOTH = pytest.mark.parametrize("service", [SELECT, SIGN])


@BOTH
def test_an_ici_with_unknown_viral_status_is_warned_of(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    record = baseline(screened=False)
    found(ehr.ask(service, record, fake, [record.draft_drug("camrelizumab")]), VIRAL, "warning", "critical")


@BOTH
def test_an_ici_with_known_viral_status_has_no_such_card(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    record = baseline()
    cards = ehr.ask(service, record, fake, [record.draft_drug("camrelizumab")])
    none(cards, r"HBsAg.{0,80}(missing|not tested|unknown)|screening.{0,40}incomplete", "warning", "critical")


@BOTH
def test_an_ici_with_known_hbv_and_no_antiviral_is_critical(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    record = baseline(hbsag=POS)
    found(ehr.ask(service, record, fake, [record.draft_drug("camrelizumab")]), VIRAL, "critical")


@BOTH
def test_an_ici_with_a_high_viral_load_is_warned_of(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    """One above the limit; the value that decides is named."""
    record = baseline(hbsag=POS)
    record.taken("entecavir", "active", start="2024-01-01")
    record.lab("hbv_dna", "2024-04-20", 2001)
    hits = found(ehr.ask(service, record, fake, [record.draft_drug("camrelizumab")]), r"2\W?001", "warning", "critical")
    assert mentions(hits, r"HBV.?DNA|viral load")


@BOTH
def test_an_ici_after_a_stop_value_is_critical(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    """Transaminases of 20 times the limit under an ICI; the value that decides is named."""
    record = converting(last="2024-04-10")
    record.lab("alt", "2024-04-28", 900, high=40)
    record.lab("bilirubin", "2024-04-28", 12, high=21)
    cards = ehr.ask(service, record, fake, [record.draft_drug("camrelizumab")])
    assert mentions(found(cards, r"camrelizumab|checkpoint|\bICI\b|immun", "critical"), "900")


def test_an_ici_after_a_value_that_is_no_stop_is_no_critical_matter(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting(last="2024-04-10")
    record.lab("alt", "2024-04-28", 60, high=40)
    cards = ehr.ask(SIGN, record, fake, [record.draft_drug("camrelizumab")])
    none(cards, r"permanent|stop value|discontinu", "critical")


@BOTH
@pytest.mark.parametrize("vp", ["vp3", "vp4"])
def test_tace_with_vp3_or_vp4_is_warned_of(ehr: Ehr, fake: FakeFHIR, service: str, vp: str) -> None:
    record = converting(vp=vp)
    found(ehr.ask(service, record, fake, [record.draft_procedure("tace")]), "TACE", "warning")


def test_tace_with_vp2_is_not_warned_of(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting(vp="vp2")
    cards = ehr.ask(SIGN, record, fake, [record.draft_procedure("tace")])
    none(cards, r"TACE.*Vp|Vp.*TACE|portal vein", "warning", "critical")


def test_tace_with_an_unknown_grade_says_so(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting(vp=None)
    found(ehr.ask(SIGN, record, fake, [record.draft_procedure("tace")]), r"portal|\bVp|thromb")


@BOTH
def test_haic_with_child_pugh_c_is_warned_of(ehr: Ehr, fake: FakeFHIR, service: str) -> None:
    record = converting(liver={"bilirubin": 60, "albumin": 25, "ascites": "moderate"})
    hits = found(ehr.ask(service, record, fake, [record.draft_procedure("haic")]), "HAIC", "warning")
    assert mentions(hits, "Child.?Pugh")


def test_haic_with_child_pugh_a_is_not_warned_of(ehr: Ehr, fake: FakeFHIR) -> None:
    record = converting()
    none(ehr.ask(SIGN, record, fake, [record.draft_procedure("haic")]), "HAIC", "warning", "critical")


def test_haic_with_an_undecided_child_pugh_says_so(ehr: Ehr, fake: FakeFHIR) -> None:
    """Without the ascites it is 8 to 10 points."""
    record = converting(liver={"bilirubin": 60, "albumin": 30, "inr": 1.8, "ascites": None})
    found(ehr.ask(SIGN, record, fake, [record.draft_procedure("haic")]), "Child.?Pugh|ascites")


def test_orders_for_someone_without_hcc_say_nothing(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-25."""
    record = healthy()
    drafts = [record.draft_drug("camrelizumab"), record.draft_procedure("tace")]
    assert ehr.ask(SIGN, record, fake, drafts) == []
