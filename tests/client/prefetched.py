"""A complete call that a test takes something away from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from tests.client import cds, reading
from tests.client.cds import VIEW, Ehr
from tests.client.facts import Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.search import Json


@dataclass(frozen=True)
class Complete:
    """The record, its call with everything prefetched, and the cards that this brings."""

    ehr: Ehr
    fake: FakeFHIR
    record: Facts
    body: Json
    cards: list[Json]

    def keys(self, kind: str) -> list[str]:
        """The prefetch keys that ask for this type."""
        return cds.keys_of(self.ehr.templates(), kind)

    def put(self, kind: str, value: Any) -> None:
        """Sends this under the keys of the type."""
        self.body["prefetch"].update(dict.fromkeys(self.keys(kind), value))

    def without(self, kind: str) -> list[str]:
        """Sends nothing under the keys of the type; returns them."""
        for key in self.keys(kind):
            del self.body["prefetch"][key]
        return self.keys(kind)

    def entries(self, kind: str) -> list[Json]:
        """The entries under the first key of the type that has some, to be changed."""
        bundles = [self.body["prefetch"][key] for key in self.keys(kind)]
        found: list[Json] = next(bundle["entry"] for bundle in bundles if bundle)
        return found

    def grant(self, token: str = "tok") -> None:
        """Lets the service read at the fake server."""
        self.body.update(cds.access(self.fake.url, token, patient=self.record.id))

    def post(self) -> requests.Response:
        """Calls."""
        return self.ehr.post(VIEW, self.body)

    def gap(self) -> list[Json]:
        """Calls, and is told that something is missing."""
        return reading.gap_stated(self.post(), self.cards)
