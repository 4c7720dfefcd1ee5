"""A FHIR server that can be honest, page, hang, lie or redirect, and writes down every request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tests.client.search import Json, Parameters, search
from tests.servers.listening import Listening, Quiet

OUTCOME: Json = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "it broke"}],
}
CAPABILITIES: Json = {
    "resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1", "kind": "instance",
    "date": "2024-01-01", "format": ["json"], "rest": [{"mode": "server"}],
}  # fmt: skip
FHIR_JSON = "application/fhir+json"
OFFSET = "_offset"


class Exchange(Quiet):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    fake: FakeFHIR

    def send(self, status: int, body: Any, kind: str = FHIR_JSON, **headers: str) -> None:
        """Answers with JSON, or with bytes as they are; a header's `_` stands for a hyphen."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)

    def answer(self) -> None:
        """Any method."""
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def _answer(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        url = urlsplit(self.path)
        params = parse_qsl(url.query) + (parse_qsl(form) if url.path.endswith("_search") else [])
        self.fake.log.append({"path": url.path, "raw": self.path, "headers": dict(self.headers.items())})
        root, *parts = [unquote(part) for part in url.path.split("/") if part] or [""]
        kind = parts[0] if parts else ""
        one = parts[1] if len(parts) > 1 and parts[1] != "_search" else None
        rule = self.fake.rules.get(kind) or self.fake.rules.get("*")
        if root != "fhir":
            return self.send(404, OUTCOME)
        if rule and rule(self, kind, params, one):
            return None
        return self._honestly(kind, params, one)

    def _honestly(self, kind: str, params: Parameters, one: str | None) -> None:
        if kind == "metadata":
            return self.send(200, CAPABILITIES)
        if one:
            found = self.fake.read(kind, one)
            return self.send(200, found) if found else self.send(404, OUTCOME)
        return self.send(200, self.fake.searchset(kind, params)) if kind else self.send(404, OUTCOME)


Rule = Callable[[Exchange, str, Parameters, str | None], bool]


class FakeFHIR:
    """`rules` maps a resource type, or `*`, to a function that answers by itself and then returns True."""

    def __init__(self) -> None:
        self.resources: list[Json] = []
        self.rules: dict[str, Rule] = {}
        self.page: int | None = None
        self.log: list[Json] = []
        self.closing = threading.Event()
        self.server = Listening(type("Bound", (Exchange,), {"fake": self}))
        self.port, self.host = self.server.port, self.server.origin
        self.url = f"{self.host}/fhir"

    def read(self, kind: str, one: str) -> Json | None:
        """The resource with this id."""
        return next((r for r in self.resources if r["resourceType"] == kind and r["id"] == one), None)

    def searchset(self, kind: str, params: Iterable[tuple[str, str]]) -> Json:
        """One page of what matches, with the link to the next."""
        offset = int(dict(params).get(OFFSET, 0))
        asked = [pair for pair in params if pair[0] != OFFSET]
        hits = search(self.resources, kind, asked)
        end = offset + (self.page or len(hits) or 1)
        address = f"{self.url}/{kind}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in asked)
        links = [{"relation": "self", "url": address}]
        if end < len(hits):
            links.append({"relation": "next", "url": f"{address}&{OFFSET}={end}"})
        entries = [
            {"fullUrl": f"{self.url}/{kind}/{r.get('id')}", "resource": r, "search": {"mode": "match"}}
            for r in hits[offset:end]
        ]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(hits), "link": links}
        return {**bundle, "entry": entries} if entries else bundle

    def get(self, path: str) -> Json | None:
        """What an EHR puts under a prefetch key for a resolved template; None when it has nothing."""
        url = urlsplit(path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        if len(parts) == 2:
            return self.read(*parts)
        bundle = self.searchset(parts[0], parse_qsl(url.query))
        return bundle if bundle.get("entry") else None

    def asked(self, kind: str | None = None) -> list[Json]:
        """The requests for resources, or for those of one type."""
        plain = [
            one
            for one in self.log
            if one["path"].rstrip("/") != "/fhir/metadata" and "/.well-known/" not in one["path"]
        ]
        if kind is None:
            return plain
        place = f"/fhir/{kind}"
        return [one for one in plain if one["path"] == place or one["path"].startswith(f"{place}/")]

    def close(self) -> None:
        """Ends it, and whatever still hangs."""
        self.closing.set()
        self.server.close()
