"""CDS Hooks cards of one assessment: one a grave finding, one of phase and stages, one of what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
import yaml

from adapter.guideline.model import Assessment, ChildPugh, Due, Finding, Stage
from adapter.output.identity import code_system, pathway_canonical
from adapter.output.lines import criterion_line, stage_short
from adapter.output.markdown import escaped, one_line, shortened
from adapter.output.wordbook import Texts

LONGEST_SUMMARY = 139
INDICATORS = ("critical", "warning", "info")
UNDECIDED = ("unknown", "indeterminate")

Card = dict[str, Any]


class Circumstances(msgspec.Struct, frozen=True):
    """What a card must say besides the findings.

    `newest`: ISO day of the newest fact; `frozen`: the service's clock stands still; `gaps`: (resource type,
    reason) that a source did not give in full; `rejected`, `unmapped`: resources on record that were not used.
    """

    canonical_base: str
    newest: str | None = None
    frozen: bool = False
    gaps: tuple[tuple[str, str], ...] = ()
    rejected: int = 0
    unmapped: int = 0


class CardMaker:
    """Builds the cards of one assessment; the same facts give the same uuids."""

    def __init__(self, assessment: Assessment, texts: Texts, circumstances: Circumstances) -> None:
        self.assessment = assessment
        self.texts = texts
        self.circumstances = circumstances
        self.phrases = _phrases(texts.language)

    def cards(self) -> list[Card]:
        """All cards, gravest first; none for the deceased, and without HCC only one where Conditions are missing."""
        phase = self.assessment.phase
        if phase == "deceased":
            return []
        if phase == "no-hcc":
            unread = any(kind == "Condition" for kind, _ in self.circumstances.gaps)
            return [self._missing([])] if unread else []
        grave = [f for f in self.assessment.findings if f.severity in INDICATORS[:2]]
        grave.sort(key=lambda finding: INDICATORS.index(finding.severity))
        undecided = [f for f in self.assessment.findings if f.outcome in UNDECIDED and f not in grave]
        cards = [self._finding(finding) for finding in grave] + [self._summary()]
        return [*cards, self._missing(undecided)] if undecided or self.circumstances.gaps else cards

    def _finding(self, finding: Finding) -> Card:
        lines = [escaped(self.texts.detail(finding))]
        lines += self._list("criteria", [criterion_line(c, self.texts) for c in finding.criteria])
        if finding.due is not None:
            lines.append(escaped(self._due(finding.due)))
        if finding.statements:
            lines.append(escaped(f"{self.phrases['statements']}: {', '.join(finding.statements)}"))
        rule = f"{finding.code}#{finding.cause}" if finding.cause else finding.code
        evidence = [finding.outcome, finding.severity, *sorted(finding.evidence)]
        return self._card(rule, finding.code, self.texts.summary(finding), lines, finding.severity, evidence)

    def _summary(self) -> Card:
        now = self.assessment.staging
        stages: dict[str, Stage | ChildPugh] = {"cnlc": now.cnlc, "bclc": now.bclc, "childPugh": now.child_pugh}
        words = {name: stage_short(stage, self.texts) for name, stage in stages.items()}
        summary = self.phrases["summary"].format(phase=self.texts.phase(self.assessment.phase), **words)
        names = {"cnlc": "CNLC", "bclc": "BCLC", "childPugh": "Child-Pugh"}
        lines = self._list(None, [self._stage(names[name], stage) for name, stage in stages.items()])
        lines += self._course()
        steps = [f for f in self.assessment.findings if f.kind == "recommendation" or (f.due and f.severity == "info")]
        lines += self._list("next-steps", [self._step(finding) for finding in steps])
        evidence = [self.assessment.phase]
        for stage in stages.values():
            evidence += [*stage.possible, *sorted(stage.evidence)]
        return self._card("summary", "summary", summary, lines, "info", evidence)

    def _missing(self, undecided: Sequence[Finding]) -> Card:
        told = self.circumstances
        lines = self._list("missing-sources", [f"{kind}: {reason}" for kind, reason in told.gaps])
        lines += self._list("missing-findings", [self.texts.summary(finding) for finding in undecided])
        if told.rejected or told.unmapped:
            lines.append(escaped(self.phrases["not-used"].format(rejected=told.rejected, unmapped=told.unmapped)))
        summary = self.phrases["missing"].format(count=len(told.gaps) + len(undecided))
        evidence = [*(kind for kind, _ in told.gaps), *(f"{f.code} {f.cause or ''}" for f in undecided)]
        return self._card("missing-data", "missing-data", summary, lines, "info", evidence)

    def _card(
        self, rule: str, topic: str, summary: str, lines: list[str], indicator: str, evidence: Iterable[str]
    ) -> Card:
        short = shortened(summary, LONGEST_SUMMARY)
        opening = [] if short == one_line(summary) else [escaped(summary)]
        return {
            "uuid": self._uuid(rule, evidence),
            "summary": short,
            "detail": "\n\n".join(line for line in [*opening, *lines, *self._freshness()] if line),
            "indicator": indicator,
            "source": self._source(topic),
        }

    def _source(self, topic: str) -> dict[str, Any]:
        root = self.circumstances.canonical_base
        return {
            "label": self.phrases["source"].format(edition=self.assessment.edition),
            "url": pathway_canonical(root, self.assessment.edition).partition("|")[0],
            "topic": {"system": code_system(root, "finding"), "code": topic, "display": topic},
        }

    def _uuid(self, rule: str, evidence: Iterable[str]) -> str:
        digest = hashlib.sha256("\n".join(evidence).encode()).hexdigest()
        name = f"{self.circumstances.canonical_base}/card/{self.assessment.patient}/{rule}/{digest}"
        return str(uuid5(NAMESPACE_URL, name))

    def _freshness(self) -> list[str]:
        told = self.circumstances
        as_of = self.phrases["as-of"].format(as_of=self.assessment.as_of, edition=self.assessment.edition)
        newest = self.phrases["newest"].format(newest=told.newest) if told.newest else self.phrases["no-facts"]
        parts = [as_of, *([self.phrases["frozen"]] if told.frozen else []), newest, self.phrases["team"]]
        return self._list(None, parts)

    def _list(self, title: str | None, items: Sequence[str]) -> list[str]:
        if not items:
            return []
        heading = [f"**{escaped(self.phrases[title])}**"] if title else []
        return [*heading, "\n".join(f"- {escaped(item)}" for item in items)]

    def _stage(self, name: str, stage: Stage | ChildPugh) -> str:
        value = self.texts.word(stage.value) if stage.value else self.phrases["none"]
        if len(stage.possible) > 1:
            value = self.phrases["undecided"].format(possible=", ".join(self.texts.word(one) for one in stage.possible))
        if isinstance(stage, ChildPugh) and stage.points:
            value += ", " + self.phrases["points"].format(fewest=stage.points[0], most=stage.points[1])
        if stage.at:
            value += f" ({stage.at})"
        return self.phrases["stage"].format(name=name, value=value)

    def _course(self) -> list[str]:
        course = self.assessment.course
        if course is None:
            return []
        best = course.best_response or self.phrases["none"]
        return [escaped(self.phrases["course"].format(start=course.start, cycles=course.cycles, best=best))]

    def _step(self, finding: Finding) -> str:
        step = self.texts.summary(finding)
        return f"{step} ({self._due(finding.due)})" if finding.due and finding.due.earliest else step

    def _due(self, due: Due) -> str:
        parts = []
        if due.earliest:
            parts.append(self.phrases["due"].format(earliest=due.earliest, preferred=due.preferred or due.earliest))
        if due.latest:
            parts.append(self.phrases["due-latest"].format(latest=due.latest))
        return "; ".join(parts)


@lru_cache(maxsize=2)
def _phrases(lang: str) -> Mapping[str, str]:
    texts: dict[str, dict[str, str]] = yaml.safe_load(files("adapter.output").joinpath("cards.yaml").read_text("utf-8"))
    return texts[lang]
