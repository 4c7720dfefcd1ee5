"""Conditions: diagnoses and problems, with when they began and ended."""

from __future__ import annotations

from msgspec import Raw

from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk, modified
from adapter.normalize.times import at_age, at_ages, in_text, moment, period, within
from adapter.normalize.vocabulary import Named
from adapter.resources.clinical import Condition
from adapter.resources.datatypes import CodeableConcept, Coding
from adapter.resources.repair import given, read
from adapter.terminology import UNKNOWN
from adapter.timeline.events import Problem
from adapter.values import When


def read_condition(c: Condition, source: str, chart: Chart, desk: Desk) -> None:
    """Put a Condition on the chart."""
    verification = _verification(c.verificationStatus)
    unclear = verification is None and given(c.verificationStatus)
    counts = desk.statuses["Condition", "verificationStatus"].get(verification or "", "unconfirmed")
    if verification is None and not unclear:
        counts = "confirmed"
    named = desk.vocabulary.named("condition", c.code)
    if counts == "no" or (counts == "refuted" and "refutable" not in named.groups):
        chart.ignored.add(source)
        return
    if named.concept is None:
        if named.translation.reason == UNKNOWN:
            chart.conditions_read = True
        desk.unnamed(chart, source, named, _began(c, chart, desk), "Condition.code")
        return
    if c.modifierExtension and modified(c.modifierExtension):
        began = _began(c, chart, desk)
        desk.reject(
            chart, source, named.translation.concepts, began, "modifier-extension", "Condition.modifierExtension"
        )
        return
    if "disease_itself" not in named.groups:
        chart.conditions_read = True
    if "hcc" in named.groups and _began(c, chart, desk) is None:
        # No course can be counted from a diagnosis without a date.
        desk.reject(chart, source, named.translation.concepts, None, "no-time", "Condition.onset[x]")
        return
    chart.events.append(_problem(c, source, named, counts, unclear, chart, desk))


def _problem(c: Condition, source: str, named: Named, counts: str, unclear: bool, chart: Chart, desk: Desk) -> Problem:
    """`unclear`: a verificationStatus is there, but says nothing that FHIR knows."""
    notes = named.translation.notes
    clinical = _code(_codings(c.clinicalStatus))
    if unclear:
        notes = (*notes, "verification-unclear")
    onset, abatement = _onset(c, chart, desk), _abatement(c, chart, desk)
    if onset is not None and abatement is not None and abatement.end < onset.start:
        abatement, notes = None, (*notes, "dates-contradict")
    return Problem(
        source,
        named.concept or "",
        named.groups,
        onset,
        abatement,
        moment(c.recordedDate, desk.zone),
        clinical,
        counts in ("confirmed", "refuted"),
        counts == "refuted",
        notes,
    )


def _verification(raw: Raw) -> str | None:
    """The verification status; None where it is not given, or contradicts itself.

    What takes a Condition back must stand in FHIR's own system: a foreign code takes nothing back.
    """
    every = _codings(raw)
    codings = [c for c in every if c.code in _VERIFICATION]
    back = {c.code for c in codings if c.code in _TAKEN_BACK}
    own = {c.code for c in codings if c.code in back and (c.system or "").rstrip("/").endswith(_OWN_SYSTEM)}
    if back and (back != own or len(back) < len({c.code for c in codings})):
        return None
    return _code(every)


def _began(c: Condition, chart: Chart, desk: Desk) -> When | None:
    return _onset(c, chart, desk) or moment(c.recordedDate, desk.zone)


def _onset(c: Condition, chart: Chart, desk: Desk) -> When | None:
    if c.onsetDateTime:
        return moment(c.onsetDateTime, desk.zone)
    birth = chart.person.birth
    if c.onsetPeriod:
        return within(c.onsetPeriod, desk.zone)
    if c.onsetAge:
        return at_age(c.onsetAge, birth, desk.zone, desk.calendar)
    if c.onsetRange:
        return at_ages(c.onsetRange, birth, desk.zone, desk.calendar)
    return in_text(c.onsetString, desk.zone)


def _abatement(c: Condition, chart: Chart, desk: Desk) -> When | None:
    if c.abatementDateTime:
        return moment(c.abatementDateTime, desk.zone)
    birth = chart.person.birth
    if c.abatementPeriod:
        start, end = period(c.abatementPeriod, desk.zone)
        return end or start
    if c.abatementAge:
        return at_age(c.abatementAge, birth, desk.zone, desk.calendar)
    if c.abatementRange:
        return at_ages(c.abatementRange, birth, desk.zone, desk.calendar)
    return in_text(c.abatementString, desk.zone)


def _codings(raw: Raw) -> list[Coding]:
    concept = read(raw, CodeableConcept) if raw else None
    return (concept.coding or []) if concept is not None else []


def _code(codings: list[Coding]) -> str | None:
    """The code of a status with a required value set; its system adds nothing."""
    codes = [c.code for c in codings if c.code]
    return next((code for code in codes if code in _STATUSES), codes[0] if codes else None)


_OWN_SYSTEM = "condition-ver-status"
_TAKEN_BACK = frozenset({"refuted", "entered-in-error"})
_CLINICAL = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
_VERIFICATION = ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error")
_STATUSES = frozenset((*_CLINICAL, *_VERIFICATION))
