"""The facts of a case as a FHIR R4 Bundle: `python -m tests.cases.facts FILE.yaml CASE-NAME` prints it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.cases import observations, records
from tests.cases.observations import Fact

MAIN_PATIENT = "p1"
SERVER = "http://example.org/fhir"
BUILDERS: dict[str, Callable[[Fact], Fact]] = {
    "patient": records.patient,
    "condition": records.condition,
    "lab": observations.laboratory_value,
    "observation": observations.clinical_finding,
    "lesion": observations.lesion,
    "adverse_event": observations.adverse_event,
    "dose": records.dose,
    "statement": records.statement,
    "request": records.request,
    "dispense": records.dispense,
    "procedure": records.procedure,
    "order": records.order,
    "appointment": records.appointment,
    "study": records.study,
    "report": records.report,
    "document": records.document,
}
GRADES = {"vp": "pvtt_vp_class", "vv": "hepatic_vein_invasion_class", "metastasis": "distant_metastasis_status"}
DRUG = {"drug", "on", "from", "to"}
MEMBERS: dict[str, set[str]] = {
    "patient": {"born", "sex", "deceased"},
    "condition": {"code", "onset", "abatement", "recorded", "clinical", "verification"},
    "lab": {"code", "on", "value", "unit", "high", "low", "interpretation", "text"},
    "observation": {"code", "on", "from", "to", "value", "quantity"},
    "lesion": {"on", "lesion", "role", "mm", "viable", "aphe", "modality", "site"},
    "adverse_event": {"name", "on", "from", "to", "grade", "related", "resolved"},
    "dose": DRUG,
    "statement": DRUG | {"asserted"},
    "request": DRUG | {"authored"},
    "dispense": {"drug", "on", "days"},
    "procedure": {"code", "on", "from", "to"},
    "order": {"code", "on", "authored"},
    "appointment": {"code", "on", "created"},
    "study": {"code", "on"},
    "report": {"code", "on"},
    "document": {"code", "on"},
}
LIVER = {"bilirubin": 12, "albumin": 42, "inr": 1.0, "ascites": "none", "encephalopathy": 0}
LIVER_CODES = {
    "bilirubin": ("lab", "bilirubin_total"),
    "albumin": ("lab", "albumin"),
    "inr": ("lab", "inr"),
    "ascites": ("observation", "ascites_grade"),
    "encephalopathy": ("observation", "hepatic_encephalopathy_grade"),
}


class CaseLoader(yaml.SafeLoader):
    """YAML in which `on` is a word and a date stays the text that was written."""


CaseLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag.rpartition(":")[2] not in ("timestamp", "bool")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CaseLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), list("tf"))


def read_cases(path: Path) -> dict[str, Any]:
    """One topic's file."""
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=CaseLoader)
    return loaded


def facts_of(topic: dict[str, Any], case: dict[str, Any]) -> list[Fact]:
    """A case's facts, those of the blocks that it names first."""
    blocks = topic.get("blocks") or {}
    return [fact for name in case.get("with", []) for fact in blocks[name]] + list(case.get("facts") or [])


def liver_parts(fact: Fact) -> Iterator[tuple[str, Fact]]:
    """The five Child-Pugh parts of one date."""
    unknown = set(fact) - set(LIVER) - {"on", "status"}
    if unknown:
        raise ValueError(f"liver: unknown members {sorted(unknown)}")
    for name, (kind, code) in LIVER_CODES.items():
        value = fact.get(name, LIVER[name])
        if value is not None:
            status = {"status": fact["status"]} if "status" in fact else {}
            yield kind, {"code": code, "on": fact["on"], "value": value, **status}


def imaging_parts(fact: Fact) -> Iterator[tuple[str, Fact]]:
    """The lesions and findings of one imaging date."""
    known = {"on", "lesions", "number", "modality", "status", *GRADES}
    if set(fact) - known:
        raise ValueError(f"imaging: unknown members {sorted(set(fact) - known)}")
    shared: Fact = {name: fact[name] for name in ("on", "status") if name in fact}
    modality = {"modality": fact["modality"]} if "modality" in fact else {}
    for name, measured in (fact.get("lesions") or {}).items():
        yield "lesion", {**shared, **modality, "lesion": name, **measured}
    if fact.get("number") is not None:
        yield "observation", {**shared, "code": "tumor_number", "value": fact["number"]}
    for name, code in GRADES.items():
        if fact.get(name) is not None:
            yield "observation", {**shared, "code": code, "value": fact[name]}


