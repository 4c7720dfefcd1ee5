"""A FHIR server of a hospital's record system, which answers as each test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.listening import Listening, Quiet
from tests.service.conftest import Json

SLOW = "slow"
HTML = "html"
HANG_SECONDS = 60
"""How long SLOW is: many times whatever deadline a test sets, so that its bounds need not be tight."""
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


class Ehr:
    """`behave`: type -> HTTP status, SLOW or HTML; others are answered from the chart, `page` entries at a time."""

    def __init__(self, chart: list[Json]) -> None:
        self.chart = chart
        self.behave: dict[str, int | str] = {}
        self.page = 10_000
        self.base = ""
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.pages_elsewhere: str | None = None
        self.over = threading.Event()

    def answer(self, target: str, token: str | None) -> tuple[int, str, Any]:
        """Status, media type and body for a path below the base."""
        self.asked.append(target)
        self.tokens.add(token)
        parts = urlsplit(target)
        kind, _, identity = parts.path.partition("/")
        rule = self.behave.get(kind, 200)
        if rule == SLOW:
            self.over.wait(HANG_SECONDS)
        if rule == HTML:
            return 200, "text/html", "<html>login</html>"
        if isinstance(rule, int) and rule != 200:
            return rule, "application/fhir+json", OUTCOME
        mine = [r for r in self.chart if r["resourceType"] == kind]
        if identity:
            found = [r for r in mine if r["id"] == identity]
            return (200, "application/fhir+json", found[0]) if found else (404, "application/fhir+json", OUTCOME)
        return 200, "application/fhir+json", self._bundle(kind, mine, int(parse_qs(parts.query).get("at", ["0"])[0]))

    def _bundle(self, kind: str, mine: list[Json], at: int) -> Json:
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(mine)}
        bundle["entry"] = [{"resource": r} for r in mine[at : at + self.page]]
        if at + self.page < len(mine):
            home = self.pages_elsewhere or self.base
            bundle["link"] = [{"relation": "next", "url": f"{home}/{kind}?at={at + self.page}"}]
        return bundle


@contextmanager
def running(chart: list[Json]) -> Iterator[Ehr]:
    """The server on a free port while the block runs."""
    ehr = Ehr(chart)

    class Answers(Quiet):
        def do_GET(self) -> None:
            status, media, body = ehr.answer(self.path.removeprefix("/fhir/"), self.headers.get("Authorization"))
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

    with closing(Listening(Answers)) as server:
        ehr.base = f"{server.origin}/fhir"
        try:
            yield ehr
        finally:
            ehr.over.set()
