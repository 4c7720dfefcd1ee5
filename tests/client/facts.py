"""Patients as FHIR resources, in the codes that the dictionary of facts names."""

from __future__ import annotations

import itertools
import json
import uuid
from pathlib import Path
from typing import Any

from tests.client.search import Json

LOCAL = "https://hcc-conversion.org/fhir/CodeSystem/concept"
LOINC, SCT, ATC = "http://loinc.org", "http://snomed.info/sct", "http://www.whocc.no/atc"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
EXAMPLES = Path(__file__).parents[1] / "examples"
DRUGS = {
    "camrelizumab": "L01FF14", "bevacizumab": "L01FG01", "lenvatinib": "L01EX08", "entecavir": "J05AF10",
}  # fmt: skip
PROCEDURES = {"hepatectomy": (SCT, "71273005"), "tace": (LOCAL, "tace"), "haic": (SCT, "720379009")}
LABS = {
    "alt": ("1742-6", "U/L"), "ast": ("1920-8", "U/L"), "bilirubin": ("14631-6", "umol/L"),
    "albumin": ("1751-7", "g/L"), "inr": ("6301-6", "{INR}"),
    "afp": ("1834-1", "ng/mL"), "hbv_dna": ("42595-9", "[IU]/mL"),
}  # fmt: skip
POS, NEG = "10828004", "260385009"
MRECIST = {"CR": "C4870", "PR": "C18058", "SD": "C18213", "PD": "C35571"}
_numbers = itertools.count(1)


def new_patient() -> str:
    """A patient id that nobody used before: overrides of one test never reach another."""
    return "cl" + uuid.uuid4().hex[:12]


def concept(system: str, code: str, **more: Any) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **more}]}


