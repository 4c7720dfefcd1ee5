"""The words of the CDS Hooks cards: fixed phrases, lists, stages, findings as escaped Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from adapter.guideline.model import ChildPugh, Criterion, Due, Finding, Stage
from adapter.output.card_rules import card_rules
from adapter.output.lines import criterion_line
from adapter.output.markdown import escaped
from adapter.output.orders import Order
from adapter.output.phrases import Phrases
from adapter.output.wordbook import Texts
from adapter.values.truth import UNKNOWN


class CardWords:
    """One language's words for cards; what returns lines returns escaped Markdown."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._fixed = _fixed(texts.language)
        self._phrases = Phrases(texts)
        self._summaries: dict[int, tuple[Finding, str]] = {}

    def summary(self, finding: Finding) -> str:
        """One sentence that says the finding; several places of one answer say it."""
        known = self._summaries.get(id(finding))
        if known is None:
            known = self._summaries[id(finding)] = finding, self.texts.summary(finding)
        return known[1]

    def say(self, key: str, **values: object) -> str:
        """A fixed phrase, filled, not escaped."""
        return str(self._fixed[key]).format(**values)

    def check(self, name: str) -> str:
        """What an evaluator or part of the assessment checks."""
        return str(self._fixed["checks"].get(name, name))

    def listed(self, title: str | None, items: Sequence[str]) -> list[str]:
        """A list under a title; nothing without items."""
        if not items:
            return []
        heading = [f"**{escaped(self.say(title))}**"] if title else []
        most = card_rules().listed
        rest = [f"+{len(items) - most}"] if len(items) > most else []
        return [*heading, "\n".join(f"- {escaped(item)}" for item in (*items[:most], *rest))]

    def finding(self, finding: Finding) -> list[str]:
        """What is said, why with value, date and source, what is not decided, by when, and the statements."""
        lines = [escaped(self.texts.detail(finding))]
        lines += self.listed("criteria", [self._criterion(c) for c in finding.criteria])
        undecided = [self.texts.criterion(c) for c in finding.criteria if c.status is UNKNOWN]
        if undecided:
            lines.append(escaped(self.say("undecided-criteria", missing=self._phrases.listed(undecided))))
        if finding.due is not None:
            lines.append(escaped(self.due(finding.due)))
        if finding.statements:
            lines.append(escaped(f"{self.say('statements')}: {', '.join(finding.statements)}"))
        return [line for line in lines if line]

    def _criterion(self, criterion: Criterion) -> str:
        line = criterion_line(criterion, self.texts)
        if not criterion.evidence:
            return line
        most = card_rules().sources
        rest = f" +{len(criterion.evidence) - most}" if len(criterion.evidence) > most else ""
        named = ", ".join(criterion.evidence[:most]) + rest
        return self._phrases.joined([line, self.say("sources", sources=named)])

    def stage(self, name: str, stage: Stage | ChildPugh) -> str:
        """A stage with its points and its day, undecided where several are possible."""
        value = self.texts.word(stage.value) if stage.value else self.say("none")
        if len(stage.possible) > 1:
            value = self.say("undecided", possible=", ".join(self.texts.word(one) for one in stage.possible))
        if isinstance(stage, ChildPugh) and stage.points:
            value += ", " + self.say("points", fewest=stage.points[0], most=stage.points[1])
        if stage.at:
            value += f" ({stage.at})"
        return self.say("stage", name=name, value=value)

    def step(self, finding: Finding) -> str:
        """A next step with its dates."""
        step = self.summary(finding)
        return f"{step} ({self.due(finding.due)})" if finding.due and finding.due.earliest else step

    def due(self, due: Due) -> str:
        """From when, preferably when, and at the latest when."""
        parts = []
        if due.earliest:
            parts.append(self.say("due", earliest=due.earliest, preferred=due.preferred or due.earliest))
        if due.latest:
            parts.append(self.say("due-latest", latest=due.latest))
        return "; ".join(parts)

    def order(self, order: Order) -> str:
        """A draft order by name and reference, and as of which day it was judged where it has none."""
        key = "order-undated" if order.dated else "order"
        return self.say(key, name=self.order_name(order), reference=order.reference, day=order.dated)

    def test(self, concept: str) -> str:
        """What can be ordered, by a short name."""
        return str(self._fixed["tests"].get(concept, self.texts.word(concept)))

    def several(self, concepts: Sequence[str]) -> str:
        """What can be ordered, by short names."""
        return self._phrases.listed(self.test(concept) for concept in concepts)

    def order_name(self, order: Order) -> str:
        """What is ordered."""
        return self.test(order.concept) if order.concept else order.reference

    def gap(self, kind: str, reason: str) -> str:
        """A resource type that was not given in full, and why."""
        for pattern, words in self._fixed["reasons"]:
            if re.fullmatch(pattern, reason):
                return f"{kind}: {re.sub(pattern, words, reason, count=1)}"
        return f"{kind}: {reason}"

    def unread(self, order: Order) -> str:
        """Why an order could not be judged."""
        return f"{order.reference}: {self.say(f'order-{order.unread}')}"


@lru_cache(maxsize=2)
def _fixed(lang: str) -> Mapping[str, Any]:
    read: dict[str, dict[str, Any]] = yaml.safe_load((files("adapter.output") / "cards.yaml").read_text("utf-8"))
    return read[lang]
