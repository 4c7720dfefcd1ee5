"""What to consider next for a patient and by when: dated steps first, then those without a date."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.model import Assessment, Due, Finding
from adapter.output.phrases import Phrases

INTERVALS = "interval."
UNSATISFIED = frozenset({"violation", "short"})
ALARMS = ("critical", "warning")
A_DAY = len("2024-05-01")


class Step(msgspec.Struct, frozen=True, order=True):
    """A step: the day that it is sorted by, when (in words), what, how grave it is, whether it must be seen."""

    day: str
    when: str
    what: str
    gravity: str = "info"
    kept: bool = False
    until: str = ""

    @property
    def deadline(self) -> str:
        """The last day that it asks for."""
        return self.until or self.day


class Upcoming:
    """The steps of one assessment."""

    def __init__(self, assessment: Assessment, phrases: Phrases) -> None:
        self.assessment = assessment
        self.phrases = phrases
        self.today = assessment.as_of[:A_DAY]

    def steps(self) -> list[Step]:
        """Dated ones, soonest first; then recommendations without a date as they come."""
        dated = [*self._operation(), *self._dated()]
        advice = [f for f in self.assessment.findings if f.kind == "recommendation" and f.due is None]
        undated = [Step("", self.phrases.say("undated"), self._said(finding), finding.severity) for finding in advice]
        return [*sorted(dated), *undated]

    def next(self) -> Step | None:
        """The most pressing step.

        What the gravest alarm asks for, today where it names no day; else the earliest deadline, else advice.
        """
        alarms = [finding for finding in self.assessment.findings if finding.severity in ALARMS]
        if alarms:
            return self._asked(min(alarms, key=lambda finding: ALARMS.index(finding.severity)))
        ahead = [step for step in (*self._operation(), *self._dated(counted=False)) if step.deadline >= self.today]
        advice = [step for step in self.steps() if not step.day]
        return min(ahead, key=lambda step: step.deadline, default=next(iter(advice), None))

    def _asked(self, alarm: Finding) -> Step:
        """What an alarm asks for: the first day of a safe operation, its own window, or the team's word today."""
        texts, due = self.phrases.texts, alarm.due
        if alarm.code.startswith(INTERVALS) and due is not None and due.earliest is not None:
            return Step(due.earliest, self._window(due), self._counted(alarm), alarm.severity)
        if due is not None:
            day = due.earliest or due.latest or ""
            return Step(day, self._window(due), texts.activity(alarm.code), alarm.severity, until=due.latest or "")
        now = self.phrases.say("this-day", day=self.today)
        return Step(self.today, now, self.phrases.say("to-team", topic=texts.activity(alarm.code)), alarm.severity)

    def _operation(self) -> Iterator[Step]:
        """The planned operation, and the last permitted day of each treatment before it."""
        intervals = [f for f in self.assessment.findings if f.code.startswith(INTERVALS)]
        for day in sorted({str(f.params["operation"]) for f in intervals if f.params.get("operation")}):
            yield Step(day, day, self.phrases.say("operation"), kept=True)
        by_day: dict[str, list[Finding]] = {}
        for finding in intervals:
            if finding.params.get("last_permitted"):
                by_day.setdefault(str(finding.params["last_permitted"]), []).append(finding)
        for day, findings in by_day.items():
            when = self.phrases.say("passed", day=day) if day < self.today else day
            names = self.phrases.listed(self._name(finding) for finding in findings)
            what = self.phrases.say("last-permitted", names=names) + self.phrases.cited(findings[0])
            yield Step(day, when, what, kept=True)

    def _dated(self, counted: bool = True) -> Iterator[Step]:
        """Findings with a window; `counted`: also the days from which an operation would keep its interval."""
        for finding in self.assessment.findings:
            due = finding.due
            if not counted and finding.code.startswith(INTERVALS):
                continue
            kept = finding.params.get("operation") and finding.outcome not in UNSATISFIED
            if due is not None and not kept:
                day = due.earliest or due.preferred or due.latest or ""
                yield Step(day, self._window(due), self._said(finding), finding.severity, until=due.latest or "")

    def _window(self, due: Due) -> str:
        if due.latest is not None and due.latest < self.today:
            return self.phrases.say("overdue", latest=due.latest)
        if due.earliest is None:
            return self.phrases.say("by", latest=due.latest)
        key = "window" if due.latest else "from"
        window = self.phrases.say(key, earliest=due.earliest, latest=due.latest)
        if due.preferred in (None, due.earliest):
            return window
        return self.phrases.say("preferred", window=window, preferred=due.preferred)

    def _said(self, finding: Finding) -> str:
        if finding.code.startswith(INTERVALS):
            said = self._counted(finding)
        elif finding.kind == "recommendation":
            said = self.phrases.texts.summary(finding)
        else:
            said = self.phrases.topic(finding)
        return said + self.phrases.cited(finding)

    def _counted(self, finding: Finding) -> str:
        return self.phrases.say("earliest-operation", name=self._name(finding))

    def _name(self, finding: Finding) -> str:
        return self.phrases.texts.word(finding.code.removeprefix(INTERVALS))
