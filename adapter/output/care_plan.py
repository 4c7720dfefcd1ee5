"""The CarePlan: what the pathway proposes next for one patient, each activity with its statement and dates."""

from __future__ import annotations

from typing import Any

from adapter.guideline.model import Finding
from adapter.output.checked import checked
from adapter.output.device import device_reference
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names, code_system, pathway_canonical, rule_canonical
from adapter.output.lasting import citations, lasting_due, sentence
from adapter.output.narrative import narrative
from adapter.output.references import References
from adapter.output.wordbook import Texts

CATEGORY = {"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}
TITLES = {"en": "HCC conversion therapy pathway", "zh": "肝细胞癌转化治疗路径"}
PHASES = {"en": "Phase: {}", "zh": "阶段：{}"}
PREFERRED = {"en": "Preferred from {}.", "zh": "优选自 {} 起。"}
SOURCES = {"en": "Source: {}.", "zh": "依据：{}。"}


def planned(finding: Finding) -> bool:
    """Whether the finding is an activity of the plan: a recommendation, or anything with a date that lasts."""
    return finding.kind == "recommendation" or lasting_due(finding) is not None


def activity_key(finding: Finding) -> str:
    """What tells the activities of one plan apart: the finding's code and cause."""
    return " ".join(finding.code.split()) + (f":{' '.join(finding.cause.split())}" if finding.cause else "")


def care_plan(
    patient: EvaluatedPatient, site: WriteSite, texts: Texts, references: References, at: str
) -> dict[str, Any]:
    """The patient's CarePlan; `at` (instant) becomes `created` when the plan is new."""
    assessment = patient.assessment
    names = Names(site, assessment.patient)
    findings = [finding for finding in assessment.findings if planned(finding)]
    title, phase = TITLES[texts.language], PHASES[texts.language].format(texts.phase(assessment.phase))
    activities = [_activity(finding, site, texts) for finding in findings]
    lines = [f"{a['detail']['code']['text']}: {a['detail']['description']}" for a in activities]
    return checked(
        {
            "resourceType": "CarePlan",
            "id": names.id("care-plan"),
            "text": narrative(f"{title}. {phase}", lines),
            "identifier": names.identifiers("care-plan"),
            "instantiatesCanonical": [pathway_canonical(site.canonical_base, site.edition)],
            "status": "active" if site.plan_active else "draft",
            "intent": "plan" if site.plan_active else "proposal",
            "category": [{"coding": [CATEGORY], "text": title}],
            "title": title,
            "description": phase,
            "subject": references.to(assessment.patient),
            "created": at,
            "author": device_reference(site),
            "addresses": references.all([patient.hcc_condition] if patient.hcc_condition else []),
            "activity": activities,
        }
    )


def _activity(finding: Finding, site: WriteSite, texts: Texts) -> dict[str, Any]:
    due = lasting_due(finding)
    said = [sentence(finding, texts)]
    if due is not None and due.preferred and due.preferred != due.earliest:
        said.append(PREFERRED[texts.language].format(due.preferred))
    if finding.statements:
        said.append(SOURCES[texts.language].format(citations(finding, texts)))
    coding = {"system": code_system(site.canonical_base, "finding"), "code": activity_key(finding)}
    detail = {
        "kind": "ServiceRequest",
        "instantiatesCanonical": [rule_canonical(site.canonical_base, finding.code, site.edition)],
        "code": {"coding": [coding], "text": texts.activity(finding.code)},
        "status": "not-started",
        "description": " ".join(said),
    }
    if due is not None:
        detail["scheduledPeriod"] = {"start": due.earliest or due.preferred, "end": due.latest}
    return {"detail": detail}