def quantity(value: float, unit: str) -> Json:
    """A Quantity in a unit of UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


class Facts:
    """One patient's record; every method adds resources to it."""

    def __init__(self, patient: str | None = None) -> None:
        self.id = patient or new_patient()
        self.resources: list[Json] = [
            {"resourceType": "Patient", "id": self.id, "birthDate": "1966-03-01", "gender": "male"}
        ]

    def of(self, kind: str) -> list[Json]:
        """The resources of one type."""
        return [one for one in self.resources if one["resourceType"] == kind]

    def add(self, kind: str, **members: Any) -> Json:
        """Any resource about the patient."""
        name = f"{kind[:2].lower()}{next(_numbers)}-{self.id[-6:]}"
        added = {"resourceType": kind, "id": name, "subject": {"reference": f"Patient/{self.id}"}, **members}
        self.resources.append(added)
        return added

    def condition(self, code: str = "109841003", onset: str = "2023-11-20") -> Json:
        """A diagnosis, by default the HCC."""
        states = {
            "clinicalStatus": concept(CLINICAL, "active"),
            "verificationStatus": concept(VERIFICATION, "confirmed"),
        }
        return self.add("Condition", code=concept(SCT, code), onsetDateTime=onset, **states)

    def obs(self, system: str, code: str, on: str, **value: Any) -> Json:
        """An observation with whatever value."""
        return self.add("Observation", status="final", code=concept(system, code), effectiveDateTime=on, **value)

    def lab(self, name: str, on: str, value: float, high: float | None = None) -> Json:
        """A laboratory value, with its upper limit of normal."""
        code, unit = LABS[name]
        more = {"referenceRange": [{"high": quantity(high, unit)}]} if high else {}
        category = [concept(CATEGORY, "laboratory")]
        return self.obs(LOINC, code, on, valueQuantity=quantity(value, unit), category=category, **more)

    def screening(self, on: str = "2023-11-25", hbsag: str = NEG) -> None:
        """The three viral markers."""
        for code, value in (("5196-1", hbsag), ("13952-7", NEG), ("13955-0", NEG)):
            category = [concept(CATEGORY, "laboratory")]
            self.obs(LOINC, code, on, valueCodeableConcept=concept(SCT, value), category=category)

    def local(self, key: str, on: str, word: str) -> Json:
        """A local concept with a local value."""
        return self.obs(LOCAL, key, on, valueCodeableConcept=concept(LOCAL, word))

    def liver(
        self, on: str = "2024-04-25", bilirubin: float = 12, albumin: float = 42, inr: float = 1.0,
        ascites: str | None = "none",
    ) -> None:  # fmt: skip
        """What Child-Pugh is made of."""
        self.lab("bilirubin", on, bilirubin, high=21)
        self.lab("albumin", on, albumin)
        self.lab("inr", on, inr)
        if ascites:
            self.local("ascites_grade", on, ascites)
        self.obs(LOCAL, "hepatic_encephalopathy_grade", on, valueInteger=0)

    def enzymes(self, on: str = "2024-04-25") -> None:
        """Normal transaminases."""
        self.lab("alt", on, 30, high=40)
        self.lab("ast", on, 30, high=40)

    def imaging(self, on: str, mm: float, viable: float | None = None, vp: str | None = "vp0") -> None:
        """One target lesion and the vessels."""
        parts: dict[str, Json] = {
            "viable_diameter": {"valueQuantity": quantity(mm if viable is None else viable, "mm")},
            "lesion_role": {"valueCodeableConcept": concept(LOCAL, "target")},
            "lesion_id": {"valueString": "L1"},
            "arterial_phase_hyperenhancement": {"valueCodeableConcept": concept(SCT, "52101004")},
            "imaging_modality": {"valueCodeableConcept": concept(LOCAL, "mri")},
        }
        size = {"code": concept(LOINC, "33728-7"), "valueQuantity": quantity(mm, "mm")}
        others = [{"code": concept(LOCAL, key), **value} for key, value in parts.items()]
        self.obs(LOINC, "21889-1", on, component=[size, *others])
        self.obs(LOCAL, "tumor_number", on, valueInteger=1)
        if vp:
            self.local("pvtt_vp_class", on, vp)
        self.local("hepatic_vein_invasion_class", on, "vv0")
        self.obs(SCT, "399608002", on, valueCodeableConcept=concept(SCT, "261985008"))

    def response(self, on: str, word: str) -> Json:
        """A judgement of the radiologist."""
        return self.obs(LOCAL, "response_mrecist", on, valueCodeableConcept=concept(NCIT, MRECIST[word]))

    def dose(self, drug: str, *days: str) -> Json:
        """Doses that were given; returns the last."""
        given = concept(ATC, DRUGS[drug], display=drug)
        for day in days:
            self.add(
                "MedicationAdministration", status="completed", effectiveDateTime=day, medicationCodeableConcept=given
            )
        return self.resources[-1]

    def taken(self, drug: str, status: str, **period: str) -> Json:
        """A drug that the patient takes by himself."""
        told = concept(ATC, DRUGS[drug], display=drug)
        return self.add("MedicationStatement", status=status, effectivePeriod=period, medicationCodeableConcept=told)

    def order(self, key: str, on: str) -> Json:
        """A procedure that is ordered for a day."""
        told = {"status": "active", "intent": "order", "authoredOn": "2024-04-20", "occurrenceDateTime": on}
        return self.add("ServiceRequest", code=concept(*PROCEDURES[key]), **told)

    def bundle(self) -> Json:
        """The whole record."""
        place = "http://example.org/fhir"
        entries = [{"fullUrl": f"{place}/{one['resourceType']}/{one['id']}", "resource": one} for one in self.resources]
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}

    def draft(self, kind: str, **members: Any) -> Json:
        """An order that is being written; it is no part of the record."""
        about = {"subject": {"reference": f"Patient/{self.id}"}, "authoredOn": "2024-05-01"}
        told = {"resourceType": kind, "id": f"draft{next(_numbers)}", "status": "draft", "intent": "order", **about}
        return {**told, **members}

    def draft_drug(self, drug: str, **members: Any) -> Json:
        """A prescription."""
        told = concept(ATC, DRUGS[drug], display=drug)
        return self.draft("MedicationRequest", medicationCodeableConcept=told, **members)

    def draft_procedure(self, key: str, **members: Any) -> Json:
        """An order for a procedure."""
        return self.draft("ServiceRequest", code=concept(*PROCEDURES[key]), **members)

    def draft_test(self) -> Json:
        """An order that no rule speaks about."""
        return self.draft("ServiceRequest", code=concept(LOINC, "2345-7", display="Glucose"))


def examples() -> dict[str, Facts]:
    """The committed examples by name, with a fresh patient id each."""
    found = {}
    for path in sorted(EXAMPLES.glob("*.json")):
        record = Facts()
        text = json.dumps(json.loads(path.read_text("utf-8"))["bundle"])
        bundle = json.loads(text.replace('"Patient/p1"', f'"Patient/{record.id}"'))
        held = [entry["resource"] for entry in bundle["entry"]]
        record.resources = [one for one in held if one["resourceType"] != "OperationOutcome"]
        for one in record.of("Patient"):
            one["id"] = record.id
        found[path.stem] = record
    assert found, f"no examples in {EXAMPLES}"
    return found
