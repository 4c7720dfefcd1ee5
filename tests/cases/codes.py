"""Codings of the dictionary: which code a concept key is written with, and in which unit."""

from __future__ import annotations

import csv
import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCAL = "https://hcc-conversion.org/fhir/CodeSystem/concept"
UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
DICTIONARY_VARIABLE = "HCC_CASES_DICTIONARY"
TABLE = Path(__file__).parents[2] / "mappings" / "concepts.csv"

PRESENCE = {"present": (SNOMED, "52101004"), "absent": (SNOMED, "2667000")}
SEROLOGY = {"positive": (SNOMED, "10828004"), "negative": (SNOMED, "260385009")}
ANSWERS: dict[str, dict[str, tuple[str, str]]] = {
    "distant_metastasis_status": {"present": (SNOMED, "399409002"), "none": (SNOMED, "261985008")},
    "child_pugh_class": {"A": (SNOMED, "710065009"), "B": (SNOMED, "710066005"), "C": (SNOMED, "710067001")},
    "residual_tumor": {"R0": (SNOMED, "258254000"), "R1": (SNOMED, "278271003"), "R2": (SNOMED, "278272005")},
}
RESPONSES = {
    "CR": (NCIT, "C4870"),
    "PR": (NCIT, "C18058"),
    "SD": (NCIT, "C18213"),
    "PD": (NCIT, "C35571"),
    "NE": (NCIT, "C62222"),
}
STAGES = ("cnlc_stage", "bclc_stage")
PLAIN_INTEGERS = ("{score}", "{lesions}")


@dataclass(frozen=True)
class Row:
    """One line of the dictionary that may be written."""

    concept: str
    resource: str
    system: str
    code: str
    display: str
    units: tuple[str, ...]
    preferred: bool


class UnknownConcept(LookupError):
    """A case names a concept key that the dictionary does not hold."""


def units_of(text: str) -> tuple[str, ...]:
    """The units of a `ucum` column, without countries and remarks."""
    plain = (re.sub(r"\([A-Z][^)]*\)|\[1:1\]", "", part).strip() for part in text.split(" | "))
    return tuple(unit for unit in plain if unit)


@functools.cache
def rows() -> tuple[Row, ...]:
    """The dictionary's rows that have a code and decide something."""
    path = Path(os.environ.get(DICTIONARY_VARIABLE) or TABLE)
    with path.open(encoding="utf-8", newline="") as table:
        return tuple(
            Row(
                concept=line["concept"],
                resource=line["resource"],
                system=LOCAL if line["system"] == "LOCAL" else line["system"],
                code=line["code"],
                display=line["display"],
                units=units_of(line["ucum"]),
                preferred="PREFERRED" in line["note"],
            )
            for line in csv.DictReader(table)
            if line["code"] and line["decides"] == "yes"
        )


def rows_for(concept: str, resource: str) -> list[Row]:
    """A concept's rows for one resource type, the PREFERRED first and the local code last."""
    own = [row for row in rows() if row.concept == concept and resource in row.resource.split("/")]
    return sorted(own, key=lambda row: (row.system == LOCAL, not row.preferred))


def concept_coding(code: str | dict[str, Any], resource: str) -> dict[str, Any]:
    """A CodeableConcept for a concept key, or for a coding that the case spells out."""
    if isinstance(code, dict):
        return {"coding": [code]}
    found = rows_for(code, resource)
    if not found and any(row.concept == code for row in rows()):
        return {"coding": [{"system": LOCAL, "code": code}]}
    if not found:
        raise UnknownConcept(f"{code}: no row for {resource} in the dictionary")
    coding = {"system": found[0].system, "code": found[0].code}
    return {"coding": [{**coding, "display": found[0].display} if resource == "Medication" else coding]}


def units_for(concept: str | dict[str, Any]) -> tuple[str, ...]:
    """All units of a concept, those of the row that is written first."""
    if isinstance(concept, dict):
        return ()
    return tuple(dict.fromkeys(unit for row in rows_for(concept, "Observation") for unit in row.units))


def local(code: str) -> dict[str, Any]:
    """A CodeableConcept of the project's own code system."""
    return {"coding": [{"system": LOCAL, "code": code}]}


def answer(concept: str, word: str) -> dict[str, Any]:
    """The CodeableConcept of an answer in the coding that dictionary-local.md names for its question."""
    known = ANSWERS.get(concept, {}) | (RESPONSES if concept.startswith("response_") else {})
    choices: Iterable[dict[str, tuple[str, str]]] = (known, PRESENCE, SEROLOGY)
    for table in choices:
        if word in table:
            system, code = table[word]
            return {"coding": [{"system": system, "code": code}]}
    return local(word)


def body_site(site: str | dict[str, Any]) -> dict[str, Any]:
    """A body site by its short name, or as a spelled coding."""
    if isinstance(site, dict):
        return {"coding": [site]}
    for row in rows():
        if row.concept == f"body_site_{site}":
            return {"coding": [{"system": row.system, "code": row.code}]}
    raise UnknownConcept(f"body_site_{site}: not in the dictionary")
