"""What a client tells of cards: accepted or overridden."""

from __future__ import annotations

import uuid
from typing import Any

from tests.client.search import Json

NOW = "2024-05-01T10:15:00Z"
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
CODED: Json = {"code": "patient-refuses", "system": REASONS, "display": "Patient refuses"}
REASON: Json = {"reason": CODED, "userComment": "declined"}


def unknown() -> str:
    """The uuid of a card that the service never showed."""
    return str(uuid.uuid4())


def accepted(card: str = "", *suggestions: str, **more: Any) -> Json:
    """A card whose suggestions were taken."""
    taken = [{"id": one} for one in suggestions or (unknown(),)]
    told = {"card": card or unknown(), "outcome": "accepted", "acceptedSuggestions": taken}
    return {**told, "outcomeTimestamp": NOW, **more}


def overridden(card: str = "", **more: Any) -> Json:
    """A card that was pushed aside."""
    return {"card": card or unknown(), "outcome": "overridden", "outcomeTimestamp": NOW, **more}
