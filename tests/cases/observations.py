"""Observations of a case: laboratory values, findings, lesions and adverse events."""

from __future__ import annotations

import re
from typing import Any

from tests.cases import codes

Fact = dict[str, Any]
COMPARED = re.compile(r"\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def effective(fact: Fact, stem: str = "effective") -> Fact:
    """`on` as a dateTime, `from` and `to` as a Period, nothing when the case gives neither."""
    if "on" in fact:
        return {f"{stem}DateTime": str(fact["on"])}
    period = {part: str(fact[name]) for part, name in (("start", "from"), ("end", "to")) if fact.get(name)}
    return {f"{stem}Period": period} if period else {}


def quantity(value: Any, unit: str | None, known: tuple[str, ...]) -> Fact:
    """A Quantity: the comparator out of the text, and UCUM only for the dictionary's own units."""
    built: Fact = {"value": value}
    if isinstance(value, str):
        match = COMPARED.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r}: a value is a number, or a comparator and a number")
        number = match[2]
        built = {"value": float(number) if "." in number else int(number), "comparator": match[1]}
    chosen = unit or (known[0] if known else "none")
    if chosen == "none":
        return built
    coded = {"system": codes.UCUM, "code": chosen} if chosen in known else {}
    return {**built, "unit": chosen, **coded}


def observation(code: str | Fact, fact: Fact) -> Fact:
    """The frame of an Observation without its value."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": codes.concept_coding(code, "Observation"),
        **effective(fact),
    }


def laboratory_value(fact: Fact) -> Fact:
    """A laboratory Observation."""
    known = codes.units_for(fact["code"])
    built = observation(fact["code"], fact)
    if "text" in fact:
        built["valueString"] = fact["text"]
    elif "value" in fact:
        built["valueQuantity"] = quantity(fact["value"], fact.get("unit"), known)
    limits = {end: quantity(fact[end], fact.get("unit"), known) for end in ("low", "high") if end in fact}
    if limits:
        built["referenceRange"] = [limits]
    if "interpretation" in fact:
        built["interpretation"] = [{"coding": [{"system": INTERPRETATION, "code": fact["interpretation"]}]}]
    return built


def finding_value(concept: str | Fact, value: Any) -> Fact:
    """The value[x] of a finding in the form that dictionary-local.md names first."""
    units = codes.units_for(concept)
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if concept in codes.STAGES:
        return {"valueCodeableConcept": codes.local(str(value))}
    if isinstance(value, str) and not COMPARED.fullmatch(value):
        return {"valueCodeableConcept": codes.answer(str(concept), value)}
    if isinstance(value, int) and (not units or units[0] in codes.PLAIN_INTEGERS):
        return {"valueInteger": value}
    return {"valueQuantity": quantity(value, None, units)}


def clinical_finding(fact: Fact) -> Fact:
    """An Observation that is no laboratory value."""
    concept = fact["code"]
    built = observation(concept, fact)
    if "quantity" in fact:
        given = fact["quantity"]
        built["valueQuantity"] = quantity(given["value"], given.get("unit"), codes.units_for(concept))
    elif "value" in fact:
        built.update(finding_value(concept, fact["value"]))
    return built


def component(code: str, value: Fact) -> Fact:
    """A component under a local code."""
    return {"code": codes.local(code), **value}


def lesion(fact: Fact) -> Fact:
    """A tumour size Observation with its components."""
    millimetres = ("mm", "cm")
    built = observation("tumor_size", fact)
    parts: list[Fact] = []
    if fact.get("mm") is not None:
        longest = codes.concept_coding("tumor_longest_dimension", "Observation")
        parts.append({"code": longest, "valueQuantity": quantity(fact["mm"], "mm", millimetres)})
    if fact.get("role", "target") is not None:
        parts.append(component("lesion_role", {"valueCodeableConcept": codes.local(fact.get("role", "target"))}))
    parts.append(component("lesion_id", {"valueString": fact.get("lesion", "L1")}))
    if fact.get("modality"):
        parts.append(component("imaging_modality", {"valueCodeableConcept": codes.local(fact["modality"])}))
    if fact.get("viable") is not None:
        viable = quantity(fact["viable"], "mm", millimetres)
        parts.append(component("viable_diameter", {"valueQuantity": viable}))
    if fact.get("aphe"):
        enhancement = codes.answer("arterial_phase_hyperenhancement", fact["aphe"])
        parts.append(component("arterial_phase_hyperenhancement", {"valueCodeableConcept": enhancement}))
    if fact.get("site"):
        built["bodySite"] = codes.body_site(fact["site"])
    return {**built, "component": parts}


def adverse_event(fact: Fact) -> Fact:
    """An adverse event with its grade, relation and outcome."""
    built = {**observation("adverse_event", fact), "valueString": fact["name"]}
    parts = [
        component(code, {kind: fact[name]})
        for code, name, kind in (
            ("ctcae_grade", "grade", "valueInteger"),
            ("treatment_related", "related", "valueBoolean"),
            ("resolved", "resolved", "valueBoolean"),
        )
        if name in fact
    ]
    return {**built, "component": parts} if parts else built
