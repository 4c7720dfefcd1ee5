"""Feedback on cards: checked report by report, the sound ones kept once each."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from adapter.service.clients import Client
from adapter.service.refusals import LATER, Refusal
from adapter.state import State
from adapter.state.feedback import Feedback

OUTCOMES = ("accepted", "overridden")
AT_ONCE = 500
"""Reports that are written together, so that nobody waits long for the database."""
LONGEST = 255
LONGEST_COMMENT = 4000
MOST_SUGGESTIONS = 100
MOST_NAMED = 50
_CODING = ("system", "code", "display")
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
log = logging.getLogger("hcc.service")


def keep(service_id: str, body: Mapping[str, Any], client: Client | None, memory: State) -> int:
    """Keeps every sound report of a batch and counts the new ones.

    Raises Refusal: 400 names the reports with a fault by their place (the sound ones are kept all the same), 503 when
    the state database takes nothing.
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
    try:
        parts = [sound[at : at + AT_ONCE] for at in range(0, len(sound), AT_ONCE)]
        kept = sum(memory.feedback.add_all(part) for part in parts)
    except SQLAlchemyError as error:
        log.error("feedback cannot be kept: the state database fails (%s)", type(error).__name__)
        raise Refusal(503, "feedback cannot be kept at the moment: send it again", headers=LATER) from None
    if len(faults) > MOST_NAMED:
        faults = [*faults[:MOST_NAMED], f"feedback: {len(faults) - MOST_NAMED} more reports have a fault"]
    if faults:
        raise Refusal(400, *faults)
    return kept


def _report(row: object, service_id: str, client: Client | None) -> Feedback:
    if not isinstance(row, dict):
        raise ValueError("card: required")
    card, outcome = row.get("card"), row.get("outcome")
    if not isinstance(card, str) or not 0 < len(card) <= LONGEST or not card.isprintable():
        raise ValueError("card: required, the uuid of a card")
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome: required, {' or '.join(OUTCOMES)}")
    reasons = _suggestions(row) if outcome == "accepted" else _override(row)
    return Feedback(
        service=service_id,
        card=card,
        outcome=outcome,
        outcome_at=_moment(row.get("outcomeTimestamp")).isoformat(),
        client=client.name if client else None,
        reasons=orjson.dumps(reasons).decode() if reasons else None,
    )


def _suggestions(row: Mapping[str, Any]) -> dict[str, Any]:
    accepted = row.get("acceptedSuggestions")
    ids = [one.get("id") if isinstance(one, dict) else None for one in accepted] if isinstance(accepted, list) else []
    if not ids or not all(isinstance(one, str) and 0 < len(one) <= LONGEST for one in ids):
        raise ValueError("acceptedSuggestions: required where accepted, objects with the id of a suggestion")
    return {"suggestions": ids[:MOST_SUGGESTIONS]}


def _override(row: Mapping[str, Any]) -> dict[str, Any]:
    """The reason and the comment as sent; a reason without system or display is taken."""
    given = row.get("overrideReason")
    if given is None:
        return {}
    reason = given.get("reason") if isinstance(given, dict) else None
    comment = given.get("userComment") if isinstance(given, dict) else None
    sent = reason if isinstance(reason, dict) else {}
    coded = {key: sent[key][:LONGEST] for key in _CODING if isinstance(sent.get(key), str)}
    if not coded.get("code") and not isinstance(comment, str):
        raise ValueError("overrideReason: a reason with a code, or a userComment")
    words = {"comment": comment[:LONGEST_COMMENT]} if isinstance(comment, str) else {}
    return {**({"reason": coded} if coded.get("code") else {}), **words}


def _moment(given: object) -> datetime:
    """RFC 3339, also with an offset; a leap second is the second before it."""
    found = _TIMESTAMP.fullmatch(given) if isinstance(given, str) else None
    try:
        if found is None:
            raise ValueError
        day, second, part, offset = found.groups(default="")
        text = f"{day}:{'59' if second == '60' else second}{part}{offset}"
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("outcomeTimestamp: required, an instant such as 2024-05-01T10:00:00Z") from None
