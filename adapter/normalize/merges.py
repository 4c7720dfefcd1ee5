"""Records of one person: which patient's record replaced which (Patient.link), so that no fact stays behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Raw

from adapter.normalize.chart import Chart
from adapter.resources.datatypes import PatientLink
from adapter.resources.repair import read_list
from adapter.timeline.events import Person

REPLACED_BY, REPLACES = "replaced-by", "replaces"
Linked = tuple[Chart, Raw]


def survivors(linked: Iterable[Linked], find: Callable[[str], Chart | None]) -> dict[str, Chart]:
    """Reference of a replaced record, as its link or its own chart names it -> the chart that goes on.

    `find` answers a reference with a given patient's chart. Only a given Patient resource can go on; records that
    replace each other in a circle stay apart.
    """
    steps: dict[str, Chart] = {}
    for chart, raw in linked:
        for link in read_list(raw, PatientLink):
            reference = link.other.reference if link.other is not None else None
            if not reference:
                continue
            other = find(reference)
            if link.type == REPLACED_BY and other is not None and other is not chart:
                steps[chart.reference] = other
            elif link.type == REPLACES and other is not chart:
                steps[other.reference if other is not None else reference] = chart
    return {name: last for name in steps if (last := _last(name, steps)) is not None}


def _last(name: str, steps: dict[str, Chart]) -> Chart | None:
    seen = {name}
    chart = steps[name]
    while chart.reference in steps:
        if chart.reference in seen:
            return None
        seen.add(chart.reference)
        chart = steps[chart.reference]
    return None if chart.reference == name else chart


def absorb(survivor: Chart, gone: Chart) -> None:
    """The survivor's chart answers for the replaced Patient resource; what it does not say of the person, that does."""
    one, two = survivor.person, gone.person
    survivor.person = Person(one.reference, one.birth or two.birth, one.sex or two.sex, one.deceased or two.deceased)
    survivor.resources.update(gone.resources)
    survivor.unusable += gone.unusable
    for target, sources in gone.pointed.items():
        survivor.pointed.setdefault(target, []).extend(sources)
