"""Refusal: what the sandbox server answers when it does not do what was asked."""

from __future__ import annotations

from typing import Any

from adapter.errors import AdapterError

JsonObject = dict[str, Any]


class Refusal(AdapterError):
    """An HTTP status with the issue type and the reason that the OperationOutcome tells."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


def outcome(severity: str, code: str, reason: str) -> JsonObject:
    """An OperationOutcome with one issue; `code` is of the FHIR issue-type code system."""
    issue = {"severity": severity, "code": code, "diagnostics": reason}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def outcome_of(refusal: Refusal) -> JsonObject:
    """The OperationOutcome of a refusal."""
    return outcome("error", refusal.code, str(refusal))
