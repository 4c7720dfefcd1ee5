"""An EHR's side of CDS Hooks: resolving templates and calling."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

import requests

from tests.client.facts import Facts
from tests.client.search import Json

VIEW, SELECT, SIGN = "hcc-conversion-patient-view", "hcc-conversion-order-select", "hcc-conversion-order-sign"
HOOKS = {VIEW: "patient-view", SELECT: "order-select", SIGN: "order-sign"}
TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
REQUIRED = ("Patient", "Condition")
BOUND = 30
"""Seconds for any answer: a fraction of the minute that a FHIR server hangs, and enough for a slow machine."""


class Chart(Protocol):
    """Whatever can look up a resolved template among resources."""

    resources: list[Json]

    def get(self, path: str) -> Json | None:
        """What goes under the prefetch key."""


def http(method: str, url: str, **options: Any) -> requests.Response:
    """Every answer of the service passes here: none shows how the program is made."""
    options.setdefault("timeout", BOUND)
    response = requests.request(method, url, allow_redirects=False, **options)
    assert "Traceback (most recent" not in response.text and '.py", line' not in response.text, "a stack trace leaked"
    return response


def resolve(template: str, context: Json) -> str | None:
    """The template with each token replaced; None when one cannot be."""
    values = {f"context.{name}": value for name, value in context.items() if isinstance(value, str)}
    user = context.get("userId", "")
    if user.startswith("Practitioner/"):
        values["userPractitionerId"] = user.split("/")[1]
    if set(TOKEN.findall(template)) - set(values):
        return None
    return TOKEN.sub(lambda token: values[token.group(1)], template)


def hook_context(
    record: Facts, hook: str = "patient-view", drafts: Sequence[Json] = (), select: Sequence[Json] | None = None
) -> Json:
    """The context of a call about this patient; without `select` every draft order is selected."""
    told: Json = {"userId": "Practitioner/example", "patientId": record.id}
    if hook != "patient-view":
        entries = [{"resource": draft} for draft in drafts]
        told["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    if hook == "order-select":
        chosen = drafts if select is None else select
        told["selections"] = [f"{one['resourceType']}/{one['id']}" for one in chosen]
    return told


def kinds(templates: Mapping[str, str]) -> dict[str, str]:
    """Which resource type each prefetch key asks for."""
    return {key: re.split(r"[/?]", template.lstrip("/"))[0] for key, template in templates.items()}


def keys_of(templates: Mapping[str, str], kind: str) -> list[str]:
    """The keys that ask for this type, one at least."""
    found = [key for key, asked in kinds(templates).items() if asked == kind]
    assert found, f"no template asks for {kind}: {sorted(kinds(templates).values())}"
    return found


def required_keys(templates: Mapping[str, str]) -> list[str]:
    """The keys of what an answer cannot do without."""
    return [key for key, kind in kinds(templates).items() if kind in REQUIRED]


def prefetch(templates: Mapping[str, str], fake: Chart, context: Json) -> Json:
    """What an EHR sends of itself; a template that cannot be resolved is left out."""
    paths = {key: resolve(template, context) for key, template in templates.items()}
    return {key: fake.get(path.lstrip("/")) for key, path in paths.items() if path is not None}


def access(server: str, token: str | None = None, scope: str = "patient/*.read", patient: str = "") -> Json:
    """The members of a request that let the service read."""
    told: Json = {"fhirServer": server}
    if token:
        granted = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}
        told["fhirAuthorization"] = {**granted, "subject": "hcc-adapter", "patient": patient}
    return told


def call(service: str, context: Json, prefetched: Json | None = None, **members: Any) -> Json:
    """The body of a call; without `prefetched` it has no prefetch at all."""
    body: Json = {"hook": HOOKS[service], "hookInstance": str(uuid.uuid4()), "context": context, **members}
    return body if prefetched is None else {**body, "prefetch": prefetched}


def granted(record: Facts, server: str, token: str = "tok", service: str = VIEW, **more: Any) -> Json:
    """A call without prefetch, whose data must be read at the server."""
    context = hook_context(record, HOOKS[service])
    return call(service, context, **access(server, token, patient=record.id, **more))


def query(template: str) -> list[tuple[str, str]]:
    """The search parameters of a template."""
    return parse_qsl(template.partition("?")[2], keep_blank_values=True)


class Ehr:
    """A client bound to one running service."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known: dict[str, Json] = {}

    def services(self) -> dict[str, Json]:
        """What discovery offers, by id."""
        if not self.known:
            response = http("GET", f"{self.url}/cds-services")
            assert response.status_code == 200, response.text[:300]
            self.known = {one["id"]: one for one in response.json()["services"]}
            assert self.known, "no service is offered"
        return self.known

    def templates(self, service: str = VIEW) -> dict[str, str]:
        """The prefetch templates of one service."""
        found: dict[str, str] = self.services()[service].get("prefetch", {})
        return found

    def post(self, service: str, payload: Any, headers: Mapping[str, str] | None = None) -> requests.Response:
        """A call; text and bytes go as they are."""
        sent = {"data": payload} if isinstance(payload, bytes | str) else {"json": payload}
        kind = {"Content-Type": "application/json"} if "data" in sent else {}
        return http("POST", f"{self.url}/cds-services/{service}", headers={**kind, **(headers or {})}, **sent)

    def full(
        self,
        service: str,
        record: Facts,
        fake: Chart,
        drafts: Sequence[Json] = (),
        select: Sequence[Json] | None = None,
    ) -> Json:
        """The body of a call with everything prefetched."""
        fake.resources = record.resources
        context = hook_context(record, HOOKS[service], drafts, select)
        return call(service, context, prefetch(self.templates(service), fake, context))

    def ask(
        self,
        service: str,
        record: Facts,
        fake: Chart,
        drafts: Sequence[Json] = (),
        select: Sequence[Json] | None = None,
        change: Callable[[Json], Any] = lambda _: None,
    ) -> list[Json]:
        """The cards of a call with everything prefetched; `change` may alter the prefetch."""
        body = self.full(service, record, fake, drafts, select)
        change(body["prefetch"])
        response = self.post(service, body)
        assert response.status_code == 200, f"{response.status_code} {response.text[:400]}"
        shown: list[Json] = response.json()["cards"]
        return shown

    def feedback(self, service: str, items: Sequence[Json]) -> requests.Response:
        """Tells what became of cards."""
        return http("POST", f"{self.url}/cds-services/{service}/feedback", json={"feedback": items})
