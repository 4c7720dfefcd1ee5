"""The strict gate of everything that is written: the shape of each resource by the FHIR models."""

from __future__ import annotations

from typing import Any

from adapter.errors import AdapterError


def checked(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource without empty members, unchanged otherwise; raises AdapterError when it is no R4 resource."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    full: dict[str, Any] = without_empty(resource)
    kind = str(full.get("resourceType"))
    try:
        get_fhir_model_class(kind).model_validate(full)
    except (ValueError, KeyError) as error:
        places = _places(error) if isinstance(error, ValidationError) else "resourceType"
        raise AdapterError(f"a {kind} to be written is not valid FHIR at {places}: report this defect") from None
    return full


def without_empty(value: Any) -> Any:
    """The JSON value without members and items that are null or empty, which FHIR forbids."""
    if isinstance(value, dict):
        kept = {key: without_empty(member) for key, member in value.items()}
        return {key: member for key, member in kept.items() if member not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(without_empty, value) if item not in (None, "", [], {})]
    return value


def _places(error: Any) -> str:
    return ", ".join(".".join(str(part) for part in found["loc"]) for found in error.errors()[:3])
