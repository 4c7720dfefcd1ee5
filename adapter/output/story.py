"""The one story that a patient's findings tell: the situation, what is wrong, what comes next, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from adapter.guideline.model import Assessment, Criterion, Finding
from adapter.output.missing import Missing
from adapter.output.phrases import Phrases, story_table
from adapter.output.situation import situation, standing
from adapter.output.upcoming import Step, Upcoming
from adapter.output.wordbook import Texts
from adapter.values.truth import MET, NOT_MET, UNKNOWN

GRAVITY = ("critical", "warning", "info")
ALARM = GRAVITY[:2]
MOST_CRITERIA = 2
MOST_TOPICS = 4


class Item(msgspec.Struct, frozen=True):
    """One thing to say: a sentence, lines that support it, its gravity (`info` where it is no alarm).

    `kept`: never left to a count, however little room there is.
    """

    text: str
    support: tuple[str, ...] = ()
    gravity: str = "info"
    kept: bool = False


class Story(msgspec.Struct, frozen=True):
    """Four sections, each with its gravest or most pressing first; `calm` names what raised no alarm."""

    situation: tuple[str, ...]
    wrong: tuple[Item, ...]
    plan: tuple[Item, ...]
    missing: tuple[Item, ...]
    calm: tuple[str, ...]


def story(assessment: Assessment, texts: Texts) -> Story:
    """The story of one assessment in the language of the texts."""
    phrases = Phrases(texts)
    wrong = sorted(filter(alarming, assessment.findings), key=lambda finding: GRAVITY.index(finding.severity))
    calm = [f for f in assessment.findings if _calm(f)]
    steps = Upcoming(assessment, phrases).steps()
    return Story(
        situation=tuple(situation(assessment, phrases)),
        wrong=tuple(_alarm(finding, phrases) for finding in wrong),
        plan=tuple(_step(step, phrases) for step in steps),
        missing=_missing(assessment, phrases),
        calm=tuple(dict.fromkeys(phrases.topic(finding) for finding in calm)),
    )


def alarming(finding: Finding) -> bool:
    """Whether the finding belongs to what is wrong: an issue, or an assessment that warns."""
    return finding.kind == "issue" or (finding.kind == "assessment" and finding.severity in ALARM)


def _calm(finding: Finding) -> bool:
    return finding.kind == "assessment" and not (alarming(finding) or standing(finding) or finding.due)


def _step(step: Step, phrases: Phrases) -> Item:
    return Item(f"{step.when}{phrases.say('colon')}{step.what}", gravity=step.gravity, kept=step.kept)


def _alarm(finding: Finding, phrases: Phrases) -> Item:
    text = phrases.texts.summary(finding) + phrases.cited(finding)
    support = tuple(phrases.criterion(criterion) for criterion in deciding(finding))
    return Item(text, support, finding.severity)


def deciding(finding: Finding) -> list[Criterion]:
    """The criteria with an amount that decided: those not met, else those met, else the open ones."""
    measured = [c for c in finding.criteria if c.at is not None or _amount(c)]
    named = story_table()["deciding"].get(finding.code, ())
    of_this = [c for c in measured if c.code in named and finding.outcome in ("PD", "contraindicated")]
    for group in (of_this, *([c for c in measured if c.status is status] for status in _BY_WEIGHT)):
        if group:
            return group[:MOST_CRITERIA]
    return []


def _amount(criterion: Criterion) -> bool:
    """A plain yes or no is an amount only against a bound."""
    return criterion.value is not None and (criterion.threshold is not None or not isinstance(criterion.value, bool))


_BY_WEIGHT = (NOT_MET, MET, UNKNOWN)


def _missing(assessment: Assessment, phrases: Phrases) -> tuple[Item, ...]:
    items = []
    for lack in Missing(assessment, phrases).lacks():
        reason = phrases.say("reason", reason=lack.reason) if lack.reason else ""
        topics = _first(lack.topics, phrases)
        text = phrases.say("needed", facts=phrases.listed(lack.facts), reason=reason, topics=topics)
        items.append(Item(text, gravity="warning" if lack.alarm else "info"))
    return tuple(items)


def _first(topics: Sequence[str], phrases: Phrases) -> str:
    shown = phrases.listed(topics[:MOST_TOPICS])
    return f"{shown} +{len(topics) - MOST_TOPICS}" if len(topics) > MOST_TOPICS else shown
