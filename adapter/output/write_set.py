"""Everything that is written for one patient, and the transaction that writes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from adapter.output.care_plan import care_plan
from adapter.output.detected_issue import detected_issue, issue_evidence, issues
from adapter.output.device import device
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names
from adapter.output.pathway import steps
from adapter.output.provenance import provenance
from adapter.output.references import References
from adapter.output.wordbook import Texts

Json = dict[str, Any]
WITHOUT_PLAN = frozenset({"no-hcc", "deceased"})


class WriteSet(msgspec.Struct, frozen=True):
    """The resources of one patient under their own ids; `plan_sources` and `issue_sources` are what each rests on."""

    device: Json
    plan: Json | None
    issues: tuple[Json, ...]
    plan_sources: frozenset[str]
    issue_sources: Mapping[str, frozenset[str]]


class Change(msgspec.Struct, frozen=True):
    """One write: under its id with `version` as If-Match where it exists, else made.

    `existing`: the server has it. `condition`: the query of a conditional create, None when the id makes it unique.
    `assigned`: the server chooses the id.
    """

    resource: Json
    existing: bool = False
    version: str | None = None
    assigned: bool = False
    condition: str | None = None


def write_set(patient: EvaluatedPatient, site: WriteSite, texts: Texts, at: str) -> WriteSet:
    """What is to be written for a patient; `at` is the instant of the run."""
    references = References(site)
    with_plan = patient.assessment.phase not in WITHOUT_PLAN
    found = [(f, detected_issue(f, patient, site, texts, references, at)) for f in issues(patient)]
    unique = {resource["id"]: (finding, resource) for finding, resource in found}
    return WriteSet(
        device=device(site),
        plan=care_plan(patient, site, texts, references, at) if with_plan else None,
        issues=tuple(resource for _, resource in unique.values()),
        plan_sources=_plan_sources(patient) if with_plan else frozenset(),
        issue_sources={identity: frozenset(issue_evidence(f)) for identity, (f, _) in unique.items()},
    )


def pathway_provenance(
    patient: EvaluatedPatient, site: WriteSite, targets: Sequence[str], sources: Iterable[str], at: str
) -> Json:
    """The Provenance of the plan and the open issues."""
    versions = {source: patient.versions.get(source) for source in sources}
    identity = Names(site, patient.assessment.patient).id("provenance")
    return provenance(identity, targets, versions, site, References(site), at)


def patient_bundle(patient: EvaluatedPatient, site: WriteSite, texts: Texts, at: str) -> Json:
    """The transaction that a sync would send to a server that holds nothing of ours yet."""
    wanted = write_set(patient, site, texts, at)
    results = [r for r in (wanted.plan, *wanted.issues) if r is not None]
    if not results:
        return transaction_bundle([])
    sources = wanted.plan_sources.union(*wanted.issue_sources.values())
    traced = pathway_provenance(patient, site, [f"{r['resourceType']}/{r['id']}" for r in results], sources, at)
    return transaction_bundle([Change(r) for r in (wanted.device, *results, traced)])


def transaction_bundle(changes: Sequence[Change], base: str = "") -> Json:
    """A transaction of these writes; references to resources whose id the server chooses become urn:uuid."""
    fresh = {f"{c.resource['resourceType']}/{c.resource['id']}": _urn(c.resource["id"]) for c in changes if c.assigned}
    entries = [_entry(change, base, fresh) for change in changes]
    return {"resourceType": "Bundle", "type": "transaction", **({"entry": entries} if entries else {})}


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The JSON with references replaced by other names of the same resources."""
    if isinstance(value, dict):
        result = {key: renamed(member, names) for key, member in value.items()}
        if isinstance(result.get("reference"), str):
            result["reference"] = names.get(result["reference"], result["reference"])
        return result
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


def _entry(change: Change, base: str, fresh: Mapping[str, str]) -> Json:
    resource = renamed(change.resource, fresh)
    kind, identity = resource["resourceType"], resource["id"]
    request = {"method": "PUT", "url": f"{kind}/{identity}"}
    if change.existing and change.version:
        request["ifMatch"] = f'W/"{change.version}"'
    if change.assigned:
        request = {"method": "POST", "url": kind, **({"ifNoneExist": change.condition} if change.condition else {})}
        resource = {key: value for key, value in resource.items() if key != "id"}
    full_url = _urn(identity) if _is_uuid(identity) else f"{base}/{kind}/{identity}"
    return {"fullUrl": full_url, "resource": resource, "request": request}


def _plan_sources(patient: EvaluatedPatient) -> frozenset[str]:
    evidence = {source for step in steps(patient.assessment) for source in step.sources}
    return frozenset(evidence | ({patient.hcc_condition} if patient.hcc_condition else set()))


def _urn(identity: str) -> str:
    return f"urn:uuid:{identity}"


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
