"""One patient's assessment as a screenful of plain text for a clinician."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from importlib.resources import files

import yaml

from adapter.guideline.model import Assessment, Finding
from adapter.output.lines import criterion_line, stage_short
from adapter.output.wordbook import Texts

WIDTH = 100
MARKS = {"critical": "!!", "warning": "! ", "info": "  "}
ORDER = tuple(MARKS)


class Screen:
    """The lines of one assessment in one language."""

    def __init__(self, assessment: Assessment, texts: Texts) -> None:
        self.assessment = assessment
        self.texts = texts
        self.labels = _labels(texts.language)

    def lines(self, *, rejected: int, unmapped: int, incomplete: tuple[str, ...]) -> Iterator[str]:
        """Head, stages, course, findings by gravity, gaps, what was not used."""
        yield from self._head()
        findings = sorted(self.assessment.findings, key=lambda finding: ORDER.index(finding.severity))
        for finding in findings:
            if finding.kind != "gap" or finding.severity != "info":
                yield from self._finding(finding)
        open_ones = [f for f in findings if f.kind == "gap" and f.severity == "info"]
        if open_ones:
            yield f"{self.labels['gaps']}:"
            for finding in open_ones:
                yield from _wrapped(self.texts.summary(finding), "   - ")
        if incomplete:
            yield f"{self.labels['incomplete']}: {', '.join(incomplete)}"
        if rejected or unmapped:
            yield self.labels["unused"].format(rejected=rejected, unmapped=unmapped)
        yield self.labels["team"]

    def _head(self) -> Iterator[str]:
        now, labels = self.assessment.staging, self.labels
        yield f"{self.assessment.patient}  {self.texts.phase(self.assessment.phase)}"
        yield f"{labels['as-of']} {self.assessment.as_of}, {labels['edition']} {self.assessment.edition}"
        stages = (("CNLC", now.cnlc), ("BCLC", now.bclc), ("Child-Pugh", now.child_pugh))
        yield "   ".join(f"{name} {stage_short(stage, self.texts)}" for name, stage in stages)
        course = self.assessment.course
        if course is not None:
            best = self.texts.word(course.best_response) if course.best_response else "-"
            yield f"{labels['course']} {course.start}: {course.cycles} {labels['cycles']}, {labels['best']} {best}"
        yield ""

    def _finding(self, finding: Finding) -> Iterator[str]:
        cited = f" [{', '.join(finding.statements)}]" if finding.statements else ""
        yield from _wrapped(self.texts.summary(finding) + cited, f"{MARKS[finding.severity]} ", "   ")
        if finding.severity != "info":
            for criterion in finding.criteria:
                yield from _wrapped(criterion_line(criterion, self.texts), "     · ", "       ")
        due = finding.due
        if due is not None and due.earliest:
            yield "     → " + self.labels["due"].format(earliest=due.earliest, preferred=due.preferred or due.earliest)
        if due is not None and due.latest:
            yield "     → " + self.labels["latest"].format(latest=due.latest)


def _wrapped(text: str, first: str, later: str | None = None) -> list[str]:
    indent = " " * len(first) if later is None else later
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=first, subsequent_indent=indent)


def _labels(language: str) -> dict[str, str]:
    read: dict[str, dict[str, str]] = yaml.safe_load(files("adapter.cli").joinpath("screen.yaml").read_text("utf-8"))
    return read[language]
