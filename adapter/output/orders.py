"""The draft orders of a CDS Hooks call, as the cards speak of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapter.guideline.model import Finding
from adapter.output.card_rules import INTERVAL, card_rules, concerned

NO_MATTER = "no-matter"
"""Why an order is not judged that the guideline can have nothing to say about."""


class Order(msgspec.Struct, frozen=True):
    """One draft order: `reference` is `Type/id`; `content` the resource as sent, None when it has no id.

    `concept` and `groups`: what is ordered, None where no table knows it; `unread` the key of the reason why it could
    not be judged; `dated` is the day that it was judged as of because it has none of its own.
    """

    reference: str
    content: Mapping[str, Any] | None
    concept: str | None = None
    groups: frozenset[str] = frozenset()
    unread: str | None = None
    dated: str | None = None


def concerning(finding: Finding, orders: Sequence[Order]) -> list[Order]:
    """The orders that a finding is about: by what is ordered, or because its evidence names them.

    An interval is about the operation that its evidence names, and about no other.
    """
    groups, operations = concerned(finding.code), card_rules().operations
    apart = finding.code.startswith(INTERVAL)
    return [
        order
        for order in orders
        if order.reference in finding.evidence
        or not (order.groups.isdisjoint(groups) or (apart and not order.groups.isdisjoint(operations)))
    ]


def in_scope(order: Order) -> bool:
    """Whether the guideline has anything to say about such an order, or it cannot be told."""
    if order.unread is not None:
        return order.unread != NO_MATTER
    return any(not order.groups.isdisjoint(groups) for groups in card_rules().concerns.values())
