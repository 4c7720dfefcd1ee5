"""One synthetic patient's chart: ids, days and the frame of every resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from adapter.sandbox.codings import answer, concept, named, system
from adapter.sandbox.definitions import Definition
from adapter.sandbox.refusal import JsonObject

HOSPITAL = "syn-hospital"
CLINICIAN = "syn-clinician"


@dataclass(frozen=True)
class Chart:
    """The frame in which facts become resources; `as_of` is day 0."""

    definition: Definition
    as_of: date

    def day(self, number: int) -> str:
        """A day as a FHIR date."""
        return (self.as_of + timedelta(days=number)).isoformat()

    def period(self, start: int, end: int | None) -> JsonObject:
        """A Period, open when it has no end."""
        return {"start": self.day(start), **({} if end is None else {"end": self.day(end)})}

    def id(self, what: str, number: int) -> str:
        """The id of what was recorded on a day: the same whatever the day of the bundles is."""
        sign = "m" if number < 0 else "p"
        return self.short_id(f"{what}-{sign}{abs(number)}")

    def short_id(self, what: str) -> str:
        """The id of something of this patient; it begins with the number of the patient, so that it stays short."""
        number = "-".join(self.definition.key.split("-")[:2])
        return f"{number}-{what.replace('_', '-')}"

    @property
    def patient(self) -> JsonObject:
        """The reference to the patient."""
        return {"reference": f"Patient/{self.definition.key}"}

    def lesion(self, name: str) -> str:
        """The id of the BodyStructure of a lesion."""
        return self.short_id(f"lesion-{name.lower()}")

    def observation(self, what: str, day: int, category: str, code: JsonObject, **members: object) -> JsonObject:
        """An Observation of the patient on a day."""
        return {
            **frame("Observation", self.id(what, day), f"{code['text']}, {self.day(day)}"),
            "status": "final",
            "category": [{"coding": [named(category)]}],
            "code": code,
            "subject": self.patient,
            "effectiveDateTime": self.day(day),
            "performer": [{"reference": f"Practitioner/{CLINICIAN}"}],
            **members,
        }

    def answered(self, code: str, day: int, word: str, category: str = "exam") -> JsonObject:
        """An Observation whose value is a word of the vocabulary."""
        return self.observation(code, day, category, concept(code), valueCodeableConcept=answer(word))


def frame(kind: str, identity: str, what: str) -> JsonObject:
    """The beginning of every resource: id, the mark of test data, and a narrative that says it is synthetic."""
    words = what.replace("&", "&amp;").replace("<", "&lt;")
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml">Synthetic test data: {words}</div>'
    text = {"status": "generated", "div": narrative}
    return {"resourceType": kind, "id": identity, "meta": {"tag": [named("test")]}, "text": text}


def quantity(value: float, unit: str, shown: str | None = None) -> JsonObject:
    """A Quantity in a UCUM unit; a whole number is written without decimals."""
    number = int(value) if value == int(value) else value
    return {"value": number, "unit": shown or unit, "system": system("ucum"), "code": unit}
