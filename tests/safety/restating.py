"""The same record told differently: other ids, order, copies, units, dates, and elements that nobody knows."""

from __future__ import annotations

import copy
import csv
import functools
import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tests.cases.codes import LOCAL, UCUM
from tests.safety.patients import Json, Patient, concept_of, resources, subject_of

Undo = Callable[[str], str]
Restated = tuple[Patient, Undo]
YEARS = 28
TABLES = Path(__file__).parent.parent.parent / "mappings"
MARK = re.compile(r"n[0-9a-f]{14}n")
COPY = "-told-twice"
DAY = re.compile(r"(?<!\d)(\d{4})(?=-\d{2}(?!\d))")
YEAR = re.compile(r"\b(?:19|20)\d{2}\b")
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T.*)?)?)?")
NO_DATES = {"system", "code", "display", "id", "reference", "version", "versionId", "url", "fullUrl", "unit"}
# Bilirubin is compared in the reported unit (guideline.md 2), whose bounds 34 and 51 umol/L are not 2 and 3 mg/dL.
BILIRUBIN_BOUNDS = ((Decimal("33.5"), Decimal("34.7")), (Decimal("50.5"), Decimal("51.8")))


def same(text: str) -> str:
    """Nothing to undo."""
    return text


def walk(value: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """A copy in which `change(key, leaf)` replaced every leaf."""
    if isinstance(value, dict):
        return {name: walk(inner, change, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [walk(inner, change, key) for inner in value]
    return change(key, value)


def renamed(patient: Patient) -> Restated:
    """Every id another one, in another alphabetical order; references follow."""
    names = {(r.get("resourceType", ""), r["id"]) for r in resources(patient) if isinstance(r.get("id"), str)}
    marks = {one: f"n{hashlib.sha256('/'.join(one).encode()).hexdigest()[:14]}n" for one in names}
    old = {mark: name for (_, name), mark in marks.items()}
    place = re.compile(r"\b([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]+)")

    def new(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        return f"{kind}/{marks.get((kind, name), name)}"

    changed = patient.with_entries(walk(patient.entries, lambda _, leaf: place.sub(new, leaf) if _text(leaf) else leaf))
    for resource in resources(changed):
        one = (resource.get("resourceType", ""), resource.get("id"))
        if one in marks:
            resource["id"] = marks[one]
    return changed, lambda text: MARK.sub(lambda match: old[match[0]], text)


def _text(leaf: Any) -> bool:
    return isinstance(leaf, str) and "/" in leaf


def reordered(patient: Patient) -> Restated:
    """The entries in another order; what has no id is named by its place, which moves."""
    if patient.bundle.get("type") == "history":
        return patient, same
    order = list(range(len(patient.entries)))
    random.Random(patient.name).shuffle(order)

    def old(match: re.Match[str]) -> str:
        return f"Bundle.entry[{order[int(match[1])]}]"

    changed = patient.with_entries([patient.entries[index] for index in order])
    return changed, lambda text: re.sub(r"Bundle\.entry\[(\d+)\]", old, text)


def duplicated(patient: Patient) -> Restated:
    """Every resource that has an id a second time."""
    if patient.bundle.get("type") == "history":
        return patient, same
    again = [e for e in patient.entries if isinstance(e.get("resource"), dict) and e["resource"].get("id")]
    return patient.with_entries([*patient.entries, *copy.deepcopy(again)]), same


def told_twice(patient: Patient) -> Restated:
    """Every fact a second time under another id, as two interfaces deliver it."""
    again = [{"resource": {**copy.deepcopy(r), "id": r["id"] + COPY}} for r in resources(patient) if _can_be_told(r)]
    return patient.with_entries([*patient.entries, *again]), lambda text: text.replace(COPY, "")


def _can_be_told(resource: Json) -> bool:
    """Not what only its id or day tells apart: a lesion without identity, a stage of ALPPS, something of a month."""
    if resource.get("resourceType") in ("Patient", "Medication", "BodyStructure", "Bundle") or not resource.get("id"):
        return False
    if any(
        DATE.fullmatch(str(resource.get(name, ""))) and len(resource[name]) < len("2024-05-01") for name in resource
    ):
        return False
    about = subject_of(resource)
    named = [concept_of(part.get("code")) for part in resource.get("component") or ()]
    return about != "alpps" and (about != "tumor_size" or "lesion_id" in named or "focus" in resource)


@functools.cache
def factors() -> dict[str, dict[str, Decimal]]:
    """For each concept its units and their factors to the canonical one."""
    found: dict[str, dict[str, Decimal]] = {}
    with (TABLES / "units.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if row["unit"] not in ("", "1") and not row["unit"].startswith("{") and "/" not in row["factor"]:
                found.setdefault(row["concept"], {})[row["unit"]] = Decimal(row["factor"])
    return {concept: units for concept, units in found.items() if len(units) > 1}


def converted(patient: Patient) -> Restated:
    """Every value that another unit can state exactly, in that unit."""
    changed = patient.copied()
    for resource in resources(changed):
        if resource.get("resourceType") != "Observation":
            continue
        _convert(resource, subject_of(resource), resource.get("referenceRange") or [])
        for part in resource.get("component") or ():
            _convert(part, concept_of(part.get("code")), part.get("referenceRange") or [])
    return changed, same


def _convert(holder: Json, concept: str | None, ranges: list[Json]) -> None:
    quantity = holder.get("valueQuantity")
    if concept not in factors() or not isinstance(quantity, dict):
        return
    every = [quantity, *(limit[end] for limit in ranges for end in ("low", "high") if end in limit)]
    units = factors()[concept]
    for target in sorted(units):
        stated = [_stated(one, concept, units, target) for one in every]
        if target != quantity.get("code") and all(stated):
            for one, new in zip(every, stated, strict=True):
                one.update(new or {})
            return


def _stated(quantity: Json, concept: str, units: dict[str, Decimal], target: str) -> Json | None:
    """The quantity in another unit, None where no short decimal is exactly the same amount."""
    unit = quantity.get("code")
    if quantity.get("system") != UCUM or unit not in units:
        return None
    try:
        amount = Decimal(str(quantity.get("value"))) * units[unit]
    except InvalidOperation:
        return None
    value = amount / units[target]
    if value * units[target] != amount or len(value.normalize().as_tuple().digits) > 12:
        return None
    if concept == "bilirubin_total" and any(low <= amount <= high for low, high in BILIRUBIN_BOUNDS):
        return None
    return {"value": float(value), "unit": target, "code": target}


def shifted(patient: Patient) -> Restated:
    """All dates and as-of 28 years later, when every weekday and leap day falls as before."""

    def later(key: str, leaf: Any) -> Any:
        if not isinstance(leaf, str) or key in NO_DATES or key == "valueString":
            return leaf
        if DATE.fullmatch(leaf):
            return f"{int(leaf[:4]) + YEARS}{leaf[4:]}"
        return YEAR.sub(lambda match: str(int(match[0]) + YEARS), leaf) if key == "onsetString" else leaf

    def earlier(text: str) -> str:
        return DAY.sub(lambda match: str(int(match[1]) - YEARS), text)

    bundle = walk(patient.bundle, later)
    as_of = f"{int(patient.as_of[:4]) + YEARS}{patient.as_of[4:]}"
    return replace(patient, bundle=bundle, as_of=as_of), earlier


def embellished(patient: Patient) -> Restated:
    """Elements and extensions that nobody knows, none of which changes a meaning."""
    changed = patient.copied()
    unknown = {"url": "http://example.org/fhir/StructureDefinition/colour", "valueString": "2024-01-01"}
    for resource in resources(changed):
        resource["extension"] = [*(resource.get("extension") or ()), unknown]
        resource["madeUpElement"] = {"coding": [{"system": LOCAL, "code": "hcc"}], "value": 7}
        resource["text"] = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">PD</div>'}
        for name in ("code", "valueQuantity"):
            if isinstance(resource.get(name), dict):
                resource[name]["extension"] = [unknown]
                resource[name]["madeUpElement"] = "x"
    return changed, same


WAYS: dict[str, Callable[[Patient], Restated]] = {
    "renamed": renamed,
    "reordered": reordered,
    "duplicated": duplicated,
    "told twice": told_twice,
    "converted": converted,
    "shifted": shifted,
    "embellished": embellished,
}


def undone(assessments: list[Json], undo: Undo) -> list[Json]:
    """Assessments in the words of the record as it was."""
    told: list[Json] = json.loads(undo(json.dumps(assessments, ensure_ascii=False)))
    return told
