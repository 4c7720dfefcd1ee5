"""Named adverse events with their CTCAE grade."""

from __future__ import annotations

from adapter.normalize.answers import NO_VALUE, presence, scored
from adapter.normalize.chart import Chart, Rejection
from adapter.normalize.desk import Desk, Place, modified
from adapter.normalize.times import period
from adapter.normalize.vocabulary import Asked
from adapter.resources.clinical import Observation
from adapter.resources.datatypes import CodeableConcept, Component
from adapter.resources.repair import given, read, read_list
from adapter.timeline.events import AdverseEvent
from adapter.values.text import one_line


def read_event(o: Observation, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    """Put an adverse event on the chart."""
    name = _name(o, desk)
    if not name:
        return Rejection(NO_VALUE, "Observation.value[x]")
    grade: int | None = None
    said: dict[str, bool | None] = {}
    for index, component in enumerate(read_list(o.component, Component)):
        part = desk.vocabulary.asked(component.code)
        concept = part.translation.concept
        path = f"Observation.component[{index}]"
        if concept not in ("ctcae_grade", "treatment_related", "resolved"):
            continue
        if component.modifierExtension and modified(component.modifierExtension):
            return Rejection("modifier-extension", path)
        if concept != "ctcae_grade":
            said[concept] = {"present": True, "absent": False}.get(presence(component, part, desk) or "")
            continue
        found = scored(component, part, desk)
        if isinstance(found, str) or found.value.number is None:
            return Rejection(found if isinstance(found, str) else NO_VALUE, path)
        grade = int(found.value.number)
    start, end = period(o.effectivePeriod, desk.zone) if o.effectivePeriod else (None, None)
    chart.events.append(
        AdverseEvent(
            place.source,
            start or place.when,
            name,
            grade,
            said.get("treatment_related"),
            said.get("resolved"),
            end,
            place.preliminary,
            place.notes + asked.notes,
        )
    )
    return None


def _name(o: Observation, desk: Desk) -> str | None:
    """What the event is called: the text, else a display, else the name of a known code."""
    if given(o.dataAbsentReason):
        return None
    if o.valueString and o.valueString.strip():
        return one_line(o.valueString)
    concept = read(o.valueCodeableConcept, CodeableConcept)
    if concept is None:
        return None
    displays = [c.display for c in concept.coding or () if c.display]
    for text in (concept.text, *displays):
        if text and text.strip():
            return " ".join(text.split())
    known = desk.vocabulary.named("method", o.valueCodeableConcept).concept
    if known is not None:
        return desk.vocabulary.terminology.concept_name(known, "en")
    return next((c.code for c in concept.coding or () if c.code), None)
