"""Drugs: administrations, statements, requests and dispenses as exposures and plans."""

from __future__ import annotations

from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk, modified
from adapter.normalize.references import identifier_name, local_name
from adapter.normalize.times import REVERSED, lasting, length_in_days, moment, period, span, timing_bounds
from adapter.normalize.vocabulary import Named
from adapter.resources.clinical import (
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from adapter.resources.datatypes import Contained, DispenseRequest, Dosage, Quantity, Reference
from adapter.resources.repair import given, read, read_list
from adapter.terminology import UNKNOWN
from adapter.timeline.events import Exposure, Plan
from adapter.values import When

KNOWN, OPEN, END_UNKNOWN, HELD = "known", "open", "unknown", "on-hold"
_WRONG = "entered-in-error"
CURRENT, ENDED = "current", "ended"
Drugged = MedicationAdministration | MedicationStatement | MedicationRequest | MedicationDispense
NO_CONCEPTS: frozenset[str] = frozenset()


def read_administration(m: MedicationAdministration, source: str, chart: Chart, desk: Desk) -> None:
    """Doses given: a dateTime is one dose that day, a Period exposure throughout."""
    counts = _counts(m, source, chart, desk)
    start, end, single = _effective(m, desk)
    drug = _drug(m, source, start, chart, desk) if counts else None
    if drug is None or not _timed(m, start, end, source, drug, chart, desk):
        return
    ending = KNOWN if single or end is not None else OPEN if counts == CURRENT else END_UNKNOWN
    _expose(source, drug, start, end, ending, chart, administered=True)


def read_statement(m: MedicationStatement, source: str, chart: Chart, desk: Desk) -> None:
    """What is or was taken; without an end until it was asserted, a current oral drug until as-of."""
    counts = _counts(m, source, chart, desk)
    start, end, single = _effective(m, desk)
    drug = _drug(m, source, start, chart, desk) if counts else None
    if drug is None or not _timed(m, start, end, source, drug, chart, desk):
        return None
    asserted = moment(m.dateAsserted, desk.zone)
    if asserted is not None and start is not None and asserted.end < start.start:
        asserted = None
    oral = "oral" in drug.groups
    if counts == HELD:
        return _expose(source, drug, start, (None if single else end) or asserted, HELD, chart)
    if counts == CURRENT and oral and (single or end is None):
        return _expose(source, drug, start, None, OPEN, chart)
    if single or end is not None:
        return _expose(source, drug, start, end, KNOWN, chart)
    if asserted is not None:
        return _expose(source, drug, start, asserted, KNOWN, chart)
    return _expose(source, drug, start, None, OPEN if counts == CURRENT else END_UNKNOWN, chart)


def read_request(m: MedicationRequest, source: str, chart: Chart, desk: Desk) -> None:
    """Orders: exposure for oral drugs, a plan for drafts and for infusions that are still to be given."""
    if not m.status and desk.drafts:
        m.status = "draft"
    counts = _counts(m, source, chart, desk)
    intent = desk.statuses["MedicationRequest", "intent"].get(m.intent or ("order" if desk.drafts else ""))
    if not counts:
        return None
    if m.doNotPerform or intent != "order":
        chart.ignored.add(source)
        return None
    authored = moment(m.authoredOn, desk.zone)
    start, end = _ordered(m, desk)
    drug = _drug(m, source, start or authored, chart, desk)
    if drug is None:
        return None
    oral = "oral" in drug.groups
    if counts == "draft" or desk.drafts:
        return _plan(source, drug, start, end, authored, oral, chart, desk)
    if not oral:
        if counts == CURRENT:
            return _plan(source, drug, start, end, authored, oral, chart, desk)
        chart.ignored.add(source)
        return None
    began = start or authored
    if began is None:
        return desk.reject(chart, source, drug.translation.concepts, None, "no-time", "MedicationRequest.authoredOn")
    ending = KNOWN if end is not None else OPEN if counts == CURRENT else END_UNKNOWN
    _expose(source, drug, began, end, ending, chart)
    if counts == CURRENT:
        _plan(source, drug, began, end, authored, oral, chart, desk)
    return None


def read_dispense(m: MedicationDispense, source: str, chart: Chart, desk: Desk) -> None:
    """An oral drug handed over: exposure for the days that it lasts."""
    counts = _counts(m, source, chart, desk)
    start = moment(m.whenHandedOver, desk.zone)
    drug = _drug(m, source, start, chart, desk) if counts else None
    if drug is None:
        return
    if "oral" not in drug.groups:
        chart.ignored.add(source)
        return
    if start is None:
        desk.reject(chart, source, drug.translation.concepts, None, "no-time", "MedicationDispense.whenHandedOver")
        return
    days = length_in_days(read(m.daysSupply, Quantity), start, desk.calendar)
    end = lasting(start, days, desk.zone) if days else None
    _expose(source, drug, start, end, END_UNKNOWN if end is None else KNOWN, chart)


def _counts(m: Drugged, source: str, chart: Chart, desk: Desk) -> str | None:
    """How the status counts; None when it does not, which is put down."""
    kind = type(m).__name__
    counts = desk.statuses[kind, "status"].get(m.status or "")
    if counts is None:
        _reject(_about(m, desk), source, None, "malformed: no known status", f"{kind}.status", chart, desk)
        return None
    if counts == "no":
        chart.ignored.add(source)
        return None
    return counts


def _about(m: Drugged, desk: Desk) -> frozenset[str] | None:
    """What a record that cannot be used is about; None when it may be any drug."""
    if m.medicationCodeableConcept:
        named = desk.vocabulary.named("drug", m.medicationCodeableConcept)
    else:
        pointed = _referenced(m, desk)
        if pointed is None:
            return None
        named = desk.vocabulary.named("drug", pointed[1].code)
    return named.translation.concepts or (NO_CONCEPTS if named.translation.reason == UNKNOWN else None)


def _reject(
    concepts: frozenset[str] | None, source: str, when: When | None, reason: str, path: str, chart: Chart, desk: Desk
) -> None:
    if concepts is None:
        desk.reject_any_drug(chart, source, when, reason, path)
    else:
        desk.reject(chart, source, concepts, when, reason, path)


def _drug(m: Drugged, source: str, when: When | None, chart: Chart, desk: Desk) -> Named | None:
    """The drug; None when the codings or the reference do not give one, which is put down."""
    kind = type(m).__name__
    if given(m.medicationReference) and given(m.medicationCodeableConcept):
        desk.reject_any_drug(chart, source, when, "malformed: more than one medication[x]", f"{kind}.medication[x]")
        return None
    if m.medicationCodeableConcept:
        named, path = desk.vocabulary.named("drug", m.medicationCodeableConcept), "medicationCodeableConcept"
    else:
        found = _referenced(m, desk)
        path = "medicationReference"
        if found is None:
            desk.reject_any_drug(chart, source, when, "unresolved-reference", f"{kind}.{path}")
            return None
        name, pointed = found
        if name:
            chart.point(source, name)
        named = desk.vocabulary.named("drug", pointed.code)
        if pointed.modifierExtension and modified(pointed.modifierExtension):
            concepts = named.translation.concepts
            desk.reject(chart, source, concepts, when, "modifier-extension", "Medication.modifierExtension")
            return None
    if named.concept is None and named.translation.reason.startswith("malformed"):
        desk.reject_any_drug(chart, source, when, named.translation.reason, f"{kind}.{path}")
        return None
    if named.concept is None:
        desk.unnamed(chart, source, named, when, f"{kind}.{path}")
        return None
    if m.modifierExtension and modified(m.modifierExtension):
        concepts = named.translation.concepts
        desk.reject(chart, source, concepts, when, "modifier-extension", f"{kind}.modifierExtension")
        return None
    return named


def _referenced(m: Drugged, desk: Desk) -> tuple[str, Medication | Contained] | None:
    """Name (empty: contained) and Medication that is pointed at, also by identifier; None when it cannot be had."""
    reference = read(m.medicationReference, Reference)
    text = (reference.reference or "") if reference is not None else ""
    if text.startswith("#"):
        inner = next((c for c in read_list(m.contained, Contained) if c.id == text[1:]), None)
        usable = inner is not None and inner.resourceType == Medication.__name__ and inner.status != _WRONG
        return ("", inner) if usable and inner is not None else None
    named = reference.identifier if reference is not None and not text else None
    if named is not None:
        text = identifier_name(named)
    known = desk.medications.get(text) or desk.medications.get(local_name(text))
    return None if known is None or known[1].status == _WRONG else known


def _effective(m: MedicationAdministration | MedicationStatement, desk: Desk) -> tuple[When | None, When | None, bool]:
    """Start, end, and whether it is one day's dose. A Period without start begins where it ends."""
    if m.effectiveDateTime:
        when = moment(m.effectiveDateTime, desk.zone)
        return when, when, True
    if not m.effectivePeriod:
        return None, None, False
    start, end = period(m.effectivePeriod, desk.zone)
    return start or end, end, False


def _timed(
    m: MedicationAdministration | MedicationStatement,
    start: When | None,
    end: When | None,
    source: str,
    drug: Named,
    chart: Chart,
    desk: Desk,
) -> bool:
    path = f"{type(m).__name__}.effective[x]"
    if start is None:
        desk.reject(chart, source, drug.translation.concepts, None, "no-time", path)
        return False
    if end is not None and end.end < start.start:
        desk.reject(chart, source, drug.translation.concepts, span(start, end), REVERSED, path)
        return False
    return True


def _ordered(m: MedicationRequest, desk: Desk) -> tuple[When | None, When | None]:
    """First and last time of the order's own timing, the end also from how long it may be dispensed."""
    starts: list[When] = []
    ends: list[When] = []
    for dosage in read_list(m.dosageInstruction, Dosage):
        if dosage.timing is None:
            continue
        start, end = timing_bounds(dosage.timing, desk.zone, desk.calendar)
        if start is not None:
            starts.append(start)
        repeat = dosage.timing.repeat
        if end is None and start is not None and repeat is not None:
            days = length_in_days(repeat.boundsDuration, start, desk.calendar)
            end = lasting(start, days, desk.zone) if days else None
        if end is not None and not dosage.timing.event:
            ends.append(end)
    if not ends:
        dispensed = read(m.dispenseRequest, DispenseRequest)
        valid = dispensed.validityPeriod if dispensed is not None else None
        until = moment(valid.end, desk.zone) if valid is not None else None
        ends += [until] if until is not None else []
    first = min(starts, key=lambda w: w.start, default=None)
    return first, max(ends, key=lambda w: w.end, default=None)


def _expose(
    source: str,
    drug: Named,
    start: When | None,
    end: When | None,
    ending: str,
    chart: Chart,
    administered: bool = False,
) -> None:
    if start is None:
        return
    oral = "oral" in drug.groups
    notes = drug.translation.notes
    chart.events.append(
        Exposure(source, drug.concept or "", drug.groups, start, end, ending, administered, oral, notes)
    )  # fmt: skip


def _plan(
    source: str,
    drug: Named,
    on: When | None,
    until: When | None,
    authored: When | None,
    oral: bool,
    chart: Chart,
    desk: Desk,
) -> None:
    notes = drug.translation.notes
    chart.events.append(
        Plan(source, drug.concept or "", drug.groups, True, on, until, authored, oral, draft=desk.drafts, notes=notes)
    )
