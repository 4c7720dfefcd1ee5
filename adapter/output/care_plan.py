"""The CarePlan: what the pathway proposes next for one patient, each activity with its statement and dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapter.guideline.model import Finding
from adapter.output.checked import checked
from adapter.output.device import device_reference
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names, code_system, pathway_canonical, rule_canonical
from adapter.output.lasting import sentence
from adapter.output.narrative import narrative
from adapter.output.pathway import Remark, Step, steps
from adapter.output.references import References
from adapter.output.statements import citation
from adapter.output.wordbook import Texts

CATEGORY = {"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}
STATUS_SYSTEM = "activity-status"
TITLES = {"en": "HCC conversion therapy pathway", "zh": "肝细胞癌转化治疗路径"}
PHASES = {"en": "Phase: {}", "zh": "阶段：{}"}
SOURCES = {"en": "Source: {}.", "zh": "依据：{}。"}


def care_plan(
    patient: EvaluatedPatient, site: WriteSite, texts: Texts, references: References, at: str
) -> dict[str, Any]:
    """The patient's CarePlan; `at` (instant) becomes `created` when the plan is new."""
    assessment = patient.assessment
    names = Names(site, assessment.patient)
    title, phase = TITLES[texts.language], PHASES[texts.language].format(texts.phase(assessment.phase))
    activities = [_activity(step, site, texts) for step in steps(assessment)]
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


def own_status(detail: Mapping[str, Any], site: WriteSite) -> str | None:
    """The status that we gave an activity, None when its reason is not ours."""
    system = code_system(site.canonical_base, STATUS_SYSTEM)
    for coding in detail.get("statusReason", {}).get("coding", []):
        if coding.get("system") == system:
            return str(coding.get("code"))
    return None


def _activity(step: Step, site: WriteSite, texts: Texts) -> dict[str, Any]:
    base = site.canonical_base
    rule = rule_canonical(base, step.rule, site.edition) if step.rule else pathway_canonical(base, site.edition)
    reason = {"system": code_system(base, STATUS_SYSTEM), "code": step.status}
    detail: dict[str, Any] = {
        "kind": "ServiceRequest",
        "instantiatesCanonical": [rule],
        "code": {
            "coding": [{"system": code_system(base, "finding"), "code": step.key}],
            "text": texts.activity(step.code),
        },
        "status": step.status,
        "statusReason": {"coding": [reason], "text": texts.fragment(f"by-record-{step.status}")},
        "description": _described(step, texts),
    }
    if step.start or step.end:
        detail["scheduledPeriod"] = {"start": step.start, "end": step.end}
    return {"detail": detail}


def _described(step: Step, texts: Texts) -> str:
    said: list[str] = []
    for one in step.said:
        told, text = " ".join(said), _told(one, texts)
        spare = isinstance(one, Remark) and one.spare and all(day in told for day in one.values.values())
        if text not in told and not spare:
            said.append(text)
    if step.statements:
        cited = "; ".join(citation(key, texts.language) for key in step.statements)
        said.append(SOURCES[texts.language].format(cited))
    return " ".join(said)


def _told(one: Finding | Remark, texts: Texts) -> str:
    if isinstance(one, Finding):
        return sentence(one, texts)
    words = {name: texts.word(value) for name, value in one.values.items()}
    return texts.fragment(one.key).format(**words)
