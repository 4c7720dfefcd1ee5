"""The suggestion that puts a card's next steps into a draft CarePlan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapter.guideline.model import Finding
from adapter.output.card_words import CardWords

KEY = "plan"


def care_plan_suggestion(
    patient: str, steps: Sequence[Finding], words: CardWords, window: Callable[[Finding], Mapping[str, str]]
) -> tuple[str, dict[str, Any]]:
    """Key and suggestion: one draft CarePlan with an activity a step; `window` gives the days of a step, if it has any.

    It is a proposal: the client, not the adapter, stores it, and nothing of it is scheduled.
    """
    plan = {
        "resourceType": "CarePlan",
        "status": "draft",
        "intent": "proposal",
        "title": words.say("next-steps"),
        "subject": {"reference": patient},
        "activity": [_activity(step, words, window(step)) for step in steps],
    }
    described = words.say("plan-action", count=len(steps))
    action = {"type": "create", "description": described, "resource": plan}
    return KEY, {"label": words.say(KEY, count=len(steps)), "actions": [action]}


def _activity(step: Finding, words: CardWords, window: Mapping[str, str]) -> dict[str, Any]:
    detail = {
        "code": {"text": words.texts.activity(step.code)},
        "status": "not-started",
        "description": words.summary(step),
        **({"scheduledPeriod": dict(window)} if window else {}),
    }
    return {"detail": detail}
