"""All kinds of cards, each from a scenario that brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import requests

from tests.client import reading
from tests.client.cds import SELECT, SIGN, VIEW, Ehr
from tests.client.facts import POS, Facts, examples
from tests.client.fhirserver import FakeFHIR
from tests.client.records import baseline, before_surgery, converting, violating
from tests.client.search import Json


@dataclass(frozen=True)
class Shown:
    """One scenario and its answer."""

    name: str
    record: Facts
    drafts: list[Json]
    response: requests.Response

    @property
    def cards(self) -> list[Json]:
        """The cards."""
        return reading.cards_of(self.response)

    @property
    def suggestions(self) -> list[Json]:
        """The suggestions of all cards."""
        return [one for card in self.cards for one in card.get("suggestions", [])]

    @property
    def actions(self) -> list[Json]:
        """The actions of all suggestions."""
        return [action for one in self.suggestions for action in one.get("actions", [])]


Gallery = list[Shown]
Scenario = tuple[str, str, Facts, list[Json]]


def orders() -> Iterator[Scenario]:
    """Name, service, record and draft orders."""
    for name, service in (("beva-sign", SIGN), ("beva-select", SELECT)):
        record = before_surgery()
        yield name, service, record, [record.draft_drug("bevacizumab")]
    stopped = converting(last="2024-04-10")
    stopped.lab("alt", "2024-04-28", 900, high=40)
    unknown, hbv = baseline(screened=False), baseline(hbsag=POS)
    for name, record in (("ici-unknown-viral", unknown), ("ici-hbv", hbv), ("ici-stop", stopped)):
        yield name, SIGN, record, [record.draft_drug("camrelizumab")]
    record = converting(vp="vp4")
    yield "tace", SIGN, record, [record.draft_procedure("tace")]
    record = converting(liver={"bilirubin": 60, "albumin": 25, "ascites": "moderate"})
    yield "haic", SIGN, record, [record.draft_procedure("haic")]
    record = converting(drugs=("camrelizumab", "bevacizumab"), last="2024-04-20")
    record.response("2024-04-22", "PD")
    yield "hepatectomy-pd", SIGN, record, [record.draft_procedure("hepatectomy")]


def views() -> Iterator[Scenario]:
    """The same for records that are opened."""
    for name, record in {"violation": violating(), "converting": converting(), **examples()}.items():
        yield f"view-{name}", VIEW, record, []


def gallery(ehr: Ehr) -> Gallery:
    """Every scenario, shown by this service."""
    with closing(FakeFHIR()) as server:
        shown = [
            Shown(name, record, drafts, ehr.post(service, ehr.full(service, record, server, drafts)))
            for name, service, record, drafts in (*orders(), *views())
        ]
    assert len(cards_of(shown)) > 10, "there must be cards of all kinds"
    return shown


def cards_of(shown: Gallery) -> list[tuple[str, Json]]:
    """All cards, each with the name of its scenario; one at least."""
    found = [(one.name, card) for one in shown for card in one.cards]
    assert found, "there must be cards to judge"
    return found


def by_name(shown: Gallery, name: str) -> Shown:
    """One of them."""
    return next(one for one in shown if one.name == name)
