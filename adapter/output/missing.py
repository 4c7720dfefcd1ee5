"""The facts that a patient's record lacks, in the order in which they would settle most."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapter.guideline.model import Assessment, ChildPugh, Criterion, Finding, Stage
from adapter.output.phrases import Phrases, story_table
from adapter.values.truth import NOT_MET, UNKNOWN

UNDECIDED = frozenset({"unknown", "indeterminate", "NE"})
STAGE, CHILD_PUGH = "stage", "child-pugh"
ABSENT = "missing"
AN_AGE = " d"


class Lack(msgspec.Struct, frozen=True):
    """One fact that does not decide: why, what stays open without it, how many criteria, whether one is an alarm."""

    facts: tuple[str, ...]
    reason: str | None
    topics: tuple[str, ...]
    criteria: int
    alarm: bool = False


class _Need:
    """What one fact would settle, as it is being counted."""

    def __init__(self) -> None:
        self.topics: dict[str, None] = {}
        self.reasons: list[str] = []
        self.criteria = 0
        self.alarm = False


class Missing:
    """Counts what every missing fact holds open for one patient."""

    def __init__(self, assessment: Assessment, phrases: Phrases) -> None:
        self.assessment = assessment
        self.phrases = phrases
        self.table = story_table()
        self.facts = self.table["en"]["facts"]
        self.needs: dict[str, _Need] = {}
        self.plain: list[Finding] = []

    def lacks(self) -> list[Lack]:
        """What is missing, first what holds most findings and stages open, then what most criteria."""
        for name, stage in self._stages():
            if len(stage.possible) > 1:
                for fact, reason in self._noted(stage.notes):
                    self._count(fact, reason, name, alarm=False)
        for finding in self.assessment.findings:
            if finding.kind == "gap" or finding.outcome in UNDECIDED:
                self._finding(finding)
        lacks = [*self._merged(), *(self._unexplained(finding) for finding in self.plain)]
        return sorted(lacks, key=lambda lack: (-len(lack.topics), -lack.criteria, not lack.alarm, lack.facts))

    def _stages(self) -> Iterator[tuple[str, Stage | ChildPugh]]:
        now = self.assessment.staging
        yield from (("CNLC", now.cnlc), ("BCLC", now.bclc), ("Child-Pugh", now.child_pugh))

    def _finding(self, finding: Finding) -> None:
        absent = finding.code in self.table["needs"]["absent"]
        open_ones = [c for c in finding.criteria if c.status is UNKNOWN]
        undone = [c for c in finding.criteria if absent and c.status is NOT_MET]
        for criterion in (*open_ones, *undone):
            for fact, reason in self._facts(finding, criterion):
                why = reason or (ABSENT if criterion in undone else None)
                self._count(fact, why, self.phrases.topic(finding), alarm=finding.severity != "info")
        if not (open_ones or undone):
            self.plain.append(finding)

    def _facts(self, finding: Finding, criterion: Criterion) -> list[tuple[str, str | None]]:
        noted = self._noted(criterion.notes)
        if noted:
            return noted
        known = self.table["needs"]
        fact = known["findings"].get(finding.code) or known["criteria"].get(criterion.code, criterion.code)
        behind = self._behind(fact)
        return behind or [(fact, self._reason(criterion.notes or finding.notes))]

    def _behind(self, fact: str) -> list[tuple[str, str | None]]:
        """What a stage lacks on which a criterion rests."""
        staging = self.assessment.staging
        stages: dict[str, tuple[Stage | ChildPugh | None, ...]] = {
            STAGE: (staging.cnlc, staging.bclc, staging.baseline_cnlc, staging.baseline_bclc),
            CHILD_PUGH: (staging.child_pugh,),
        }
        undecided = [stage for stage in stages.get(fact, ()) if stage is not None and len(stage.possible) > 1]
        return list(dict.fromkeys(one for stage in undecided for one in self._noted(stage.notes)))

    def _noted(self, notes: tuple[str, ...]) -> list[tuple[str, str | None]]:
        """Facts that notes name (`ecog: missing`), each with its reason."""
        named = [note.partition(": ") for note in notes]
        found = [(fact, self._reason((rest,))) for fact, _, rest in named if fact in self.facts]
        return [one for one in found if one[1] is not None] or found

    def _reason(self, notes: tuple[str, ...]) -> str | None:
        """The note that says best why something is not known."""
        codes = {note.partition(": ")[0]: note for note in reversed(notes)}
        for reason in self.table["reasons"]:
            if reason in codes:
                rest = codes[reason].partition(": ")[2]
                return f"{reason}: {rest}" if rest.endswith(AN_AGE) else str(reason)
        return None

    def _count(self, fact: str, reason: str | None, topic: str, *, alarm: bool) -> None:
        need = self.needs.setdefault(fact, _Need())
        need.topics[topic] = None
        need.criteria += 1
        need.alarm |= alarm
        need.reasons += [reason] if reason else []

    def _merged(self) -> Iterator[Lack]:
        """Facts that would settle the same, and lack for the same reason, as one."""
        groups: dict[tuple[tuple[str, ...], str | None, bool], list[str]] = {}
        for fact, need in self.needs.items():
            reason = max(sorted(set(need.reasons)), key=need.reasons.count, default=None)
            groups.setdefault((tuple(need.topics), reason, need.alarm), []).append(fact)
        for (topics, reason, alarm), facts in groups.items():
            criteria = max(self.needs[fact].criteria for fact in facts)
            yield Lack(tuple(self.phrases.fact(fact) for fact in facts), self._worded(reason), topics, criteria, alarm)

    def _worded(self, reason: str | None) -> str | None:
        if reason is None:
            return None
        code, _, age = reason.partition(": ")
        return self.phrases.joined([self.phrases.texts.note(code), self.phrases.amount(age)])

    def _unexplained(self, finding: Finding) -> Lack:
        """A gap whose criteria do not tell what is missing: its own sentence does."""
        sentence = self.phrases.texts.summary(finding).rstrip(".。")
        return Lack((sentence,), None, (self.phrases.topic(finding),), 0, finding.severity != "info")
