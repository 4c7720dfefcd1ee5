"""The readiness report as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined

from adapter.output.readiness_plots import plots
from adapter.output.readiness_report import Report
from adapter.output.readiness_words import ReadinessWords
from adapter.output.wordbook import Texts


def page(report: Report, texts: Texts) -> str:
    """The whole page: plots as SVG inside it, every number in a table, no script and no address."""
    words = ReadinessWords(texts)
    topics = [(topic, list(lines)) for topic, lines in groupby(report.findings, lambda line: line.topic)]
    text = (files("adapter.output") / "pages" / "readiness.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(text)
    return template.render(
        lang="zh-CN" if texts.language == "zh" else texts.language,
        words=words,
        report=report,
        warning=words.warning(report),
        topics=topics,
        plots=plots(report, words) if report.counted else (),
    )
