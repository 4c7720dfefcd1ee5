"""The table of what was found for each patient."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from adapter.guideline.model import Assessment, ChildPugh, Finding, Stage
from adapter.output.lines import stage_short
from adapter.output.phrases import Phrases
from adapter.output.upcoming import Upcoming
from adapter.output.wordbook import Texts

SEVERITIES = ("critical", "warning")
FEW = 2
WIDTH_WITHOUT_TERMINAL = 180


def show_overview(assessments: Iterable[Assessment], texts: Texts) -> None:
    """Prints a row a patient: phase, stages, gravest finding, next step with its date."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Patient", "Phase", "CNLC", "BCLC", "Child-Pugh"):
        table.add_column(name, no_wrap=True)
    table.add_column("Gravest finding", ratio=2)
    table.add_column("Next step", ratio=2)
    table.add_column("Date", ratio=1)
    phrases = Phrases(texts)
    for assessment in assessments:
        now = assessment.staging
        stages = (_stage(stage, texts) for stage in (now.cnlc, now.bclc, now.child_pugh))
        grave, step = gravest(assessment), Upcoming(assessment, phrases).next()
        table.add_row(
            assessment.patient.removeprefix("Patient/"),
            texts.phase(assessment.phase),
            *stages,
            texts.summary(grave) if grave else "-",
            step.what.partition(" [")[0] if step else "-",
            step.when if step else "-",
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
