"""Cards on their way out: the overridden ones held back, the others counted, none sent in silent mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request

from adapter.output.cards import FAILED, NOT_OBTAINED
from adapter.service.silence import is_silent, silenced
from adapter.service.trust import caller_name
from adapter.state import State
from adapter.state.shown import Shown, today

Card = Mapping[str, Any]
LONGEST = 255
# What the service could not find out is said at every call: nobody can override that, and silence would look like calm.
_LASTING = frozenset({FAILED, NOT_OBTAINED})


def note_shown(memory: State, service_id: str, cards: Iterable[Card], silent: bool, client: str = "") -> None:
    """Count the cards as shown, or as what would have been; never waits for the database and never fails.

    Kept of a card: its uuid, its rule, service, caller and day.
    """
    day = today()
    memory.shown.note(
        [Shown(str(card["uuid"])[:LONGEST], service_id, client, day, silent, _topic(card)) for card in cards]
    )


def outgoing(request: Request, service_id: str, cards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is sent of the cards of one call: without those overridden, and nothing where the service is silent."""
    memory: State = request.app.state.memory
    client, silent = caller_name(request), is_silent(request.app.state.site, service_id)
    quiet = silenced(memory, [str(card["uuid"]) for card in cards], client)
    left = [card for card in cards if card["uuid"] not in quiet or not _LASTING.isdisjoint(card.get("extension", ()))]
    note_shown(memory, service_id, left, silent, client)
    return [] if silent else left


def _topic(card: Card) -> str:
    """The rule that made the card."""
    return str(card.get("source", {}).get("topic", {}).get("code", ""))[:LONGEST] or "(none)"
