"""Dates of contrast scans and tumour boards: imaging studies, reports, documents."""

from __future__ import annotations

from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk
from adapter.normalize.procedures import usable
from adapter.normalize.times import moment, within
from adapter.normalize.vocabulary import Named
from adapter.resources.clinical import DiagnosticReport, DocumentReference, ImagingStudy
from adapter.resources.datatypes import DocumentContext
from adapter.resources.repair import read
from adapter.timeline.events import Performed
from adapter.values import When

Study = ImagingStudy | DiagnosticReport | DocumentReference


def read_study(s: ImagingStudy, source: str, chart: Chart, desk: Desk) -> None:
    """Put an imaging study on the chart."""
    if _counts(s, source, chart, desk):
        named = desk.vocabulary.named("procedure", s.procedureCode)
        _put(s, named, source, moment(s.started, desk.zone), "started", chart, desk)


def read_report(r: DiagnosticReport, source: str, chart: Chart, desk: Desk) -> None:
    """Put a report on the chart by the date of what it reports on."""
    if _counts(r, source, chart, desk):
        when = moment(r.effectiveDateTime, desk.zone) or within(r.effectivePeriod, desk.zone)
        if when is None and "use-issued" in desk.options:
            when = moment(r.issued, desk.zone)
        _put(r, desk.vocabulary.named("procedure", r.code), source, when, "effective[x]", chart, desk)


def read_document(d: DocumentReference, source: str, chart: Chart, desk: Desk) -> None:
    """Put a document on the chart by its date."""
    if not _counts(d, source, chart, desk):
        return
    if d.docStatus == "entered-in-error":
        chart.ignored.add(source)
        return
    named = desk.vocabulary.named("procedure", d.type)
    if named.concept is None and d.category:
        category = desk.vocabulary.named("procedure", d.category)
        named = category if category.concept is not None else named
    when = moment(d.date, desk.zone)
    if when is None:
        context = read(d.context, DocumentContext)
        when = moment(context.period.start, desk.zone) if context is not None and context.period is not None else None
    _put(d, named, source, when, "date", chart, desk)


def _counts(s: Study, source: str, chart: Chart, desk: Desk) -> bool:
    kind = type(s).__name__
    counts = desk.statuses[kind, "status"].get(s.status or "")
    if counts is None:
        desk.reject(chart, source, frozenset(), None, "malformed: no known status", f"{kind}.status")
    elif counts == "no":
        chart.ignored.add(source)
    return counts not in (None, "no")


def _put(s: Study, named: Named, source: str, when: When | None, element: str, chart: Chart, desk: Desk) -> None:
    kind = type(s).__name__
    if not usable(s.modifierExtension, named, source, when, kind, chart, desk):
        return
    if when is None:
        desk.reject(chart, source, named.translation.concepts, None, "no-time", f"{kind}.{element}")
        return
    chart.events.append(Performed(source, named.concept or "", named.groups, when, None, named.translation.notes))
