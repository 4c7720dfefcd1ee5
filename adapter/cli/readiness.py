"""The command that tells what a site's records are worth to each finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from adapter.cli.outcome import say, write
from adapter.cli.walking import Walk, settings_for
from adapter.errors import UsageError
from adapter.normalize.records import Record
from adapter.normalize.strangers import strangers
from adapter.output.readiness import Readiness
from adapter.output.readiness_report import Report
from adapter.output.wordbook import Texts
from adapter.pipeline import Evaluator
from adapter.terminology import AMBIGUOUS, UNKNOWN
from adapter.terminology.strangers import Stranger
from adapter.values import AsOf, When

NAMELESS = frozenset((UNKNOWN, AMBIGUOUS))


def show_readiness(
    source: str | None,
    server: str | None,
    *,
    form: str,
    out: Path | None,
    as_of: str | None,
    lang: str | None,
    overlay: Path | None,
    everybody: bool = False,
) -> int:
    """Prints or writes the report; 1 when something was malformed or a patient failed."""
    settings = settings_for(source, server, overlay, lang=lang)
    if out is not None:
        _check(out)
    walk = Walk(settings, as_of, everybody)
    counts = Readiness(walk.evaluator.terminology, walk.evaluator.policy.thresholds)
    walk.over(source, lambda record, _: _count(record, walk.evaluator, walk.as_of, counts))
    report = counts.report(walk.as_of, settings.edition, walk.failed)
    texts = walk.evaluator.texts(settings.lang)
    if out is None:
        write(_shown(report, texts, form, terminal=True))
    else:
        _keep(out, _shown(report, texts, form, terminal=False))
        say(f"{out}: the readiness of {report.seen} patients")
    return walk.code


def _count(record: Record, evaluator: Evaluator, as_of: AsOf, counts: Readiness) -> None:
    found = evaluator.assess(record, as_of)
    counts.add(record.timeline, as_of, found, tuple(_unnamed(record, evaluator, as_of)))


def _unnamed(record: Record, evaluator: Evaluator, as_of: AsOf) -> Iterator[tuple[Stranger, When | None]]:
    """The codes that no table settles, each with the time of its resource."""
    times = {unmapped.source: unmapped.when for unmapped in record.chart.unmapped}
    for stranger in strangers(record, as_of, evaluator.terminology):
        if stranger.reason in NAMELESS:
            yield stranger, times.get(stranger.reference)


def _shown(report: Report, texts: Texts, form: str, *, terminal: bool) -> bytes:
    if form == "json":
        return orjson.dumps(report.as_json()) + b"\n"
    if form == "html":
        from adapter.output.readiness_page import page

        return page(report, texts).encode()
    from adapter.cli.readiness_screen import screen

    return screen(report, texts, terminal=terminal).encode("utf-8", "replace")


def _check(out: Path) -> None:
    """Refuses a place that cannot be written before everything is read. Raises UsageError."""
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out {out}: is a folder or lies in none; give a file in a folder that exists")


def _keep(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror}); choose another place") from None
