"""Cards and errors read strictly, as a client that takes the specification at its word."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.client.search import Json

RANK = {"info": 0, "warning": 1, "critical": 2}
SEVERITIES = ("fatal", "error", "warning", "information")
GAP = re.compile(
    r"missing|could not|cannot|can't|unknown|incomplete|unavailable|failed|no access|gap"
    r"|not (be )?(checked|read|available|obtained|given|had|received|known|complete|fully|loaded|seen|supplied)",
    re.IGNORECASE,
)


def text(cards: Iterable[Json]) -> str:
    """All that the cards say."""
    return "\n".join(card["summary"] + "\n" + card.get("detail", "") for card in cards)


def mentions(cards: Iterable[Json], pattern: str, *indicators: str) -> list[Json]:
    """The cards whose words match, of these indicators or of any."""
    wanted = indicators or tuple(RANK)
    return [c for c in cards if re.search(pattern, text([c]), re.IGNORECASE) and c["indicator"] in wanted]


def critical(cards: Iterable[Json]) -> list[Json]:
    """The critical cards about bevacizumab, which most records of this room are made for."""
    return mentions(cards, "bevacizumab", "critical")


def same(cards: Iterable[Json]) -> list[tuple[str, ...]]:
    """What must be equal whichever way the facts came."""
    labels = [(card, sorted(one["label"] for one in card.get("suggestions", []))) for card in cards]
    return sorted((card["uuid"], card["indicator"], card["summary"], *said) for card, said in labels)


def meaning(cards: Iterable[Json]) -> list[tuple[str, str]]:
    """Cards without identity, for comparisons across two patients."""
    return sorted((card["indicator"], card["summary"]) for card in cards)


def outcome(response: requests.Response) -> Json:
    """The OperationOutcome of an error, which has no cards."""
    assert "fhir+json" in response.headers.get("content-type", ""), response.headers.get("content-type")
    told: Json = response.json()
    assert told["resourceType"] == "OperationOutcome" and told["issue"] and "cards" not in told, told
    for issue in told["issue"]:
        assert issue["severity"] in SEVERITIES and issue["code"], issue
    return told


def refused(response: requests.Response, status: int = 400) -> Json:
    """The OperationOutcome of an error with this status."""
    assert response.status_code == status, f"{response.status_code} {response.text[:300]}"
    return outcome(response)


def precondition_failed(response: requests.Response, names: Collection[str] = ()) -> None:
    """The answer without required facts, which names one of these keys."""
    told = refused(response, 412)
    said = " ".join(issue.get("diagnostics", "") + str(issue.get("details", "")) for issue in told["issue"])
    assert not names or any(name in said for name in names), said


def cards_of(response: requests.Response) -> list[Json]:
    """The cards of a success."""
    assert response.status_code == 200, f"{response.status_code} {response.text[:300]}"
    shown: list[Json] = response.json()["cards"]
    return shown


def gap_stated(response: requests.Response, full: Iterable[Json]) -> list[Json]:
    """Cards with a line, which the cards of the full record have not, that says that something is missing."""
    cards = cards_of(response)
    assert cards, "a failure never looks like nothing to say"
    known = set(text(full).splitlines())
    fresh = [line for line in text(cards).splitlines() if line not in known]
    assert any(GAP.search(line) for line in fresh), "no card states the gap: " + "\n".join(fresh)[:600]
    return cards


def empties(node: Any, path: str = "$") -> list[str]:
    """Every place of a null, "", [] or {} but the lists that may be empty."""
    if node in (None, "", [], {}):
        return [] if path in ("$.cards", "$.services") and node == [] else [path]
    if isinstance(node, Mapping):
        return [place for name, value in node.items() for place in empties(value, f"{path}.{name}")]
    if isinstance(node, list):
        return [place for number, value in enumerate(node) for place in empties(value, f"{path}[{number}]")]
    return []


def absolute(url: str) -> bool:
    """Whether it is an absolute web address."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def strictly(raw: bytes) -> Any:
    """JSON without the names that JSON does not have."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(raw.decode("utf-8"), parse_constant=refuse)
