"""What we would write laid over what the server holds, so that nothing that a person decided is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapter.output.care_plan import own_status
from adapter.output.checked import without_empty
from adapter.output.detected_issue import mitigation, own_mitigation
from adapter.output.evaluated import WriteSite
from adapter.output.identity import code_system, extension_url
from adapter.output.references import References, local_reference

Json = dict[str, Any]
ENDED = frozenset({"revoked", "completed", "entered-in-error"})
OURS = frozenset({"final", "preliminary"})
WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_FIRST = {"CarePlan": "created", "DetectedIssue": "identifiedDateTime"}
_CLOSED = "closed-by-adapter"
_STATE = frozenset({"status", "statusReason"})
_TIMED = frozenset({"scheduledTiming", "scheduledString"})


def merged(desired: Json, current: Json, site: WriteSite) -> Json | None:
    """The resource to hold on the server, under the id that it has there; None when a person closed it."""
    kind = desired["resourceType"]
    result = {**_without_meta(current), **desired, "id": current["id"]}
    if _FIRST.get(kind) in current:
        result[_FIRST[kind]] = current[_FIRST[kind]]
    for element in ("identifier", "extension", "instantiatesCanonical", "category"):
        if element in current or element in desired:
            result[element] = _joined(desired.get(element), _others(current, element, site))
    if kind == "CarePlan":
        return _plan(result, desired, current, site)
    return _issue(result, current, site) if kind == "DetectedIssue" else _full(result)


def closed_issue(current: Json, reason: str, site: WriteSite, references: References, at: str) -> Json:
    """The issue with our mitigation beside those of persons."""
    before = current.get("mitigation", [])
    closed = {**_without_meta(current), "mitigation": [*before, mitigation(reason, site, at)]}
    return _full(_with_gone(closed, references))


def revoked_plan(current: Json, reason: str, site: WriteSite, references: References) -> Json | None:
    """Our draft revoked, with a mark that says that the adapter did it; None when it is no draft any more."""
    if current.get("status") != "draft":
        return None
    mark = {"url": extension_url(site.canonical_base, _CLOSED), "valueCode": reason}
    revoked = {**_without_meta(current), "status": "revoked"}
    revoked["extension"] = [*_others(current, "extension", site), mark]
    return _full(_with_gone(revoked, references))


def withdrawn(result: Mapping[str, Any]) -> bool:
    """Whether a person took a result back."""
    return result.get("status") in WITHDRAWN


def ended_by_person(plan: Mapping[str, Any], site: WriteSite) -> bool:
    """Whether a plan is over and it was not the adapter that ended it."""
    return plan.get("status") in ENDED and not _closed_by_us(plan, site)


def _plan(result: Json, desired: Json, current: Json, site: WriteSite) -> Json | None:
    if ended_by_person(current, site):
        return None
    ours = current.get("status") == "draft" or _closed_by_us(current, site)
    if not ours:
        result["status"], result["intent"] = current.get("status"), current.get("intent")
    result["activity"] = _activities(desired.get("activity", []), current.get("activity", []), site)
    return _full(result)


def _issue(result: Json, current: Json, site: WriteSite) -> Json | None:
    if withdrawn(current):
        return None
    if current.get("status") not in OURS:
        result["status"] = current["status"]
    result["mitigation"] = [m for m in current.get("mitigation", []) if own_mitigation(m, site) is None]
    return _full(result)


def _activities(desired: list[Json], current: list[Json], site: WriteSite) -> list[Json]:
    """Ours brought up to date with a person's status and remarks kept; what a person added or worked on stays."""
    held = {key: activity for activity in current if (key := _own_key(activity, site)) is not None}
    wanted = {_own_key(activity, site): activity for activity in desired}
    result = [_activity(activity, held.get(key), site) if key else activity for key, activity in wanted.items()]
    for activity in current:
        key = _own_key(activity, site)
        if key is None or (key not in wanted and _worked_on(activity, site)):
            result.append(activity)
    return result


def _activity(desired: Json, held: Json | None, site: WriteSite) -> Json:
    """What a person timed in another form than ours, or gave a status, stays as it is."""
    if held is None:
        return desired
    before = held.get("detail", {})
    wanted = desired["detail"]
    if _TIMED & set(before):
        wanted = {key: value for key, value in wanted.items() if key != "scheduledPeriod"}
    if _by_person(before, site):
        wanted = {key: value for key, value in wanted.items() if key not in _STATE}
        kept = before
    else:
        kept = {key: value for key, value in before.items() if key not in _STATE}
    detail = {key: value for key, value in kept.items() if key != "scheduledPeriod"}
    return {**held, "detail": {**detail, **wanted}}


def _by_person(detail: Json, site: WriteSite) -> bool:
    """Whether the status is not the one that we wrote: with another reason, or changed beside ours."""
    ours = own_status(detail, site)
    if ours is None:
        return "statusReason" in detail or detail.get("status") not in (None, "not-started")
    return detail.get("status") not in (None, ours)


def _worked_on(activity: Json, site: WriteSite) -> bool:
    return _by_person(activity.get("detail", {}), site) or bool(set(activity) - {"id", "detail"})


def _own_key(activity: Json, site: WriteSite) -> str | None:
    system = code_system(site.canonical_base, "finding")
    for coding in activity.get("detail", {}).get("code", {}).get("coding", []):
        if coding.get("system") == system:
            return str(coding.get("code"))
    return None


def _others(current: Mapping[str, Any], element: str, site: WriteSite) -> list[Any]:
    """Items of an element that somebody else put there."""
    kept = []
    for item in current.get(element, []):
        text = item if isinstance(item, str) else str(item.get("system") or item.get("url") or "")
        coded = [c.get("code") for c in item.get("coding", [])] if isinstance(item, dict) else []
        own = text.startswith(site.canonical_base) or text.endswith(("cpg-generatedFrom", "cpg-rationale"))
        if not own and "assess-plan" not in coded:
            kept.append(item)
    return kept


def _joined(ours: list[Any] | None, others: list[Any]) -> list[Any]:
    return [*(ours or []), *(item for item in others if item not in (ours or []))]


def _closed_by_us(plan: Mapping[str, Any], site: WriteSite) -> bool:
    url = extension_url(site.canonical_base, _CLOSED)
    return plan.get("status") == "revoked" and any(e.get("url") == url for e in plan.get("extension", []))


def _with_gone(value: Any, references: References) -> Any:
    """References to what the server no longer has, turned into logical ones that it accepts."""
    if isinstance(value, dict):
        target = local_reference(value) if isinstance(value.get("reference"), str) else None
        if target in references.gone and target is not None:
            return references.to(target)
        return {key: _with_gone(member, references) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_gone(item, references) for item in value]
    return value


def _full(resource: Json) -> Json:
    found: Json = without_empty(resource)
    return found


def _without_meta(resource: Mapping[str, Any]) -> Json:
    return {key: value for key, value in resource.items() if key != "meta"}
