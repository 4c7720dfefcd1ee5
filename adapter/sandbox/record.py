"""The patient, the diagnoses and the other documented facts of the synthetic patients."""

from __future__ import annotations

import base64
from datetime import timedelta

from adapter.sandbox.chart import CLINICIAN, HOSPITAL, Chart, frame, quantity
from adapter.sandbox.codings import answer, concept, named, own, system
from adapter.sandbox.definitions import AdverseEvent, Board, ConditionFact, ObservationFact, Pathology
from adapter.sandbox.refusal import JsonObject

_YEAR = 365.25
_SINCE_BIRTHDAY = 100
_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def surroundings() -> list[JsonObject]:
    """The hospital and the clinician that the records of all patients name."""
    hospital = {**frame("Organization", HOSPITAL, "hospital"), "active": True, "name": "Synthetic Hospital"}
    clinician = frame("Practitioner", CLINICIAN, "clinician")
    name = [{"family": "Synthetic-Clinician", "given": ["Test"]}]
    return [hospital, {**clinician, "active": True, "name": name}]


def patient(chart: Chart) -> list[JsonObject]:
    """The Patient with both names, and body height and weight."""
    definition, name = chart.definition, chart.definition.name
    born = chart.as_of - timedelta(days=round(definition.age * _YEAR) + _SINCE_BIRTHDAY)
    who: JsonObject = {
        **frame("Patient", definition.key, definition.story),
        "identifier": [{"system": system("patient"), "value": definition.key}],
        "active": True,
        "name": [
            _name(name.family, name.given, f"{name.given} {name.family}", "ABC"),
            _name(name.family_zh, name.given_zh, name.family_zh + name.given_zh, "IDE"),
        ],
        "gender": definition.sex,
        "birthDate": born.isoformat(),
        "managingOrganization": {"reference": f"Organization/{HOSPITAL}"},
    }
    first = min(_first_days(chart))
    body = [("body_height", definition.height, "cm"), ("body_weight", definition.weight, "kg")]
    return [who] + [
        chart.observation(key, first, "vital-signs", concept(key), valueQuantity=quantity(value, unit))
        for key, value, unit in body
    ]


def condition(chart: Chart, fact: ConditionFact) -> list[JsonObject]:
    """A confirmed Condition; resolved when it has an end."""
    code = concept(fact.code)
    body: JsonObject = {
        **frame("Condition", chart.id(fact.code, fact.day), f"{code['text']} since {chart.day(fact.day)}"),
        "clinicalStatus": {"coding": [named("resolved" if fact.end is not None else fact.clinical)]},
        "verificationStatus": {"coding": [named("confirmed")]},
        "category": [{"coding": [named("problem")]}],
        "code": code,
        "subject": chart.patient,
        "onsetDateTime": chart.day(fact.day),
        "recordedDate": chart.day(fact.day),
    }
    return [body if fact.end is None else {**body, "abatementDateTime": chart.day(fact.end)}]


def observation(chart: Chart, fact: ObservationFact) -> list[JsonObject]:
    """Any other Observation."""
    value: JsonObject
    if isinstance(fact.value, bool):
        value = {"valueBoolean": fact.value}
    elif isinstance(fact.value, str):
        value = {"valueCodeableConcept": answer(fact.value)}
    elif fact.unit is None:
        value = {"valueInteger": int(fact.value)}
    else:
        value = {"valueQuantity": quantity(fact.value, fact.unit)}
    return [chart.observation(fact.code, fact.day, "exam", concept(fact.code), **value)]


def adverse_event(chart: Chart, fact: AdverseEvent) -> list[JsonObject]:
    """An adverse event as an Observation of the project's own shape."""
    parts = [
        {"code": own("ctcae_grade"), "valueInteger": fact.grade},
        {"code": own("treatment_related"), "valueBoolean": fact.related},
    ]
    what = f"event-{fact.name.replace(' ', '-')}"
    event = chart.observation(what, fact.day, "exam", concept("adverse_event"), valueString=fact.name, component=parts)
    del event["effectiveDateTime"]
    return [{**event, "effectivePeriod": chart.period(fact.day, fact.end)}]


def pathology(chart: Chart, fact: Pathology) -> list[JsonObject]:
    """What the pathologist found in the resected specimen."""
    percent, new = concept("percent_viable_tumor"), concept("new_lesion_in_specimen")
    return [
        chart.observation(
            "percent_viable_tumor", fact.day, "laboratory", percent, valueQuantity=quantity(fact.viable, "%")
        ),
        chart.observation("new_lesion_in_specimen", fact.day, "laboratory", new, valueBoolean=fact.new_lesion),
        chart.answered("residual_tumor", fact.day, fact.margin, "laboratory"),
    ]


def board(chart: Chart, fact: Board) -> list[JsonObject]:
    """The note of a tumour board."""
    text = base64.b64encode(f"Synthetic note. {fact.conclusion}".encode()).decode()
    return [
        {
            **frame("DocumentReference", chart.id("board", fact.day), f"tumour board, {chart.day(fact.day)}"),
            "status": "current",
            "type": concept("mdt_conference"),
            "subject": chart.patient,
            "date": f"{chart.day(fact.day)}T16:00:00+08:00",
            "author": [{"reference": f"Practitioner/{CLINICIAN}"}],
            "content": [{"attachment": {"contentType": "text/plain;charset=utf-8", "data": text}}],
        }
    ]


def _name(family: str, given: str, text: str, representation: str) -> JsonObject:
    name = {"use": "official", "text": text, "family": family, "given": [given]}
    return {"extension": [{"url": _REPRESENTATION, "valueCode": representation}], **name}


def _first_days(chart: Chart) -> list[int]:
    diagnoses = [
        fact.condition.day for fact in chart.definition.facts if fact.condition and fact.condition.code == "hcc"
    ]
    return diagnoses or [0]
