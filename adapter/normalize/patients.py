"""The person: birth, sex, death."""

from __future__ import annotations

from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk, modified
from adapter.normalize.times import moment
from adapter.resources.clinical import Patient
from adapter.timeline.events import Person
from adapter.values import When

SEXES = ("male", "female", "other", "unknown")


def read_patient(p: Patient, source: str, chart: Chart, desk: Desk) -> None:
    """Put the person on the chart."""
    if p.modifierExtension and modified(p.modifierExtension):
        desk.reject(chart, source, frozenset(), None, "modifier-extension", "Patient.modifierExtension")
        return
    chart.resources[source] = 1
    death: When | bool = moment(p.deceasedDateTime, desk.zone) or False
    if death is False and (p.deceasedBoolean or p.deceasedDateTime):
        death = True
    sex = p.gender if p.gender in SEXES else None
    chart.person = Person(chart.reference, moment(p.birthDate, desk.zone), sex, death)
    chart.point(source, source)
