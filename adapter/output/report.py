"""The results as one readable document, for servers that take neither CarePlan nor DetectedIssue."""

from __future__ import annotations

import base64
from typing import Any

from adapter.output.care_plan import TITLES
from adapter.output.checked import checked
from adapter.output.comparison import content_hash
from adapter.output.device import device_reference
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.identity import Names
from adapter.output.narrative import narrative
from adapter.output.references import References
from adapter.output.wordbook import Texts
from adapter.output.write_set import WriteSet

DOCUMENT, MESSAGE = "DocumentReference", "Communication"
ISSUES = {"en": "Open issues", "zh": "未解决的问题"}
PLAN = {"en": "Proposed next steps", "zh": "建议的下一步"}
NONE = {"en": "none", "zh": "无"}


def report_text(wanted: WriteSet, texts: Texts) -> str:
    """Issues and proposed steps as plain text."""
    activities = (wanted.plan or {}).get("activity", [])
    steps = [f"{a['detail']['code']['text']}: {a['detail']['description']}" for a in activities]
    issues = [f"[{i['severity']}] {i['detail']}" for i in wanted.issues]
    lines = [TITLES[texts.language], (wanted.plan or {}).get("description", "")]
    for title, items in ((ISSUES, issues), (PLAN, steps)):
        lines += ["", f"{title[texts.language]}:", *(f"- {item}" for item in items or [NONE[texts.language]])]
    return "\n".join(lines)


def report(
    kind: str, wanted: WriteSet, patient: EvaluatedPatient, site: WriteSite, texts: Texts, at: str, *, replaceable: bool
) -> dict[str, Any]:
    """The report as a DocumentReference or Communication; one that cannot be replaced is named by its content too."""
    text = report_text(wanted, texts)
    names, references = Names(site, patient.assessment.patient), References(site)
    body = _document(text, site, at) if kind == DOCUMENT else _message(text, site, at)
    body["subject"] = references.to(patient.assessment.patient)
    key = ("report",) if replaceable else ("report", content_hash({"resourceType": kind, **body}))
    return checked(
        {
            "resourceType": kind,
            "id": names.id(*key),
            "text": narrative(TITLES[texts.language], [line for line in text.splitlines() if line]),
            "identifier": names.identifiers(*key),
            **body,
        }
    )


def _message(text: str, site: WriteSite, at: str) -> dict[str, Any]:
    payload = [{"contentString": text}]
    return {"status": "completed", "sent": at, "payload": payload, "sender": device_reference(site)}


def _document(text: str, site: WriteSite, at: str) -> dict[str, Any]:
    held = base64.b64encode(text.encode()).decode()
    return {
        "status": "current",
        "type": {"text": "HCC conversion therapy report"},
        "date": at,
        "author": [device_reference(site)],
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": held, "title": TITLES["en"]}}],
    }
