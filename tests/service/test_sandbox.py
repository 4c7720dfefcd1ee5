"""The public CDS Hooks sandbox, request by request as its page sends them (its build of 2026-03)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from adapter.sandbox.loading import load
from adapter.sandbox.running import running_sandbox
from adapter.service.app import create_app
from adapter.service.site import Site
from tests.service.callers import app_in, key_set, token
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, settings_in

PAGE = "http://localhost:8080"
ISSUER = "https://sandbox.cds-hooks.org"
KID = "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"
KEY = ECKey.generate_key("P-384", {"kid": KID})
SERVICE_KEYS = ("hook", "id", "prefetch", "title", "description")
PATIENT = "syn-05-bevacizumab-too-late"
"""The sandbox signs with the private key that its repository publishes; here another one stands for it."""


class SandboxPage:
    """What the sandbox's page does: it keeps the services that it discovered, by their addresses."""

    def __init__(self, service: TestClient, fhir: str) -> None:
        self.service, self.fhir = service, fhir
        self.services: dict[str, Json] = {}

    def signed(self, url: str) -> dict[str, str]:
        """The header of `generateJWT`: the address called as audience, five minutes, a remote jku, no tenant."""
        now = round(time.time())
        head = {"alg": "ES384", "typ": "JWT", "kid": KID, "jku": f"{ISSUER}/.well-known/jwks.json"}
        claims: Json = {"iss": ISSUER, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())}
        return token(url, key=KEY, header=head, **claims)

    def exchanged(self, method: str, path: str, body: Json | None = None) -> Any:
        """A request of the browser: the preflight, then the call with its origin; what axios does not like raises."""
        named = "authorization" if body is None else "authorization,content-type"
        asked = {"Origin": PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": named}
        allowed = self.service.options(path, headers=asked)
        assert allowed.status_code == 200
        assert set(named.split(",")) <= set(allowed.headers["access-control-allow-headers"].lower().split(", "))
        headers = {"Origin": PAGE, "Accept": "application/json", **self.signed(PUBLIC + path)}
        answer = self.service.request(method, path, json=body, headers=headers)
        assert answer.headers["access-control-allow-origin"] == PAGE
        return answer

    def discover(self) -> None:
        """`retrieveDiscoveryServices`, and the state that its reducer makes of it."""
        answer = self.exchanged("GET", "/cds-services")
        for service in answer.json()["services"]:
            self.services[f"/cds-services/{service['id']}"] = {name: service[name] for name in SERVICE_KEYS}

    def prefetch(self, path: str, context: Json) -> Json:
        """`prefetchDataPromises`: context tokens filled in, searches by form, and a key that fails is left out."""
        found = {}
        for key, template in self.services[path]["prefetch"].items():
            filled = re.sub(r"\{\{\s*context\.([A-Za-z0-9_]+)\s*}}", lambda m: str(context.get(m[1], m[0])), template)
            if "{{" in filled:
                continue
            place, _, query = filled.partition("?")
            accept = {"Accept": "application/json+fhir"}
            if query:
                form = dict(parse_qsl(query))
                answer = requests.post(f"{self.fhir}/{place}/_search", data=form, headers=accept, timeout=30)
            else:
                answer = requests.get(f"{self.fhir}/{place}", headers=accept, timeout=30)
            if answer.ok and answer.json():
                found[key] = answer.json()
        return found

    def call(self, path: str, hook: str) -> Any:
        """`callServices` after a launch without authorization."""
        context = {"patientId": PATIENT, "userId": "Practitioner/COREPRACTITIONER1"}
        body: Json = {"hookInstance": str(uuid.uuid4()), "hook": hook, "fhirServer": self.fhir, "context": context}
        prefetch = self.prefetch(path, context)
        return self.exchanged("POST", path, {**body, **({"prefetch": prefetch} if prefetch else {})})

    def feedback(self, path: str, report: Json) -> Any:
        """`sendFeedback`: its token names the feedback's own address."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = {"feedback": [{**report, "outcomeTimestamp": moment}]}
        return self.exchanged("POST", f"{path}/feedback", body)


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    """A FHIR server with the synthetic patients."""
    with running_sandbox() as address:
        load(address, date.fromisoformat(AS_OF))
        yield address


@pytest.fixture(params=["open", "test"])
def page(request: pytest.FixtureRequest, fhir: str, tmp_path: Path) -> Iterator[SandboxPage]:
    """The page before an open service, and before one that trusts the sandbox's issuer as an explicit test."""
    if request.param == "open":
        site = Site(settings_in(tmp_path), PUBLIC, open=True, frozen=AS_OF)
        with TestClient(create_app(site), raise_server_exceptions=False) as service:
            yield SandboxPage(service, fhir)
        return
    (tmp_path / "keys.json").write_text(key_set(KEY))
    (tmp_path / "clients.toml").write_text(
        f'[[client]]\niss = "{ISSUER}"\njwks = "keys.json"\ntest = true\nfhir_servers = ["{fhir}"]\n'
    )
    with app_in(tmp_path, HCC_CORS_ORIGINS=PAGE) as service:
        yield SandboxPage(service, fhir)


def test_the_page_discovers_calls_and_reports(page: SandboxPage) -> None:
    """cds-5, cds-17, cds-25, cds-33, cds-36, cds-40, cds-45."""
    page.discover()
    assert page.services[PATIENT_VIEW]["hook"] == "patient-view"
    answer = page.call(PATIENT_VIEW, "patient-view")
    assert answer.status_code == 200, answer.text
    cards = answer.json()["cards"]
    assert {"critical", "info"} <= {card["indicator"] for card in cards}
    first, last = cards[0], cards[-1]
    taken = {"card": first["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid.uuid4())}]}
    assert page.feedback(PATIENT_VIEW, taken).status_code == 200
    assert page.call(PATIENT_VIEW, "patient-view").json()["cards"] == cards
    assert page.feedback(PATIENT_VIEW, {"card": first["uuid"], "outcome": "overridden"}).status_code == 200
    coded = {key: last["overrideReasons"][0][key] for key in ("code", "system")}
    for reason in ({"code": coded["code"]}, coded):
        report = {"card": last["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}}
        assert page.feedback(PATIENT_VIEW, report).status_code == 200
    assert page.call(PATIENT_VIEW, "patient-view").json()["cards"] == cards[1:-1]


def test_the_page_with_another_hook_in_its_address_is_told_so(page: SandboxPage) -> None:
    """cds-10: 400, and the page can read it."""
    page.discover()
    answer = page.call(PATIENT_VIEW, "order-select")
    assert answer.status_code == 400 and answer.json()["resourceType"] == "OperationOutcome"


def test_the_page_is_refused_where_its_issuer_is_not_trusted(fhir: str, tmp_path: Path) -> None:
    """cds-44: everybody knows its private key."""
    (tmp_path / "keys.json").write_text(key_set(KEY))
    (tmp_path / "clients.toml").write_text('[[client]]\niss = "https://ehr.example.org"\njwks = "keys.json"\n')
    with app_in(tmp_path, HCC_CORS_ORIGINS=PAGE) as service:
        answer = SandboxPage(service, fhir).exchanged("GET", "/cds-services")
    assert (answer.status_code, answer.content) == (401, b"")
