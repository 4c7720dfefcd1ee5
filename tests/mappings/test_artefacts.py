"""The tables as FHIR resources are valid, complete and the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapter.terminology import LOCAL, Terminology, load_terminology
from adapter.terminology.artefacts import artefacts
from tests.servers.validator import Validator

BASE = "https://hospital.example/fhir"
README = Path(__file__).resolve().parents[2] / "README.md"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return load_terminology(canonical_base=BASE)


@pytest.fixture(scope="module")
def resources(terminology: Terminology) -> list[Json]:
    bundle = artefacts(terminology, BASE + "/", "1.2.3")
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert all(entry["fullUrl"] == entry["resource"]["url"] for entry in bundle["entry"])
    return [entry["resource"] for entry in bundle["entry"]]


def targets(resources: list[Json], system: str, code: str) -> list[Json]:
    (concept_map,) = (r for r in resources if r["resourceType"] == "ConceptMap")
    (group,) = (g for g in concept_map["group"] if g["source"] == system)
    (element,) = (e for e in group["element"] if e["code"] == code)
    return list(element["target"])


def test_the_bundle_passes_the_reference_validator(terminology: Terminology, hapi_validator: Validator) -> None:
    assert hapi_validator([artefacts(terminology, BASE, "1.2.3")]) == []


def test_a_group_gives_one_value_set_with_its_concepts_and_their_codes(
    terminology: Terminology, resources: list[Json]
) -> None:
    sets = {r["id"]: r for r in resources if r["resourceType"] == "ValueSet"}
    assert len(sets) == len(terminology.group_names) > 20
    included = {i["system"]: {c["code"] for c in i["concept"]} for i in sets["gi-bleeding"]["compose"]["include"]}
    assert included[f"{BASE}/CodeSystem/concept"] == {"gastrointestinal_hemorrhage", "variceal_bleeding"}
    assert len(included) > 1


def test_every_code_that_records_are_read_by_is_mapped_to_what_translation_says(
    terminology: Terminology, resources: list[Json]
) -> None:
    (concept_map,) = (r for r in resources if r["resourceType"] == "ConceptMap")
    checked = 0
    for group in concept_map["group"]:
        assert group["target"] == terminology.local_system
        for element in group["element"]:
            found = terminology.translate([(group["source"], element["code"])])
            decided = [t for t in element["target"] if t["equivalence"] in ("equivalent", "wider")]
            assert [t["code"] for t in decided] == ([found.concept] if found.concept else [])
            assert all(t["comment"] for t in element["target"] if t["equivalence"] == "narrower")
            checked += 1
    assert checked > 400


def test_what_does_not_decide_and_what_holds_by_prefix_says_so(resources: list[Json]) -> None:
    (general,) = targets(resources, "http://snomed.info/sct", "16736007") or [{}]
    assert general["equivalence"] == "narrower" and "decides nothing alone" in general["comment"]
    (prefix,) = targets(resources, "http://hl7.org/fhir/sid/icd-10-cm", "C22.0")
    assert prefix["code"] == "hcc" and "by-prefix" in prefix["comment"]


def test_a_class_of_codes_that_a_concept_map_cannot_hold_is_told_in_its_description_and_in_the_readme(
    terminology: Terminology, resources: list[Json]
) -> None:
    (concept_map,) = (r for r in resources if r["resourceType"] == "ConceptMap")
    readme = " ".join(README.read_text(encoding="utf-8").split())
    assert terminology.systems.classes
    for system, prefix, excepted, concept in terminology.systems.classes:
        assert terminology.translate([(system, f"{prefix}99")]).concept == concept
        said = f"Codes of {system} that begin with {prefix} but not {', '.join(sorted(excepted))} are {concept}."
        assert said in concept_map["description"]
        assert (
            f"`{system}` | `{prefix}` but not {', '.join(f'`{code}`' for code in sorted(excepted))} | `{concept}`"
            in readme
        )


def test_the_own_code_system_names_every_concept_once_in_both_languages(
    terminology: Terminology, resources: list[Json]
) -> None:
    (system,) = (r for r in resources if r["resourceType"] == "CodeSystem")
    codes = [concept["code"] for concept in system["concept"]]
    assert len(codes) == len(set(codes)) == system["count"]
    assert set(terminology.concepts) | {"vp3", "IIIa", "refractory"} <= set(codes)
    alt = next(concept for concept in system["concept"] if concept["code"] == "alt")
    assert alt["designation"] == [{"language": "zh-CN", "value": "丙氨酸氨基转移酶"}]


def test_an_overlay_is_exported_too_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "concepts.csv").write_text("concept,system,code\nalt,http://hospital.example/lab,ALT-1\n")
    one, other = (artefacts(load_terminology(tmp_path), BASE, "1") for _ in range(2))
    assert json.dumps(one) == json.dumps(other)
    (target,) = targets([e["resource"] for e in one["entry"]], "http://hospital.example/lab", "ALT-1")
    assert (target["code"], target["equivalence"]) == ("alt", "equivalent")
    assert LOCAL not in json.dumps(one).split('"')
