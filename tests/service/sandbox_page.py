"""The page of the public CDS Hooks sandbox in Python: its state, its requests, and what its buttons do to them.

Source: github.com/cds-hooks/sandbox, commit 3b7e255 (2026-03); each oddity names its file under src/.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import requests
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from tests.service.callers import token
from tests.service.conftest import PUBLIC, Json

PAGE = "http://localhost:8080"
ISSUER = "https://sandbox.cds-hooks.org"
KID = "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"
KEY = ECKey.generate_key("P-384", {"kid": KID})
"""The page signs with the private key that its repository publishes; here another one stands for it."""
USER = "Practitioner/COREPRACTITIONER1"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
COMMUNITY = {"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "community"}
# reducers/hook-reducers.js: the hook of each screen that fires by itself, and the one that waits for a button.
SCREENS: dict[str, tuple[str | None, str | None]] = {
    "patient-view": ("patient-view", None),
    "rx-view": ("order-select", None),
    "rx-sign": (None, "order-sign"),
    "pama": ("order-select", "order-sign"),
}
# components/Header/header.jsx: the hook that a tab sets; the PAMA tab never sets order-sign.
TABS = {"patient-view": "patient-view", "rx-view": "order-select", "rx-sign": "order-sign", "pama": "order-select"}
SHOWN_FIRST = ("critical", "warning", "info")


@dataclass(frozen=True)
class Medication:
    """A drug of assets/medication-list.js: the code and name of a clinical drug, which is all that the page keeps."""

    code: str
    name: str


@dataclass
class Form:
    """The prescription form: initialState of reducers/medication-reducers.js."""

    phase: str = "begin"
    chosen: Medication | None = None
    start: str | None = None
    end: str | None = None
    condition: str = ""
    study: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Exchange:
    """A call and its answer; an answer that axios rejects is kept as a text, and shows no card."""

    request: Json
    response: Any
    status: int


class SandboxPage:
    """A browser with the page open at one patient: `cards` is what it shows, `calls` what it has sent."""

    def __init__(self, service: TestClient, fhir: str) -> None:
        self.service, self.fhir = service, fhir
        self.services: dict[str, Json] = {}
        self.exchanges: dict[str, Exchange] = {}
        self.hidden: dict[str, list[str]] = {}
        self.calls: list[Exchange] = []
        self.reports: list[Json] = []
        self.hook = self.screen = "patient-view"
        self.patient, self.form = "", Form()
        self.conditions: list[Json] = []

    # The wire: retrieve-data-helpers/.

    def signed(self, url: str) -> dict[str, str]:
        """`generateJWT` (jwt-generator.js): the address called as audience, five minutes, a remote jku, no tenant."""
        now = round(time.time())
        head = {"alg": "ES384", "typ": "JWT", "kid": KID, "jku": f"{ISSUER}/.well-known/jwks.json"}
        claims: Json = {"iss": ISSUER, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())}
        return token(url, key=KEY, header=head, **claims)

    def exchanged(self, method: str, path: str, body: Json | None = None, accept: str = "application/json") -> Any:
        """A request of the browser: the preflight, then the call with its origin."""
        named = "authorization" if body is None else "authorization,content-type"
        asked = {"Origin": PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": named}
        allowed = self.service.options(path, headers=asked)
        assert allowed.status_code == 200
        assert set(named.split(",")) <= set(allowed.headers["access-control-allow-headers"].lower().split(", "))
        headers = {"Origin": PAGE, "Accept": accept, **self.signed(PUBLIC + path)}
        answer = self.service.request(method, path, json=body, headers=headers)
        assert answer.headers["access-control-allow-origin"] == PAGE, "the browser shows no answer to the page"
        return answer

    def prefetch(self, path: str, context: Json) -> Json:
        """`prefetchDataPromises` (service-exchange.js): a key that fails or keeps an open token is left out."""
        found = {}
        for key, template in self.services[path].get("prefetch", {}).items():
            # `replaceContextTokens` fills in fields of the context that are primitives, and no others.
            plain = {f"context.{name}": value for name, value in context.items() if isinstance(value, str)}
            filled = template
            for name, value in {**plain, "userPractitionerId": USER.partition("/")[2]}.items():
                filled = re.sub(rf"\{{\{{\s*{re.escape(name)}\s*}}}}", value, filled)
            if re.search(r"\{\{[^}]+}}", filled):
                continue
            answer = self._read(*filled.partition("?")[::2])
            if answer is not None and answer.ok and answer.json():
                found[key] = answer.json()
        return found

    def _read(self, place: str, query: str) -> requests.Response:
        accept = {"Accept": "application/json+fhir"}
        if not query:
            return requests.get(f"{self.fhir}/{place}", headers=accept, timeout=30)
        # `encodeUriParameters`: the parameters in alphabetic order, repeated ones joined by commas.
        form = urlencode({name: ",".join(values) for name, values in sorted(parse_qs(query).items())})
        head = {**accept, "content-type": "application/x-www-form-urlencoded"}
        answer = requests.post(f"{self.fhir}/{place}/_search", data=form, headers=head, timeout=30)
        return answer if answer.ok else requests.get(f"{self.fhir}/{place}?{form}", headers=accept, timeout=30)

    def call(self, path: str, context: Json) -> Exchange:
        """`callServices` after a launch without authorization: the hook of the tab, not that of the service."""
        context = {"patientId": self.patient, "userId": USER, **context}
        body: Json = {"hookInstance": str(uuid.uuid4()), "hook": self.hook, "fhirServer": self.fhir}
        body["context"] = context
        prefetch = self.prefetch(path, context)
        body.update({"prefetch": prefetch} if prefetch else {})
        answer = self.exchanged("POST", path, body)
        done = Exchange(body, answer.json() if answer.is_success else "Could not get a response", answer.status_code)
        # reducers/service-exchange-reducers.js: the newest answer replaces the earlier one, and hides nothing.
        self.exchanges[path], self.hidden[path] = done, []
        self.calls.append(done)
        return done

    # The screens: middleware/cds-execution.js and components/.

    def discover(self) -> None:
        """`retrieveDiscoveryServices`: keeps the services by address, and calls those of the open screen."""
        for service in self.exchanged("GET", "/cds-services").json()["services"]:
            self.services[f"/cds-services/{service['id']}"] = service
        self._fire()

    def open_patient(self, patient: str) -> None:
        """`retrievePatient` and GET_PATIENT_SUCCESS: an empty form, no cards, the patient's coded conditions."""
        accept = {"Accept": "application/json+fhir"}
        read = requests.get(f"{self.fhir}/Patient/{patient}", headers=accept, timeout=30).json()
        assert " ".join(read["name"][0]["given"]), "reducers/patient-reducers.js fails without"
        found = requests.get(f"{self.fhir}/Condition?patient={patient}", headers=accept, timeout=30).json()
        self.conditions = [entry["resource"] for entry in found["entry"]] if found["total"] > 0 else []
        self.patient, self.form, self.exchanges, self.hidden = read["id"], Form(), {}, {}
        self._fire()

    def open_address(self, hook: str, screen: str = "patient-view") -> None:
        """`?hook=` in the address (components/MainView): the screen stays as it is unless it is given too."""
        self.hook, self.screen = hook, screen
        self._fire()

    def open_screen(self, screen: str) -> None:
        """`switchHook`: a tab; the open one again calls its service without any order in the context."""
        if (self.hook, self.screen) != (TABS[screen], screen):
            self.open_address(TABS[screen], screen)
        elif self.hook == "patient-view" or (self.form.chosen is not None and self.form.phase == "done"):
            self._call_all(self.hook, {})

    def _fire(self) -> None:
        """What the screen calls by itself; the service is that of the trigger, the hook sent that of the tab."""
        hook = SCREENS[self.screen][0]
        if hook is not None and self.patient:
            self._call_all(hook, self.context())

    def _call_all(self, hook: str, context: Json) -> None:
        for path in [path for path, service in self.services.items() if service["hook"] == hook]:
            self.call(path, context)

    def context(self) -> Json:
        """`generateContext` of the open screen; no Bundle of the page has a type."""
        if self.screen == "patient-view":
            return {}
        order = self._imaging() if self.screen == "pama" else self._medication_request()
        bundle = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]}}
        if self.screen == "rx-sign":
            return bundle
        return {"selections": [f"{order['resourceType']}/{order['id']}"], **bundle}

    def _medication_request(self) -> Json:
        """`createFhirResource` of reducers/medication-reducers.js: one order, always with the id request-123."""
        order: Json = {"resourceType": "MedicationRequest", "id": "request-123", "status": "draft"}
        order["subject"] = {"reference": f"Patient/{self.patient}"}
        order["authoredOn"] = datetime.now().astimezone().date().isoformat()
        if self.form.chosen is not None and self.form.phase == "done":
            order["dosageInstruction"] = [self._dosage()]
            supply = {"value": 30, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
            order["dispenseRequest"] = {"expectedSupplyDuration": supply}
            # An object where FHIR has an array; and before a drug is chosen there is no intent.
            order["intent"], order["category"] = "order", {"coding": [COMMUNITY]}
            coding = {"display": self.form.chosen.name, "system": RXNORM, "code": self.form.chosen.code}
            order["medicationCodeableConcept"] = {"text": self.form.chosen.name, "coding": [coding]}
        treated = [c for c in self.conditions if c["code"]["coding"][0]["code"] == self.form.condition]
        if treated and self.screen == "rx-view":  # components/RxSign does not hand the conditions over
            order["reasonCode"] = treated[0]["code"]
        return order

    def _dosage(self) -> Json:
        repeat: Json = {"frequency": 1, "period": 1, "periodUnit": "d"}
        if self.form.start or self.form.end:
            bounds = {"start": self.form.start, "end": self.form.end}
            repeat["boundsPeriod"] = {name: day for name, day in bounds.items() if day}
        dose = {"value": 1, "system": "http://unitsofmeasure.org", "code": "{pill}"}
        return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": dose}]}

    def _imaging(self) -> Json:
        """`generateContext` of components/Pama/pama.jsx: on load the coding is an empty object."""
        named = {"text": self.form.study["display"]} if self.form.study else {}
        code = {"coding": [self.form.study], **named}
        order = {"resourceType": "ServiceRequest", "id": "example-request-id", "status": "draft", "intent": "plan"}
        return {**order, "code": code, "subject": {"reference": f"Patient/{self.patient}"}, "reasonCode": []}

    # The user: reducers/medication-reducers.js and components/CardList/card-list.jsx.

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """`shouldCallCds`: a change calls again only when it changes the context of the open screen."""
        before = self.context()
        yield
        if self.context() != before:
            self._fire()

    def choose(self, drug: Medication) -> None:
        """A drug of the list."""
        with self._changing():
            self.form.phase, self.form.chosen = "done", drug

    def treat(self, code: str) -> None:
        """The condition that the drug is for."""
        with self._changing():
            self.form.condition = code

    def set_dates(self, start: str | None = None, end: str | None = None) -> None:
        """The two date fields."""
        with self._changing():
            self.form.start, self.form.end = start, end

    def choose_study(self, coding: Json) -> None:
        """An imaging study of the PAMA screen."""
        with self._changing():
            self.form.study = coding

    def sign(self) -> None:
        """The button of the screen that signs; the PAMA screen sends order-select to the order-sign service."""
        hook = SCREENS[self.screen][1]
        if hook is not None:
            self._call_all(hook, self.context())

    @property
    def cards(self) -> list[Json]:
        """`getCardsFromServices` in the order of `CardList`: those of the tab's hook, without the dismissed ones."""
        shown = []
        for path, service in self.services.items():
            exchange = self.exchanges.get(path)
            if service["hook"] == self.hook and exchange is not None and isinstance(exchange.response, dict):
                cards = exchange.response["cards"]
                shown += [{**c, "serviceUrl": path} for c in cards if c.get("uuid") not in self.hidden[path]]
        return sorted(shown, key=lambda card: SHOWN_FIRST.index(card["indicator"]))

    def take(self, card: Json, suggestion: Json) -> None:
        """`takeSuggestion`: feedback when both have a uuid, then the reducer; the card stays where it is."""
        if suggestion.get("uuid") and card.get("uuid"):
            taken = {"outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]}
            self._feedback(card, taken)
        if self.screen in ("rx-view", "rx-sign"):  # components/PatientView applies nothing
            with self._changing():
                self._reduce(suggestion)

    def _reduce(self, suggestion: Json) -> None:
        """TAKE_SUGGESTION: the first action that it understands, and of it the drug's name and first code only."""
        for action in suggestion.get("actions", []):
            if action["type"] == "delete":  # whatever resourceId says
                self.form.phase, self.form.chosen = "ingredient", None
                return
            drug = action.get("resource", {}).get("medicationCodeableConcept")
            if drug and drug.get("text") and drug.get("coding") and drug["coding"][0].get("code"):
                self.form.phase, self.form.chosen = "done", Medication(drug["coding"][0]["code"], drug["text"])
                return

    def dismiss(self, card: Json, reason: Json | None = None) -> None:
        """`dismissCard`: code and system of the reason, never its display; the card is hidden until the next call."""
        report: Json = {"outcome": "overridden"}
        if reason is not None and reason.get("code"):
            report["overrideReason"] = {"reason": {k: reason[k] for k in ("code", "system") if reason.get(k)}}
        self._feedback(card, report)
        self.hidden[card["serviceUrl"]].append(card["uuid"])

    def _feedback(self, card: Json, report: Json) -> None:
        """`sendFeedback`: its token names the feedback's own address; the answer is not looked at."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.reports.append({"card": card["uuid"], **report, "outcomeTimestamp": moment})
        path, accept = f"{card['serviceUrl']}/feedback", "application/json, text/plain, */*"
        answer = self.exchanged("POST", path, {"feedback": [self.reports[-1]]}, accept)
        assert answer.status_code == 200, answer.text
