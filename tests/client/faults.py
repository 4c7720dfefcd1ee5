"""Ready-made ways in which a FHIR server fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.client.fhirserver import FHIR_JSON, OUTCOME, Exchange, FakeFHIR, Rule
from tests.client.search import Parameters

HANG_SECONDS = 60
PAGE = b"<html><body><h1>Service Unavailable</h1></body></html>"


def answering(code: int, body: Any = OUTCOME, kind: str = FHIR_JSON, **headers: str) -> Rule:
    """The same answer to everything."""

    def rule(exchange: Exchange, *_: Any) -> bool:
        exchange.send(code, body, kind, **headers)
        return True

    return rule


def html(code: int = 200) -> Rule:
    """The error page of a proxy."""
    return answering(code, PAGE, "text/html")


def meeting(number: int) -> Rule:
    """Honest answers, but none before so many are asked for at once; who asks one after the other gets none."""
    here: list[str] = []
    met = threading.Event()

    def rule(exchange: Exchange, kind: str, *_: Any) -> bool:
        here.append(kind)
        if len(here) >= number:
            met.set()
        while not met.wait(0.05) and not exchange.fake.closing.is_set():
            pass
        return False

    return rule


def hang(seconds: float = HANG_SECONDS) -> Rule:
    """No answer at all."""

    def rule(exchange: Exchange, *_: Any) -> bool:
        exchange.fake.closing.wait(seconds)
        exchange.close_connection = True
        return True

    return rule


def drip(seconds: float = HANG_SECONDS) -> Rule:
    """One byte of a legal body every 0.2 s, so that a limit on the wait for each piece does not catch it."""

    def rule(exchange: Exchange, *_: Any) -> bool:
        exchange.send_response(200)
        exchange.send_header("Content-Type", FHIR_JSON)
        exchange.send_header("Content-Length", "100000")
        exchange.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not exchange.fake.closing.wait(0.2):
            exchange.wfile.write(b" ")
            exchange.wfile.flush()
        exchange.close_connection = True
        return True

    return rule


def redirect(target: str) -> Rule:
    """Another server is named for the same search."""

    def rule(exchange: Exchange, kind: str, *_: Any) -> bool:
        exchange.send(302, OUTCOME, Location=f"{target}/{kind}")
        return True

    return rule


def with_next(fake: FakeFHIR, url: Any) -> Rule:
    """An honest first page whose next link goes where the liar wants; `url` may be a function of the type."""
    named: Callable[[str], Any] = url if callable(url) else lambda _: url

    def rule(exchange: Exchange, kind: str, params: Parameters, one: str | None) -> bool:
        if one or not kind:
            return False
        bundle = fake.searchset(kind, params)
        links = [link for link in bundle["link"] if link["relation"] != "next"]
        exchange.send(200, {**bundle, "link": [*links, {"relation": "next", "url": named(kind)}]})
        return True

    return rule
