"""A ward of one server: patients put on it, results read back, syncs run against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from adapter.fhir.client import FhirClient
from adapter.fhir.transport import Patience
from adapter.output.evaluated import WriteSite
from adapter.output.wordbook import Texts
from adapter.state import open_state
from adapter.sync import SyncReport, sync_once
from tests.sync.ruling import evaluate

Json = dict[str, Any]
BASE = "https://hcc-conversion.org/fhir"
HCC = ("http://snomed.info/sct", "109841003")
FHIR = {"Content-Type": "application/fhir+json"}
SITE = WriteSite(canonical_base=BASE, software="0.1.0", edition="2024")


class Ward:
    """One FHIR server and one state database; `prefix` keeps its patients apart from those of other tests."""

    def __init__(self, base: str, folder: Path, prefix: str = "") -> None:
        self.base, self.folder, self.prefix = base, folder, prefix
        self.state_url = f"sqlite:///{folder / 'state.db'}"

    def admit(self, *, last_dose: str = "2024-04-10", operation: str = "2024-05-01", name: str = "p1") -> str:
        """A patient with HCC, one dose of bevacizumab and a planned operation; returns the id."""
        person = self.prefix + name
        subject = {"reference": f"Patient/{person}"}
        code = {"coding": [{"system": HCC[0], "code": HCC[1]}]}
        self.put({"resourceType": "Patient", "id": person, "active": True})
        self.put({"resourceType": "Condition", "id": f"{person}-c", "subject": subject, "code": code})
        self.put(self.dose(person, last_dose))
        self.put(self.operation(person, operation))
        marker = {"system": "http://loinc.org", "code": "1834-1"}
        observed = {"resourceType": "Observation", "id": f"{person}-o", "status": "final", "subject": subject}
        self.put({**observed, "code": {"coding": [marker]}, "effectiveDateTime": "2024-04-01"})
        return person

    def dose(self, person: str, day: str, status: str = "completed") -> Json:
        """The patient's dose of bevacizumab."""
        subject = {"reference": f"Patient/{person}"}
        medication = {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01FG01"}]}
        held = {"resourceType": "MedicationAdministration", "id": f"{person}-m", "status": status, "subject": subject}
        return {**held, "medicationCodeableConcept": medication, "effectiveDateTime": day}

    def operation(self, person: str, day: str) -> Json:
        """The patient's planned hepatectomy."""
        subject = {"reference": f"Patient/{person}"}
        held = {"resourceType": "Procedure", "id": f"{person}-op", "status": "preparation", "subject": subject}
        return {**held, "code": {"text": "hepatectomy"}, "performedDateTime": day}

    def put(self, resource: Json) -> Json:
        """Put a resource on the server."""
        url = f"{self.base}/{resource['resourceType']}/{resource['id']}"
        answer = requests.put(url, json=resource, headers=FHIR, timeout=30)
        assert answer.ok, answer.text
        return dict(answer.json()) if answer.content else {}

    def delete(self, reference: str) -> None:
        """Delete a resource."""
        answer = requests.delete(f"{self.base}/{reference}", timeout=30)
        assert answer.ok, answer.text

    def client(self, **more: Any) -> FhirClient:
        """A client that does not wait."""
        return FhirClient(self.base, patience=Patience(retries=1, first=0.01), **more)

    def sync(self, *patients: str, **more: Any) -> SyncReport:
        """One run over these patients, or over all that concern us."""
        client = self.client()
        settings = {"site": SITE, "texts": Texts("en"), "hcc_codings": [HCC], "patients": patients, **more}
        with open_state(settings.pop("state_url", self.state_url)) as state:
            return sync_once(
                client, settings.pop("target", client), state, settings.pop("evaluate", evaluate), **settings
            )

    def ours(self, person: str) -> dict[str, list[Json]]:
        """Our results for a patient, by type."""
        reference = f"Patient/{person}"
        plans = self.found("CarePlan", subject=reference)
        issues = self.found("DetectedIssue", patient=reference)
        targets = [f"{r['resourceType']}/{r['id']}" for r in [*plans, *issues]]
        traces = {p["id"]: p for target in targets for p in self.found("Provenance", target=target)}
        return {"CarePlan": plans, "DetectedIssue": issues, "Provenance": list(traces.values())}

    def versions(self, person: str) -> dict[str, str]:
        """The version of each of our results."""
        held = self.ours(person)
        return {f"{kind}/{r['id']}": r["meta"]["versionId"] for kind, found in held.items() for r in found}

    def found(self, kind: str, **asked: str) -> list[Json]:
        """What a search finds (one page is enough here)."""
        headers = {"Cache-Control": "no-cache"}
        answer = requests.get(f"{self.base}/{kind}", params={**asked, "_count": "100"}, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]
