"""Laboratory results and clinical grades of the synthetic patients."""

from __future__ import annotations

from adapter.sandbox.chart import HOSPITAL, Chart, quantity
from adapter.sandbox.codings import answer, concept, named, table
from adapter.sandbox.definitions import Numbers, Serology, Visits, days_of
from adapter.sandbox.refusal import JsonObject

_DRAWN = "T08:30:00+08:00"


def visits(chart: Chart, fact: Visits) -> list[JsonObject]:
    """The results of every draw of a series, and the grades recorded beside them."""
    days = days_of(fact.days)
    panels = table("laboratory.yaml")["panels"]
    keys = [key for panel in fact.panels for key in panels[panel]]
    keys += [key for key in fact.values if key not in keys]
    results = [_result(chart, key, day, _value(fact, key, n, len(days))) for n, day in enumerate(days) for key in keys]
    return results + [grade for n, day in enumerate(days) for grade in _grades(chart, fact, day, n, len(days))]


def serology(chart: Chart, fact: Serology) -> list[JsonObject]:
    """Virus markers and loads of one day."""
    markers = {"hbsag": fact.hbsag, "anti_hbc_total": fact.anti_hbc_total, "anti_hcv": fact.anti_hcv}
    loads = {"hbv_dna": fact.hbv_dna, "hcv_rna": fact.hcv_rna}
    known = [chart.answered(key, fact.day, word, "laboratory") for key, word in markers.items() if word is not None]
    return known + [_load(chart, key, fact.day, load) for key, load in loads.items() if load is not None]


def spread(numbers: Numbers, index: int, count: int) -> float:
    """The value of one of `count` draws when the given numbers are spread evenly over them, lines between."""
    knots = numbers if isinstance(numbers, list) else [numbers]
    if len(knots) == 1 or count == 1:
        return float(knots[0])
    place = index * (len(knots) - 1) / (count - 1)
    left = min(int(place), len(knots) - 2)
    return float(knots[left] + (knots[left + 1] - knots[left]) * (place - left))


def _value(fact: Visits, key: str, index: int, count: int) -> float:
    if key in fact.values:
        return spread(fact.values[key], index, count)
    usual: list[float] = table("laboratory.yaml")["tests"][key]["usual"]
    return usual[index % len(usual)]


def _result(chart: Chart, key: str, day: int, value: float) -> JsonObject:
    test = table("laboratory.yaml")["tests"][key]
    shown = round(value, test["digits"])
    word = "low" if shown < test["low"] else "high" if shown > test["high"] else "normal"
    return {
        **_drawn(chart, key, day),
        "valueQuantity": quantity(shown, test["unit"]),
        "interpretation": [answer(word)],
        "referenceRange": [_range(test)],
    }


def _load(chart: Chart, key: str, day: int, load: float | str) -> JsonObject:
    test = table("laboratory.yaml")["tests"][key]
    drawn = _drawn(chart, key, day)
    if isinstance(load, str):
        below = {**quantity(test["high"], test["unit"]), "comparator": "<"}
        return {**drawn, "valueQuantity": below, "interpretation": [answer(load)]}
    return {**drawn, "valueQuantity": quantity(load, test["unit"])}


def _drawn(chart: Chart, key: str, day: int) -> JsonObject:
    laboratory = [{"reference": f"Organization/{HOSPITAL}"}]
    return chart.observation(
        key, day, "laboratory", concept(key), performer=laboratory, effectiveDateTime=chart.day(day) + _DRAWN
    )


def _range(test: JsonObject) -> JsonObject:
    low, high = (quantity(test[bound], test["unit"]) for bound in ("low", "high"))
    return {"low": low, "high": high, "type": {"coding": [named("normal-range")]}}


def _grades(chart: Chart, fact: Visits, day: int, index: int, count: int) -> list[JsonObject]:
    found = []
    if fact.ecog is not None:
        score = round(spread(fact.ecog, index, count))
        found.append(chart.observation("ecog_ps", day, "survey", concept("ecog_ps"), valueInteger=score))
    if fact.ascites is not None:
        found.append(chart.answered("ascites_grade", day, fact.ascites))
    if fact.encephalopathy is not None:
        key = "hepatic_encephalopathy_grade"
        found.append(chart.observation(key, day, "exam", concept(key), valueInteger=fact.encephalopathy))
    return found
