"""A service that trusts its clients, and the callers that it trusts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from tests.client import cds
from tests.client.cds import VIEW
from tests.client.facts import Facts
from tests.client.fhirserver import FakeFHIR
from tests.client.process import Service
from tests.client.records import healthy
from tests.client.search import Json
from tests.client.tokens import Client

DISCOVERY = "/cds-services"
VIEW_PATH = f"{DISCOVERY}/{VIEW}"
FEEDBACK_PATH = f"{VIEW_PATH}/feedback"
DETAILS = (
    "expired", "signature", "issuer", "audience", "replay", "jti", "kid", "algorithm", "jwks", "tenant", "exp ",
    "claim",
)  # fmt: skip


class Borrowed:
    """A fake server's search, without touching what the running test put there."""

    def __init__(self, fake: FakeFHIR) -> None:
        self.fake = fake
        self.resources: list[Json] = []

    def get(self, path: str) -> Json | None:
        """What is under a prefetch key."""
        kept, self.fake.resources = self.fake.resources, self.resources
        try:
            return self.fake.get(path)
        finally:
            self.fake.resources = kept


class Trusted:
    """`public` is the address that tokens name; `main` is the caller that most tests are."""

    def __init__(self, service: Service, public: str, fake: FakeFHIR, **clients: Client) -> None:
        self.service, self.url, self.public, self.fake, self.clients = service, service.url, public, fake, clients
        self.main = clients["main"]
        self._ehr = cds.Ehr(self.url)

    def aud(self, path: str = DISCOVERY) -> str:
        """The audience of a token for this path."""
        return self.public + path

    def call(
        self,
        token: str | None,
        path: str = VIEW_PATH,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str = "",
    ) -> requests.Response:
        """A call with this token, or without any."""
        head = {"Authorization": f"Bearer {token}"} if token else {}
        method = method or ("GET" if path == DISCOVERY else "POST")
        sent = payload if method == "POST" else None
        return cds.http(method, self.url + path, json=sent, headers={**head, **(headers or {})})

    def discover(self, token: str | None, **headers: str) -> requests.Response:
        """Discovery with this token."""
        return self.call(token, DISCOVERY, headers=headers)

    def view(self, token: str | None, record: Facts | None = None) -> requests.Response:
        """A complete patient-view call with this token."""
        if not self._ehr.known:
            found = self.discover(self.main.token(self.aud()))
            assert found.status_code == 200, found.text[:300]
            self._ehr.known = {one["id"]: one for one in found.json()["services"]}
        return self.call(token, payload=self._ehr.full(VIEW, record or healthy(), Borrowed(self.fake)))

    def viewer(self, client: str = "main", **change: Any) -> str:
        """A token of this caller for patient-view, good but for the changes."""
        return self.clients[client].token(self.aud(VIEW_PATH), **change)


def bare_401(response: requests.Response) -> None:
    """A refusal that does not say why."""
    assert response.status_code == 401, f"{response.status_code} {response.text[:300]}"
    said = response.text.lower()
    assert [word for word in DETAILS if word in said] == [], response.text[:200]
