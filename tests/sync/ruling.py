"""A small evaluation with real consequences: bevacizumab less than 28 days before a planned operation is an issue."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adapter.fhir.reading import PatientRead
from adapter.guideline.model import Assessment, Criterion, Due, Finding, Staging
from adapter.output.evaluated import EvaluatedPatient
from adapter.values import Truth

AS_OF = "2024-05-01T23:59:59+00:00"
LEAST = 28
Json = dict[str, Any]


def evaluate(read: PatientRead) -> EvaluatedPatient:
    """The assessment of what was read; depends on nothing else."""
    held = [r.json() for r in read.resources]
    condition = next((r for r in held if r["resourceType"] == "Condition" and _confirmed(r)), None)
    person = held[0]
    phase = "deceased" if person.get("deceasedBoolean") else "awaiting-surgery" if condition else "no-hcc"
    findings = _findings(held) if phase == "awaiting-surgery" else ()
    return EvaluatedPatient(
        Assessment(f"Patient/{read.id}", AS_OF, "2024", phase, Staging(), None, tuple(findings)),
        read.versions,
        f"Condition/{condition['id']}" if condition else None,
    )


def _findings(held: list[Json]) -> list[Finding]:
    doses = [r for r in held if r["resourceType"] == "MedicationAdministration" and r["status"] == "completed"]
    plans = [r for r in held if r["resourceType"] == "Procedure" and r["status"] == "preparation"]
    found = [_review(held)]
    if doses and plans:
        found.append(_interval(max(doses, key=lambda d: str(d["effectiveDateTime"])), plans[0]))
    return found


def _interval(dose: Json, plan: Json) -> Finding:
    last, operation = date.fromisoformat(dose["effectiveDateTime"]), date.fromisoformat(plan["performedDateTime"])
    days = (operation - last).days
    evidence = (f"MedicationAdministration/{dose['id']}", f"Procedure/{plan['id']}")
    tested = Criterion(
        code="bevacizumab-28-days",
        status=Truth.MET if days >= LEAST else Truth.NOT_MET,
        value=Decimal(days),
        unit="d",
        threshold=">= 28 d",
        at=last.isoformat(),
        evidence=evidence,
    )
    broken = days < LEAST
    return Finding(
        code="interval.bevacizumab",
        outcome="violation" if broken else "ok",
        kind="issue" if broken else "assessment",
        severity="critical" if broken else "info",
        statements=("C24-16",),
        criteria=(tested,),
        due=Due(earliest=(last + timedelta(LEAST)).isoformat(), preferred=(last + timedelta(42)).isoformat()),
        evidence=evidence,
        params={
            "days": days,
            "minimum": LEAST,
            "operation": operation.isoformat(),
            "last_permitted": (operation - timedelta(LEAST)).isoformat(),
        },
    )


def _review(held: list[Json]) -> Finding:
    marker = tuple(f"Observation/{r['id']}" for r in held if r["resourceType"] == "Observation")
    return Finding(
        code="mdt.review",
        outcome="due",
        kind="recommendation",
        severity="info",
        statements=("C24-18",),
        due=Due(earliest="2024-05-02", preferred="2024-05-02"),
        evidence=marker,
    )


def _confirmed(condition: Json) -> bool:
    codings = condition.get("verificationStatus", {}).get("coding", [])
    return not codings or codings[0]["code"] == "confirmed"
