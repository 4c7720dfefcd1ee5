"""What became of the cards: shown, accepted, overridden and why, ignored, per service and rule."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from adapter.state.feedback import OVERRIDDEN, Feedback, now
from adapter.state.shown import Shown

UNKNOWN = "(unknown card)"
COMMENT, NO_REASON, ODD_REASON = "(comment only)", "(none given)", "(other)"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Card = tuple[str, str, str]


class Fate(msgspec.Struct):
    """The cards of one rule in one service; a card counts once, by its newest report.

    `cards` were shown `times` times; each is accepted, overridden or ignored (never reported). Reports on cards of
    which no showing is known stand under the rule `(unknown card)`. `silent_cards` would have been shown.
    """

    service: str
    rule: str
    cards: int = 0
    times: int = 0
    accepted: int = 0
    overridden: int = 0
    ignored: int = 0
    silent_cards: int = 0
    silent_times: int = 0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)


def tally(counts: dict[Shown, int], reports: Iterable[Feedback], since: str = "") -> tuple[Fate, ...]:
    """The fates, by service and rule.

    `since`: the day (ISO) from which `counts` are; older reports on cards that are not among them are left out.
    """
    newest: dict[Card, Feedback] = {}
    present = now()
    for report in reports:
        key = (report.service, report.client or "", report.card)
        # What still lies ahead cannot be newer than what came after it.
        if key not in newest or newest[key].outcome_at <= report.outcome_at or newest[key].outcome_at > present:
            newest[key] = report
    fates: dict[tuple[str, str], Fate] = {}
    seen: set[Card] = set()
    for shown, times in counts.items():
        fate = fates.setdefault((shown.service, shown.topic), Fate(shown.service, shown.topic))
        key = (shown.service, shown.client, shown.card)
        if shown.silent:
            fate.silent_cards, fate.silent_times = fate.silent_cards + 1, fate.silent_times + times
            continue
        seen.add(key)
        fate.cards, fate.times = fate.cards + 1, fate.times + times
        _count(fate, newest.get(key))
    for key, report in newest.items():
        if key not in seen and report.outcome_at >= since:
            _count(fates.setdefault((key[0], UNKNOWN), Fate(key[0], UNKNOWN)), report)
    return tuple(fates[key] for key in sorted(fates))


def _count(fate: Fate, report: Feedback | None) -> None:
    if report is None:
        fate.ignored += 1
    elif report.outcome == OVERRIDDEN:
        fate.overridden += 1
        fate.reasons = dict(sorted((Counter(fate.reasons) + Counter([_reason(report)])).items()))
    else:
        fate.accepted += 1


def _reason(report: Feedback) -> str:
    """The code of a reason; what does not look like a code may hold anything, and is not repeated."""
    told = json.loads(report.reasons) if report.reasons else {}
    code = told.get("reason", {}).get("code")
    if code is None:
        return COMMENT if "comment" in told else NO_REASON
    return code if _CODE.fullmatch(code) else ODD_REASON
