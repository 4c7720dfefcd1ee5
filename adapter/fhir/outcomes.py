"""What a server's OperationOutcome says, without anything that may hold a patient's name or values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

GRAVE = frozenset({"warning", "error", "fatal"})
FAILED = frozenset({"error", "fatal"})
_CODE = re.compile(r"[a-z][a-z-]{1,40}")
_PLACE = re.compile(r"[A-Za-z0-9_.\[\]()]{1,120}")
_NUMBERED = re.compile(r"\b[A-Z]{2,10}-\d{3,6}\b")
_MOST = 3


def in_short(body: bytes) -> str:
    """Severity, code, place and the server's own error numbers of the first issues; "" for any other body."""
    try:
        outcome = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return "; ".join(_issue(issue) for issue, _ in zip(issues(outcome), range(_MOST), strict=False))


def issues(outcome: object) -> Iterator[Mapping[str, Any]]:
    """The issues of an OperationOutcome that are objects; none for anything else."""
    if isinstance(outcome, Mapping) and outcome.get("resourceType") == "OperationOutcome":
        found = outcome.get("issue")
        yield from (issue for issue in (found if isinstance(found, list) else []) if isinstance(issue, Mapping))


def grave(outcome: object) -> bool:
    """Whether a searchset entry says that the result may not be whole: anything above information."""
    severities = [issue.get("severity") for issue in issues(outcome)]
    return not severities or any(severity in GRAVE for severity in severities)


def refuses(outcome: object) -> bool:
    """Whether an OperationOutcome says that the search failed, not only that something may be missing."""
    return any(issue.get("severity") in FAILED for issue in issues(outcome))


def _issue(issue: Mapping[str, Any]) -> str:
    # Diagnostics and details.text often quote the resource, so only what cannot be prose is taken from them.
    words = [
        text for text in (issue.get("severity"), issue.get("code")) if isinstance(text, str) and _CODE.fullmatch(text)
    ]
    quoted = f"{issue.get('diagnostics')} {issue.get('details')}"
    words += list(dict.fromkeys(_NUMBERED.findall(quoted)))[:2]
    places = issue.get("expression") or issue.get("location")
    for place in places[:1] if isinstance(places, list) else []:
        if isinstance(place, str) and _PLACE.fullmatch(place):
            words.append(f"at {place}")
    return " ".join(words)