def single_facts(kind: str, fact: Fact) -> Iterator[tuple[str, Fact]]:
    """A fact as the single resources that it stands for."""
    if isinstance(fact.get("on"), list):
        for number, when in enumerate(fact["on"], start=1):
            name = {"id": f"{fact['id']}-{number}"} if "id" in fact else {}
            yield from single_facts(kind, {**fact, **name, "on": when})
    elif kind == "imaging":
        yield from imaging_parts(fact)
    elif kind == "liver":
        yield from liver_parts(fact)
    else:
        yield kind, fact


def with_subject(resource: Fact, patient: str) -> Fact:
    """The resource with the reference to its patient where its type has it."""
    reference = {"reference": f"Patient/{patient}"}
    if resource["resourceType"] == "Patient":
        return resource
    if resource["resourceType"] == "Appointment":
        return {**resource, "participant": [{"actor": reference, "status": "accepted"}]}
    return {**resource, "subject": reference}


def built_resource(kind: str, fact: Fact, number: int, patient: str) -> Fact:
    """One fact as one resource, the case's own members last."""
    if kind == "resource":
        return fact
    if kind not in BUILDERS:
        raise ValueError(f"{kind}: no such fact; known: {', '.join(sorted(BUILDERS))}, imaging, liver, resource")
    if set(fact) - MEMBERS[kind] - {"id", "status", "extra"}:
        raise ValueError(f"{kind}: unknown members {sorted(set(fact) - MEMBERS[kind])}")
    resource = with_subject(BUILDERS[kind](fact), patient)
    name = fact.get("id", MAIN_PATIENT if kind == "patient" else f"{kind[:2].replace('_', '-')}{number}")
    status = {"status": fact["status"]} if "status" in fact else {}
    members = {**resource, "id": name, **status, **(fact.get("extra") or {})}
    return {member: value for member, value in members.items() if value is not None}


def patient_of(facts: list[Fact]) -> str:
    """The id of the patient whom the case is about."""
    told = [fact["patient"].get("id", MAIN_PATIENT) for fact in facts if "patient" in fact]
    raw = [fact["resource"] for fact in facts if "resource" in fact]
    told += [r.get("id", MAIN_PATIENT) for r in raw if isinstance(r, dict) and r.get("resourceType") == "Patient"]
    return told[0] if told else MAIN_PATIENT


def bundle_of(facts: list[Fact]) -> Fact:
    """The collection Bundle of a list of facts; `fullUrl` beside a raw resource replaces the usual address."""
    patient = patient_of(facts)
    entries: list[Fact] = []
    for fact in facts:
        address = fact.get("fullUrl")
        ((kind, members),) = ((kind, members) for kind, members in fact.items() if kind != "fullUrl")
        for single, parts in single_facts(kind, members):
            resource = built_resource(single, parts, len(entries) + 1, patient)
            usual = f"{SERVER}/{resource.get('resourceType')}/{resource['id']}" if "id" in resource else None
            url = {"fullUrl": address or usual} if address or usual else {}
            entries.append({**url, "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def withheld(bundle: Fact, gap: Any) -> Fact:
    """The Bundle as a search of one type (or of all, `true`) that says that it did not give everything."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "incomplete"}]}
    searched = SERVER if gap is True else f"{SERVER}/{gap}?patient={MAIN_PATIENT}"
    entries = [*bundle["entry"], {"resource": outcome, "search": {"mode": "outcome"}}]
    return {**bundle, "type": "searchset", "link": [{"relation": "self", "url": searched}], "entry": entries}


def main(arguments: list[str]) -> int:
    """Print the Bundle of one case."""
    if len(arguments) != 2:
        print("usage: python -m tests.cases.facts FILE.yaml CASE-NAME", file=sys.stderr)
        return 2
    topic = read_cases(Path(arguments[0]))
    for case in topic["cases"]:
        if case["name"] == arguments[1]:
            print(json.dumps(bundle_of(facts_of(topic, case)), ensure_ascii=False, indent=1))
            return 0
    print(f"{arguments[0]}: no case is named {arguments[1]!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
