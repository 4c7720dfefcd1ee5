"""R4 search over a list of resources, literally."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]
Parameters = Sequence[tuple[str, str]]

DATES = (
    "effectiveDateTime", "effectivePeriod", "performedDateTime", "performedPeriod", "occurrenceDateTime", "authoredOn",
    "onsetDateTime", "recordedDate", "date", "started", "start", "issued", "whenHandedOver", "created",
)  # fmt: skip
DATE_NAMES = (
    "date", "effective-time", "authored", "authoredon", "occurrence", "onset-date", "recorded-date", "started",
    "effective", "whenhandedover",
)  # fmt: skip
TOKEN_NAMES = {
    "category": "category",
    "status": "status",
    "intent": "intent",
    "clinical-status": "clinicalStatus",
    "verification-status": "verificationStatus",
    "type": "type",
    "service-type": "serviceType",
    "specialty": "specialty",
}


def search(resources: Iterable[Json], kind: str, params: Parameters) -> list[Json]:
    """What matches; parameters that are not known, or have a modifier, are ignored, as R4 lets a server do."""
    found = [one for one in resources if one["resourceType"] == kind]
    for name, value in params:
        found = [one for one in found if _matches(one, name, value)]
    if dict(params).get("_sort", "").startswith("-"):
        found.sort(key=lambda one: _day(one) or "", reverse=True)
    return found


def _matches(one: Json, name: str, value: str) -> bool:
    if name in ("patient", "subject"):
        return _patient(one) in {part if "/" in part else f"Patient/{part}" for part in value.split(",")}
    if name == "_id":
        return one["id"] in value.split(",")
    if name in ("code", "combo-code"):
        parts = one.get("component", []) if name == "combo-code" else []
        coded = [one.get("code"), one.get("medicationCodeableConcept"), *(part.get("code") for part in parts)]
        return _token_matches([token for code in coded for token in _tokens(code)], value)
    if name in TOKEN_NAMES:
        return _token_matches(_tokens(one.get(TOKEN_NAMES[name])), value)
    return name not in DATE_NAMES or _date_matches(_day(one), value)


def _patient(one: Json) -> str | None:
    named = one.get("subject") or one.get("patient") or {}
    actors = [part.get("actor", {}).get("reference", "") for part in one.get("participant", [])]
    found: str | None = named.get("reference") or next((actor for actor in actors if "Patient/" in actor), None)
    return found


def _tokens(value: Any) -> list[tuple[str | None, str | None]]:
    if isinstance(value, list):
        return [token for part in value for token in _tokens(part)]
    if isinstance(value, dict) and "coding" in value:
        return [(coding.get("system"), coding.get("code")) for coding in value["coding"]]
    return [(None, value)] if isinstance(value, str) else []


def _token_matches(have: Sequence[tuple[str | None, str | None]], wanted: str) -> bool:
    for one in wanted.split(","):
        system, bar, code = one.rpartition("|")
        for had_system, had_code in have:
            if (not code or had_code == code) and (not bar or not system or had_system in (system, None)):
                return True
    return False


def _day(one: Json) -> str | None:
    for key in DATES:
        value = one.get(key)
        if isinstance(value, dict):
            value = value.get("start") or value.get("end")
        if isinstance(value, str):
            return value[:10]
    return None


def _date_matches(day: str | None, wanted: str) -> bool:
    prefix, text = (wanted[:2], wanted[2:]) if wanted[:2].isalpha() else ("eq", wanted)
    if day is None:
        return False
    length = min(len(day), len(text), 10)
    had, asked = day[:length], text[:length]
    answers = {"eq": had == asked, "ge": had >= asked, "gt": had > asked, "le": had <= asked, "lt": had < asked}
    return answers.get(prefix, True)
