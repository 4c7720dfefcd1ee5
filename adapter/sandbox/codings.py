"""The codes of the synthetic patients, from the project's mappings and the sandbox's own vocabulary."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

from adapter.errors import TableError
from adapter.sandbox.refusal import JsonObject
from adapter.terminology import Terminology, load_terminology


def concept(key: str) -> JsonObject:
    """A CodeableConcept with the preferred coding of a concept. Raises TableError when the mappings do not have it."""
    url, code, display = _preferred(key)
    return {"coding": [_coding(url, code, display)], "text": display or key.replace("_", " ")}


def own(code: str) -> JsonObject:
    """A CodeableConcept with a code of the project's own code system."""
    return {"coding": [_coding(_terminology().local_system, code, None)], "text": code.replace("_", " ")}


def answer(word: str) -> JsonObject:
    """A CodeableConcept for a word of a definition. Raises TableError when vocabulary.yaml does not have it."""
    words = table("vocabulary.yaml")
    if word in words["concepts"]:
        return concept(words["concepts"][word])
    if word in words["own"]:
        return own(word)
    coding = named(word)
    return {"coding": [coding], "text": coding["display"]}


def named(word: str) -> JsonObject:
    """The Coding that vocabulary.yaml gives a word."""
    codes = table("vocabulary.yaml")["codes"]
    if word not in codes:
        raise TableError(f"sandbox/vocabulary.yaml: the word '{word}' is missing; add it under codes")
    name, code, display = codes[word]
    return _coding(system(name), code, display)


def system(name: str) -> str:
    """The URL of a code or identifier system of vocabulary.yaml."""
    return str(table("vocabulary.yaml")["systems"][name])


def scan(modality: str) -> str:
    """The concept of the scan of a modality, `ct` or `mri`."""
    return str(table("vocabulary.yaml")["scans"][modality])


@cache
def table(name: str) -> dict[str, Any]:
    """A YAML file of this room."""
    found: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return found


@cache
def _terminology() -> Terminology:
    return load_terminology()


@cache
def _preferred(key: str) -> tuple[str, str, str]:
    terminology = _terminology()
    if key not in terminology.concepts:
        raise TableError(f"sandbox: the concept '{key}' is not in the mappings; correct the definition that names it")
    if key in table("vocabulary.yaml")["own_concepts"]:
        return terminology.local_system, key, terminology.concept_name(key, "en")
    return terminology.preferred_coding(key)


def _coding(url: str, code: str, display: str | None) -> JsonObject:
    coding: JsonObject = {"system": url, "code": code}
    return {**coding, "display": display} if display else coding
