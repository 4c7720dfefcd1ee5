"""Feedback on cards: checked report by report, kept once each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from adapter.service.clients import Client
from adapter.service.refusals import Refusal
from adapter.state import State
from adapter.state.feedback import Feedback

OUTCOMES = ("accepted", "overridden")
LONGEST = 255
_CODING = ("system", "code", "display")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def keep(service_id: str, body: Mapping[str, Any], client: Client | None, memory: State) -> int:
    """Keeps every sound report of a batch and counts the new ones.

    Raises Refusal 400 that names the reports with a fault by their place; the sound ones are kept all the same.
    """
    rows = body.get("feedback")
    if not isinstance(rows, list):
        raise Refusal(400, "feedback: required, an array")
    sound, faults = [], []
    for place, row in enumerate(rows):
        try:
            sound.append(_report(row, service_id, client))
        except ValueError as error:
            faults.append(f"feedback[{place}].{error}; the reports without fault were kept")
    kept = sum(memory.feedback.add(report) for report in sound)
    if faults:
        raise Refusal(400, *faults)
    return kept


def _report(row: object, service_id: str, client: Client | None) -> Feedback:
    if not isinstance(row, dict):
        raise ValueError("card: required")
    card, outcome = row.get("card"), row.get("outcome")
    if not isinstance(card, str) or not 0 < len(card) <= LONGEST:
        raise ValueError("card: required, the uuid of a card")
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome: required, {' or '.join(OUTCOMES)}")
    reasons = _suggestions(row) if outcome == "accepted" else _override(row)
    return Feedback(
        service=service_id,
        card=card,
        outcome=outcome,
        outcome_at=_moment(row.get("outcomeTimestamp")).isoformat(),
        client=client.iss if client else None,
        reasons=orjson.dumps(reasons).decode() if reasons else None,
    )


def _suggestions(row: Mapping[str, Any]) -> dict[str, Any]:
    accepted = row.get("acceptedSuggestions")
    ids = [one.get("id") if isinstance(one, dict) else None for one in accepted] if isinstance(accepted, list) else []
    if not ids or not all(isinstance(one, str) and one for one in ids):
        raise ValueError("acceptedSuggestions: required where accepted, objects with the id of a suggestion")
    return {"suggestions": ids}


def _override(row: Mapping[str, Any]) -> dict[str, Any]:
    """The reason and the comment as sent; a reason without system or display is taken."""
    given = row.get("overrideReason")
    if given is None:
        return {}
    reason = given.get("reason") if isinstance(given, dict) else None
    comment = given.get("userComment") if isinstance(given, dict) else None
    coded = {k: v for k, v in reason.items() if k in _CODING and isinstance(v, str)} if isinstance(reason, dict) else {}
    if "code" not in coded and not isinstance(comment, str):
        raise ValueError("overrideReason: a reason with a code, or a userComment")
    return {**({"reason": coded} if coded else {}), **({"comment": comment} if isinstance(comment, str) else {})}


def _moment(given: object) -> datetime:
    try:
        if not isinstance(given, str) or not _TIMESTAMP.fullmatch(given):
            raise ValueError
        return datetime.fromisoformat(given.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("outcomeTimestamp: required, an instant such as 2024-05-01T10:00:00Z") from None
