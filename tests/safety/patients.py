"""The patients that the safety properties are tried on: specification cases, examples and synthetic patients."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from adapter.pipeline import evaluate_bundle, evaluator
from adapter.sandbox.synthetic import synthetic_bundles
from tests.cases.facts import bundle_of, facts_of, read_cases

Json = dict[str, Any]
TESTS = Path(__file__).parent.parent
TOPICS = tuple(path.stem for path in sorted((TESTS / "cases").glob("*.yaml")))
# The day that the synthetic patients are made for, a week and a quarter later, and before most of their facts.
SYNTHETIC_DAYS = ("2024-05-01", "2024-05-08", "2024-08-01", "2024-01-15")
CODE_ELEMENTS = ("code", "medicationCodeableConcept", "procedureCode", "serviceType", "type")


@dataclass(frozen=True)
class Patient:
    """One input with everything that its evaluation depends on."""

    name: str
    bundle: Json
    as_of: str
    edition: str = "2024"
    complete: bool = False
    options: frozenset[str] = frozenset()
    zone: str = "UTC"

    def with_entries(self, entries: list[Json]) -> Patient:
        """The same patient with other entries."""
        return replace(self, bundle={**self.bundle, "entry": entries})

    def copied(self) -> Patient:
        """The same patient; changing the copy's bundle leaves this one alone."""
        return replace(self, bundle=json.loads(json.dumps(self.bundle)))

    @property
    def entries(self) -> list[Json]:
        """The entries of the Bundle."""
        found: list[Json] = self.bundle["entry"]
        return found


def assessed(patient: Patient) -> list[Json]:
    """The assessments of an input through the public door."""
    return evaluate_bundle(
        json.dumps(patient.bundle).encode(),
        as_of=patient.as_of,
        edition=patient.edition,
        complete=patient.complete,
        options=patient.options,
        time_zone=patient.zone,
    )


def of_case(name: str, case: Json, bundle: Json) -> Patient:
    """A case or an example as an input."""
    return Patient(
        name=name,
        bundle=bundle,
        as_of=str(case.get("as-of", case.get("asOf"))),
        edition=str(case.get("edition", "2024")),
        complete=bool(case.get("complete", False)),
        options=frozenset(case.get("options") or ()),
        zone=str(case.get("time-zone", "UTC")),
    )


@functools.cache
def patients_of(topic: str) -> tuple[Patient, ...]:
    """The patients of one topic of the specification cases."""
    content = read_cases(TESTS / "cases" / f"{topic}.yaml")
    found = (of_case(f"{topic}: {case['name']}", case, bundle_of(facts_of(content, case))) for case in content["cases"])
    return tuple(patient for patient in found if _alone(patient))


def _alone(patient: Patient) -> bool:
    """What is changed of one patient must not be looked for in another's assessment."""
    found = [entry.get("resource") for entry in patient.entries]
    given = [resource for resource in found if isinstance(resource, dict)]
    subjects = {str(resource["subject"]) for resource in given if "subject" in resource}
    return len(subjects) < 2 and sum(resource.get("resourceType") == "Patient" for resource in given) < 2


@functools.cache
def examples() -> tuple[Patient, ...]:
    """The patients of the acceptance examples."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((TESTS / "examples").glob("*.json"))]
    return tuple(of_case(f"example: {example['name']}", example, example["bundle"]) for example in found)


@functools.cache
def synthetic() -> tuple[Patient, ...]:
    """The synthetic patients, made for one day and evaluated at several."""
    bundles = synthetic_bundles(date.fromisoformat(SYNTHETIC_DAYS[0]))
    return tuple(Patient(f"{b['id']} at {day}", b, day) for day in SYNTHETIC_DAYS for b in bundles)


CORPORA = (*TOPICS, "examples", "synthetic")


def corpus(name: str) -> tuple[Patient, ...]:
    """One of CORPORA."""
    if name == "examples":
        return examples()
    return synthetic() if name == "synthetic" else patients_of(name)


@functools.cache
def meaning(system: str | None, code: str) -> str | None:
    """The concept of a code, None where no table knows it or it decides nothing."""
    return evaluator().terminology.translate([(system, code)]).concept


def is_concept(key: str) -> bool:
    """Whether a key is one of the dictionary's."""
    return key in evaluator().terminology.concepts


def concept_of(codeable: Any) -> str | None:
    """The concept key of a CodeableConcept, or its own code or text where no table knows it."""
    if isinstance(codeable, list):
        codeable = codeable[0] if codeable else None
    if not isinstance(codeable, dict):
        return None
    codings = [c for c in codeable.get("coding") or () if isinstance(c, dict) and c.get("code")]
    for coding in codings:
        known = meaning(coding.get("system"), str(coding["code"]))
        if known is not None:
            return known
    return str(codings[0]["code"]) if codings else codeable.get("text")


def subject_of(resource: Json) -> str | None:
    """What a resource is about: its concept, or the reference to its drug."""
    for element in CODE_ELEMENTS:
        if element in resource:
            return concept_of(resource[element])
    drug = resource.get("medicationReference")
    return str(drug.get("reference")) if isinstance(drug, dict) else None


def resources(patient: Patient) -> Iterator[Json]:
    """The resources of a Bundle's entries, those inside inner Bundles left alone."""
    for entry in patient.entries:
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry["resource"]
