"""Calls whose data must be read at a FHIR server; each is answered long before a hang of that server ends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import requests

from tests.client import cds, reading
from tests.client.cds import VIEW, Ehr
from tests.client.facts import Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.records import violating
from tests.client.search import Json

TOKEN = "access-token-NEVER-KEEP-8431"


@dataclass(frozen=True)
class Answer:
    """An answer, and the cards that the same record brings when nothing is missing."""

    response: requests.Response
    full: list[Json]

    def cards(self) -> list[Json]:
        """The cards of a success."""
        return reading.cards_of(self.response)

    def gap(self) -> list[Json]:
        """The cards, which say that something is missing."""
        return reading.gap_stated(self.response, self.full)

    def failed(self) -> None:
        """Required facts could not be had."""
        reading.precondition_failed(self.response)


@dataclass(frozen=True)
class Fetching:
    """A caller whose service must read at `fake`."""

    ehr: Ehr
    fake: FakeFHIR

    def __call__(
        self, record: Facts | None = None, missing: Collection[str] = (), scope: str = "patient/*.read"
    ) -> Answer:
        """A patient-view call without prefetch, or without that of the types named."""
        record = record or violating()
        templates = self.ehr.templates()
        page, self.fake.page = self.fake.page, None
        full = self.ehr.ask(VIEW, record, self.fake)
        body = cds.granted(record, self.fake.url, TOKEN, scope=scope)
        if missing:
            had = cds.prefetch(templates, self.fake, body["context"])
            body["prefetch"] = {key: had[key] for key, kind in cds.kinds(templates).items() if kind not in missing}
        self.fake.page = page
        self.fake.log.clear()
        return Answer(self.ehr.post(VIEW, body), full)
