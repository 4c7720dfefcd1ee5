"""The table of what was found for each patient."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapter.guideline.model import Assessment, ChildPugh, Finding, Stage
from adapter.output.lines import stage_short
from adapter.output.wordbook import Texts

SEVERITIES = ("critical", "warning")
ACTED_ON = ("issue", "recommendation")
FEW = 2
WIDTH_WITHOUT_TERMINAL = 180


def show_overview(assessments: Iterable[Assessment], texts: Texts) -> None:
    """Prints a row a patient: phase, stages, gravest finding, next step with its date."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Patient", "Phase", "CNLC", "BCLC", "Child-Pugh"):
        table.add_column(name, no_wrap=True)
    table.add_column("Gravest finding", ratio=2)
    table.add_column("Next step", ratio=1)
    table.add_column("Date", no_wrap=True)
    for assessment in assessments:
        now = assessment.staging
        stages = (_stage(stage, texts) for stage in (now.cnlc, now.bclc, now.child_pugh))
        grave, step = gravest(assessment), next_step(assessment)
        table.add_row(
            assessment.patient.removeprefix("Patient/"),
            texts.phase(assessment.phase),
            *stages,
            texts.summary(grave) if grave else "-",
            texts.activity(step.code) if step else "-",
            (_date(step) if step else None) or "-",
        )
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    Console(width=width, highlight=False).print(table)


def _stage(stage: Stage | ChildPugh, texts: Texts) -> str:
    return stage_short(stage, texts) if len(stage.possible) <= FEW else "undecided"


def gravest(assessment: Assessment) -> Finding | None:
    """The first critical finding, else the first warning, None without either."""
    for severity in SEVERITIES:
        for finding in assessment.findings:
            if finding.severity == severity:
                return finding
    return None


def next_step(assessment: Assessment) -> Finding | None:
    """The earliest dated issue or recommendation, else the next window, else a recommendation, else any date."""
    findings = assessment.findings
    acted_on = [finding for finding in findings if finding.kind in ACTED_ON]
    windows = [finding for finding in findings if finding.due and finding.due.latest]
    for group in (acted_on, windows):
        dated = [finding for finding in group if _date(finding)]
        if dated:
            return min(dated, key=lambda finding: str(_date(finding)))
    recommended = [finding for finding in acted_on if finding.kind == "recommendation"]
    return next(iter([*recommended, *(finding for finding in findings if _date(finding))]), None)


def _date(finding: Finding) -> str | None:
    return finding.due.earliest or finding.due.latest if finding.due else None
