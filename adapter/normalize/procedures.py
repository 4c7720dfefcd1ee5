"""Procedures done, and what is planned: preparations, service requests, appointments."""

from __future__ import annotations

from msgspec import Raw

from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk, modified
from adapter.normalize.times import REVERSED, at_age, at_ages, in_text, moment, period, span, timing, within
from adapter.normalize.vocabulary import Named
from adapter.resources.clinical import Appointment, Procedure, ServiceRequest
from adapter.timeline.events import Performed, Plan
from adapter.values import When


def read_procedure(p: Procedure, source: str, chart: Chart, desk: Desk) -> None:
    """Put a Procedure on the chart, done or in preparation."""
    counts = desk.statuses["Procedure", "status"].get(p.status or "")
    named = desk.vocabulary.named("procedure", p.code)
    if counts is None:
        concepts = named.translation.concepts
        return desk.reject(chart, source, concepts, None, "malformed: no known status", "Procedure.status")
    if counts == "no":
        chart.ignored.add(source)
        return None
    start, end = _performed(p, chart, desk)
    if not usable(p.modifierExtension, named, source, start, "Procedure", chart, desk):
        return None
    notes = named.translation.notes
    if counts == "plan":
        chart.events.append(
            Plan(source, named.concept or "", named.groups, False, start, None, None, preparation=True, notes=notes)
        )
        return None
    if start is None:
        return desk.reject(chart, source, named.translation.concepts, None, "no-time", "Procedure.performed[x]")
    if end is not None and end.end < start.start:
        return desk.reject(
            chart, source, named.translation.concepts, span(start, end), REVERSED, "Procedure.performedPeriod"
        )
    ongoing = counts == "current" and end is None and bool(p.performedPeriod)
    chart.events.append(Performed(source, named.concept or "", named.groups, start, end, notes, ongoing))
    return None


def read_service_request(s: ServiceRequest, source: str, chart: Chart, desk: Desk) -> None:
    """Put an ordered procedure on the chart as a plan."""
    status = s.status or ("draft" if desk.drafts else "")
    counts = desk.statuses["ServiceRequest", "status"].get(status)
    named = desk.vocabulary.named("procedure", s.code)
    if counts is None:
        concepts = named.translation.concepts
        return desk.reject(chart, source, concepts, None, "malformed: no known status", "ServiceRequest.status")
    intent = desk.statuses["ServiceRequest", "intent"].get(s.intent or ("order" if desk.drafts else ""))
    if counts == "no" or intent != "plan" or s.doNotPerform:
        chart.ignored.add(source)
        return None
    on, until = _occurrence(s, desk)
    _put_plan(
        s.modifierExtension, named, source, on, until, moment(s.authoredOn, desk.zone), "ServiceRequest", chart, desk
    )
    return None


def read_appointment(a: Appointment, source: str, chart: Chart, desk: Desk) -> None:
    """Put a booked procedure on the chart as a plan."""
    counts = desk.statuses["Appointment", "status"].get(a.status or "")
    named = desk.vocabulary.named("procedure", a.serviceType)
    if named.concept is None and a.reasonCode:
        reason = desk.vocabulary.named("procedure", a.reasonCode)
        named = reason if reason.concept is not None else named
    if counts is None:
        concepts = named.translation.concepts
        return desk.reject(chart, source, concepts, None, "malformed: no known status", "Appointment.status")
    if counts == "no":
        chart.ignored.add(source)
        return None
    on = moment(a.start, desk.zone) or within(a.requestedPeriod, desk.zone)
    _put_plan(a.modifierExtension, named, source, on, None, moment(a.created, desk.zone), "Appointment", chart, desk)
    return None


def usable(extension: Raw, named: Named, source: str, when: When | None, kind: str, chart: Chart, desk: Desk) -> bool:
    """Whether the code is one concept and nothing unknown modifies the resource; else it is put down."""
    if named.concept is None:
        desk.unnamed(chart, source, named, when, f"{kind}.code")
        return False
    if extension and modified(extension):
        concepts = named.translation.concepts
        desk.reject(chart, source, concepts, when, "modifier-extension", f"{kind}.modifierExtension")
        return False
    return True


def _put_plan(
    extension: Raw,
    named: Named,
    source: str,
    on: When | None,
    until: When | None,
    authored: When | None,
    kind: str,
    chart: Chart,
    desk: Desk,
) -> None:
    if usable(extension, named, source, authored or on, kind, chart, desk):
        notes = named.translation.notes
        chart.events.append(
            Plan(source, named.concept or "", named.groups, False, on, until, authored, draft=desk.drafts, notes=notes)
        )


def _performed(p: Procedure, chart: Chart, desk: Desk) -> tuple[When | None, When | None]:
    if p.performedDateTime:
        return moment(p.performedDateTime, desk.zone), None
    if p.performedPeriod:
        start, end = period(p.performedPeriod, desk.zone)
        return start or end, end
    birth = chart.person.birth
    if p.performedAge:
        return at_age(p.performedAge, birth, desk.zone, desk.calendar), None
    if p.performedRange:
        return at_ages(p.performedRange, birth, desk.zone, desk.calendar), None
    return in_text(p.performedString, desk.zone), None


def _occurrence(s: ServiceRequest, desk: Desk) -> tuple[When | None, When | None]:
    if s.occurrenceDateTime:
        return moment(s.occurrenceDateTime, desk.zone), None
    if s.occurrencePeriod:
        start, end = period(s.occurrencePeriod, desk.zone)
        return (start, end) if start is not None else (span(start, end), end)
    if s.occurrenceTiming:
        return timing(s.occurrenceTiming, desk.zone, desk.calendar)
    return None, None
