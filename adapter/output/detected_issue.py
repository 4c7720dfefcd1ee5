"""The DetectedIssue: one open issue of one patient, and its closing."""

from __future__ import annotations

from typing import Any

from adapter.guideline.model import Finding
from adapter.output.checked import checked
from adapter.output.device import device_reference
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names, code_system, rule_canonical
from adapter.output.lasting import rationale, sentence
from adapter.output.narrative import narrative
from adapter.output.references import References, is_treatment
from adapter.output.statements import source_uri
from adapter.output.wordbook import Texts

CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
SEVERITIES = {"critical": "high", "warning": "moderate", "info": "low"}
NO_LONGER, RETRACTED = "no-longer-present", "source-retracted"
MITIGATIONS = {NO_LONGER: "No longer present", RETRACTED: "The source was taken back"}


def issues(patient: EvaluatedPatient) -> list[Finding]:
    """The findings that become DetectedIssues."""
    return [finding for finding in patient.assessment.findings if finding.kind == "issue"]


def issue_evidence(finding: Finding) -> list[str]:
    """Every reference that the finding rests on, once, in a fixed order."""
    return sorted({*finding.evidence, *(ref for criterion in finding.criteria for ref in criterion.evidence)})


def detected_issue(
    finding: Finding, patient: EvaluatedPatient, site: WriteSite, texts: Texts, references: References, at: str
) -> dict[str, Any]:
    """The DetectedIssue of a finding; `at` (instant) becomes `identifiedDateTime` when the issue is new."""
    names = Names(site, patient.assessment.patient)
    key = ("detected-issue", finding.code, finding.cause or "")
    said, reasons = sentence(finding, texts), rationale(finding, texts)
    evidence = issue_evidence(finding)
    coding = {"system": code_system(site.canonical_base, "finding"), "code": finding.code}
    return checked(
        {
            "resourceType": "DetectedIssue",
            "id": names.id(*key),
            "text": narrative(said, [line.removeprefix("- ") for line in reasons.splitlines()]),
            "extension": _extensions(finding, site, reasons),
            "identifier": names.identifiers(*key),
            "status": "preliminary" if finding.preliminary else "final",
            "code": {"coding": [coding], "text": _named(finding, texts)},
            "severity": SEVERITIES[finding.severity],
            "patient": references.to(patient.assessment.patient),
            "identifiedDateTime": at,
            "author": device_reference(site),
            "implicated": references.all(ref for ref in evidence if is_treatment(ref)),
            "evidence": [{"detail": references.all(evidence)}],
            "detail": said,
            "reference": source_uri(finding.statements),
        }
    )


def mitigation(reason: str, site: WriteSite, at: str) -> dict[str, Any]:
    """The closing of an issue by this software, which has no author because none of R4's kinds fits."""
    coding = {"system": code_system(site.canonical_base, "mitigation"), "code": reason, "display": MITIGATIONS[reason]}
    return {"action": {"coding": [coding], "text": MITIGATIONS[reason]}, "date": at}


def own_mitigation(entry: object, site: WriteSite) -> str | None:
    """The reason of a mitigation that this software added, None for any other."""
    if not isinstance(entry, dict) or "author" in entry:
        return None
    for coding in entry.get("action", {}).get("coding", []):
        if coding.get("system") == code_system(site.canonical_base, "mitigation"):
            return str(coding.get("code"))
    return None


def _extensions(finding: Finding, site: WriteSite, reasons: str) -> list[dict[str, Any]]:
    rule = rule_canonical(site.canonical_base, finding.code, site.edition)
    found: list[dict[str, Any]] = [{"url": f"{CPG}cpg-generatedFrom", "valueCanonical": rule}]
    return [*found, {"url": f"{CPG}cpg-rationale", "valueMarkdown": reasons}] if reasons else found


def _named(finding: Finding, texts: Texts) -> str:
    name = texts.activity(finding.code)
    return f"{name} ({texts.word(finding.cause)})" if finding.cause else name
