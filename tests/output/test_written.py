"""What is written for a patient, before any server has it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from adapter.errors import AdapterError
from adapter.guideline.model import Assessment, Criterion, Due, Finding, Staging
from adapter.output.checked import checked
from adapter.output.comparison import same
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.statements import citation
from adapter.output.wordbook import Texts
from adapter.output.write_set import patient_bundle
from adapter.values import Truth

BASE = "https://hcc-conversion.org/fhir"
SITE = WriteSite(BASE, "0.1.0", "2024")
AT = "2024-05-01T10:00:00+00:00"
VIOLATION = Finding(
    code="interval.tki",
    outcome="violation",
    kind="issue",
    severity="critical",
    statements=("C24-16",),
    criteria=(
        Criterion(
            code="tki-3-days",
            status=Truth.NOT_MET,
            value=Decimal(2),
            unit="d",
            threshold=">= 3 d",
            at="2024-04-29",
            evidence=("MedicationStatement/m1",),
        ),
    ),
    due=Due(earliest="2024-05-02", preferred="2024-05-06"),
    evidence=("MedicationStatement/m1", "Procedure/op"),
    params={"days": 2, "minimum": 3, "operation": "2024-05-01", "last_permitted": "2024-04-28"},
)


def patient(*findings: Finding, phase: str = "awaiting-surgery", name: str = "Patient/p1") -> EvaluatedPatient:
    versions = {"MedicationStatement/m1": "4", "Procedure/op": None, "Condition/c1": "1"}
    assessment = Assessment(name, "2024-05-01T23:59:59+00:00", "2024", phase, Staging(), None, findings)
    return EvaluatedPatient(assessment, versions, "Condition/c1")


def written(*findings: Finding, site: WriteSite = SITE, lang: str = "en", at: str = AT, **more: Any) -> dict[str, Any]:
    """The resources of a patient's bundle by type; several of a type as a list."""
    bundle = patient_bundle(patient(*findings, **more), site, Texts(lang), at)
    found: dict[str, Any] = {"bundle": bundle, "DetectedIssue": []}
    for entry in bundle.get("entry", []):
        resource = entry["resource"]
        if resource["resourceType"] == "DetectedIssue":
            found["DetectedIssue"].append(resource)
        else:
            found[resource["resourceType"]] = resource
    return found


def test_the_bundle_is_a_transaction_of_puts_under_ids_that_are_always_the_same() -> None:
    bundle = written(VIOLATION)["bundle"]
    assert bundle["type"] == "transaction"
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == [
        "Device", "CarePlan", "DetectedIssue", "Provenance",
    ]  # fmt: skip
    for entry in bundle["entry"]:
        kind, identity = entry["resource"]["resourceType"], entry["resource"]["id"]
        assert entry["request"] == {"method": "PUT", "url": f"{kind}/{identity}"}
        assert entry["fullUrl"] == f"urn:uuid:{identity}"
    assert bundle == written(VIOLATION)["bundle"]


def test_another_patient_cause_or_code_is_another_resource_and_another_outcome_is_not() -> None:
    first = written(VIOLATION)
    others = [
        written(msgspec.structs.replace(VIOLATION, cause="sorafenib")),
        written(msgspec.structs.replace(VIOLATION, code="interval.tace")),
        written(VIOLATION, name="Patient/p2"),
    ]
    ids = {r["DetectedIssue"][0]["id"] for r in [first, *others]}
    assert len(ids) == 4
    short = msgspec.structs.replace(VIOLATION, outcome="short", severity="warning")
    assert written(short)["DetectedIssue"][0]["id"] == first["DetectedIssue"][0]["id"]
    assert written(VIOLATION, name="Patient/p2")["CarePlan"]["id"] != first["CarePlan"]["id"]


def test_the_time_of_the_run_stands_only_where_it_may() -> None:
    text = json.dumps(written(VIOLATION)["bundle"])
    assert text.count(AT) == 3
    assert "23:59:59" not in text


@pytest.mark.parametrize("note", ["ongoing", "must-stop-by: 2024-04-28"])
def test_a_drug_that_is_still_taken_leaves_no_date_of_the_run(note: str) -> None:
    days = []
    for day in ("29", "30"):
        tested = msgspec.structs.replace(VIOLATION.criteria[0], at=f"2024-04-{day}", value=Decimal(day), notes=(note,))
        due = Due(earliest=f"2024-05-{day}", preferred=f"2024-06-{day}")
        params = {**VIOLATION.params, "days": int(day)}
        finding = msgspec.structs.replace(VIOLATION, criteria=(tested,), due=due, notes=(note,), params=params)
        days.append(written(finding)["bundle"])
    assert days[0] == days[1]
    assert "2024-04-28" in json.dumps(days[0])


def test_an_age_in_the_words_of_a_finding_is_not_written() -> None:
    finding = Finding(
        code="response.mrecist", outcome="CR", kind="recommendation", severity="info", statements=("C24-11",),
        criteria=(Criterion("age-18-75", Truth.MET, Decimal(61), "a", "18-75 a"),),
        params={"day": "2024-04-01", "age": 77, "sum": 12, "change": 3},
    )  # fmt: skip
    text = json.dumps(written(finding)["bundle"])
    assert "77" not in re.sub(r"[0-9a-f-]{36}", "", text)
    assert "61 a" not in text


