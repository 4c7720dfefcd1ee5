"""The plots of the readiness report as SVG, drawn without a browser and without a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any

import msgspec
import vl_convert
from markupsafe import Markup

from adapter.output.readiness_report import FindingLine, Report
from adapter.output.readiness_sight import CODE, NEVER, NO_TIME, READY, STALE, STATES, UNIT, UNUSABLE
from adapter.output.readiness_words import ReadinessWords

# Okabe and Ito's colours, which people with a colour vision deficiency can tell apart; nothing is a light grey.
COLOURS = {
    READY: "#009E73",
    UNIT: "#D55E00",
    NO_TIME: "#CC79A7",
    UNUSABLE: "#E69F00",
    CODE: "#0072B2",
    STALE: "#56B4E9",
    NEVER: "#D9D9D9",
    "decided": "#009E73",
    "undecided": "#E69F00",
    "not-reported": "#D9D9D9",
}
OUTCOMES = ("decided", "undecided", "not-reported")
WIDTH, STEP, LABEL, LONGEST = 620, 16, 420, 48
LEGEND = {"title": None, "orient": "top", "columns": 3, "columnPadding": 60, "labelLimit": LABEL}
# A browser's letters may be wider than those that were measured here.
PADDING = {"left": 50, "right": 30, "top": 5, "bottom": 5}
LOOKS = {
    "font": "Arial, Liberation Sans, Noto Sans CJK SC, Microsoft YaHei, sans-serif",
    "padding": PADDING,
    "axis": {"labelLimit": LABEL, "labelColor": "#1a1a1a", "labelFontSize": 11},
    "view": {"stroke": None},
}
Spec = dict[str, Any]
_OPENING = re.compile(r"<svg ")


class Plot(msgspec.Struct, frozen=True):
    """One plot: `key` names its texts, `svg` goes into the page as it is."""

    key: str
    svg: Markup


def plots(report: Report, words: ReadinessWords) -> tuple[Plot, ...]:
    """The plots of a report with at least one counted patient."""
    findings = {line.code: words.finding(line.code) for line in report.findings}
    nobody = {line.code for line in report.findings if not line.patients}
    judged = {c: f"{name} ({words.say('no-patients')})" if c in nobody else name for c, name in findings.items()}
    inputs = {line.concept: words.input(line.concept) for line in report.concepts}
    outcomes = {state: words.say(state) for state in OUTCOMES}
    states = {state: words.state(state) for state in STATES}
    seen = {line.concept: line.states for line in report.concepts}
    told = {line.code: _outcomes(line) for line in report.findings}
    complete = {line.code: {READY: line.share or 0} for line in report.findings}
    return (
        _plot("complete", words, _stacked(complete, judged, {READY: words.say("complete")}, 1)),
        _plot("outcomes", words, _stacked(told, findings, outcomes, report.counted)),
        _plot("inputs", words, _stacked(seen, inputs, states, report.counted)),
    )


def _outcomes(line: FindingLine) -> dict[str, int]:
    return dict(zip(OUTCOMES, (line.decided, line.undecided, line.not_reported), strict=True))


def _stacked(
    counts: Mapping[str, Mapping[str, float]], names: Mapping[str, str], parts: Mapping[str, str], whole: int
) -> Spec:
    """A bar for each name, its parts side by side as shares of the whole; names keep their order."""
    labels = _labels(names)
    rows = [
        {"name": labels[key], "part": parts[part], "place": place, "share": found[part] / whole}
        for key, found in counts.items()
        for place, part in enumerate(parts)
        if found[part]
    ]
    colours = {"domain": list(parts.values()), "range": [COLOURS[part] for part in parts]}
    legend = LEGEND if len(parts) > 1 else None
    shown = {"domain": list(labels.values())}
    axis = {"format": ".0%", "orient": "top", "title": None}
    return {
        "data": {"values": rows},
        "mark": "bar",
        "width": WIDTH,
        "height": {"step": STEP},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "scale": shown},
            "x": {"field": "share", "type": "quantitative", "stack": "zero", "scale": {"domain": [0, 1]}, "axis": axis},
            "color": {"field": "part", "type": "nominal", "scale": colours, "legend": legend},
            "order": {"field": "place", "type": "quantitative"},
        },
        "config": LOOKS,
    }


def _labels(names: Mapping[str, str]) -> dict[str, str]:
    """Short names, each once: the key stands behind one that is not the only one."""
    short = {key: name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for key, name in names.items()}
    often = Counter(short.values())
    return {key: name if often[name] == 1 else f"{name} [{key}]" for key, name in short.items()}


def _plot(key: str, words: ReadinessWords, spec: Spec) -> Plot:
    drawn = vl_convert.vegalite_to_svg(spec)
    title, text = escape(words.say(f"plot-{key}")), escape(words.say(f"plot-{key}-text"))
    named = f'<svg role="img" aria-labelledby="{key}-title {key}-text" '
    said = f'<title id="{key}-title">{title}</title><desc id="{key}-text">{text}</desc>'
    opened = _OPENING.sub(named, drawn, count=1)
    head, end, rest = opened.partition(">")
    return Plot(key, Markup(head + end + said + rest))