def test_each_activity_and_issue_cites_its_statement_with_grade() -> None:
    found = written(VIOLATION)
    assert "C24-16" in found["CarePlan"]["activity"][0]["detail"]["description"]
    (issue,) = found["DetectedIssue"]
    reasons = {e["url"].rpartition("/")[2]: e for e in issue["extension"]}
    assert reasons["cpg-generatedFrom"]["valueCanonical"] == f"{BASE}/PlanDefinition/interval-tki|2024"
    assert "recommendation C, evidence level 3" in reasons["cpg-rationale"]["valueMarkdown"]
    assert issue["reference"] == "urn:prepare:PREPARE-2024CN846"
    assert citation("C21-12").endswith("recommendation strong, evidence low quality")
    assert citation("C24-fig1a").count("recommendation") == 0
    assert citation("X-1") == "X-1"


def test_provenance_names_versions_twice_and_sources_once() -> None:
    entities = {e["what"]["reference"]: e["what"] for e in written(VIOLATION)["Provenance"]["entity"]}
    assert set(entities) == {"MedicationStatement/m1/_history/4", "Procedure/op", "Condition/c1/_history/1"}
    stated = entities["MedicationStatement/m1/_history/4"]
    assert stated["identifier"]["value"] == "MedicationStatement/m1/_history/4"
    assert "identifier" not in entities["Procedure/op"]


@pytest.mark.parametrize(("severity", "expected"), [("critical", "high"), ("warning", "moderate"), ("info", "low")])
def test_severity_is_said_in_the_words_of_fhir(severity: str, expected: str) -> None:
    (issue,) = written(msgspec.structs.replace(VIOLATION, severity=severity))["DetectedIssue"]
    assert issue["severity"] == expected


def test_a_preliminary_result_makes_a_preliminary_issue() -> None:
    (issue,) = written(msgspec.structs.replace(VIOLATION, preliminary=True))["DetectedIssue"]
    assert issue["status"] == "preliminary"


@pytest.mark.parametrize("phase", ["no-hcc", "deceased"])
def test_without_disease_or_person_nothing_is_written(phase: str) -> None:
    assert written(phase=phase)["bundle"] == {"resourceType": "Bundle", "type": "transaction"}


def test_the_option_makes_the_plan_active() -> None:
    plan = written(VIOLATION, site=msgspec.structs.replace(SITE, plan_active=True))["CarePlan"]
    assert (plan["status"], plan["intent"]) == ("active", "plan")


def test_assessments_without_dates_are_no_activities() -> None:
    fact = Finding(code="regimen.current", outcome="recommended", kind="assessment", severity="info", statements=())
    assert "activity" not in written(fact)["CarePlan"]


def test_everything_is_written_in_chinese_too() -> None:
    plan = written(VIOLATION, lang="zh")["CarePlan"]
    assert plan["title"] == "肝细胞癌转化治疗路径"
    assert "推荐强度" in plan["activity"][0]["detail"]["description"]


def test_a_narrative_is_safe_whatever_the_words_hold() -> None:
    odd = msgspec.structs.replace(VIOLATION, cause="<script>&\x00")
    (issue,) = written(odd)["DetectedIssue"]
    assert "<script" not in issue["text"]["div"]


def test_what_is_not_fhir_is_never_written() -> None:
    with pytest.raises(AdapterError, match="DetectedIssue"):
        checked({"resourceType": "DetectedIssue", "severity": "high"})
    with pytest.raises(AdapterError):
        checked({"resourceType": "Nonsense"})


def test_comparison_ignores_what_servers_change_and_sees_what_matters() -> None:
    (issue,) = written(VIOLATION)["DetectedIssue"]
    at_server = json.loads(json.dumps(issue))
    at_server["meta"] = {"versionId": "3", "lastUpdated": AT}
    at_server["identifiedDateTime"] = "2020-01-01"
    at_server["evidence"][0]["detail"].reverse()
    at_server["evidence"][0]["detail"][0]["reference"] = (
        f"https://x.org/fhir/{issue['evidence'][0]['detail'][1]['reference']}"
    )
    at_server["author"].pop("display")
    at_server["text"]["div"] = "<div>other</div>"
    assert same(issue, at_server, "https://x.org/fhir")
    assert not same(issue, {**at_server, "severity": "low"}, "https://x.org/fhir")
    assert not same(issue, {**at_server, "mitigation": [{"action": {"text": "x"}}]}, "https://x.org/fhir")
    trace = written(VIOLATION)["Provenance"]
    plain = '"reference": "MedicationStatement/m1'
    stripped = json.loads(json.dumps(trace).replace(f"{plain}/_history/4", plain))
    assert stripped != trace
    assert same(trace, stripped)
    newer = json.loads(json.dumps(trace).replace("m1/_history/4", "m1/_history/5"))
    assert not same(trace, newer)
