"""What the sandbox server says of itself."""

from __future__ import annotations

from adapter import __version__
from adapter.sandbox.parameters import Parameter, known_types
from adapter.sandbox.refusal import JsonObject

_INTERACTIONS = (
    "read", "vread", "update", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
_SYSTEM = ("transaction", "batch", "history-system")
_KINDS = {"patient": "reference"}


def capability_statement(address: str) -> JsonObject:
    """The CapabilityStatement of a server at this address."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": "2024-01-01",
        "kind": "instance",
        "software": {"name": "HCC conversion adapter sandbox", "version": __version__},
        "implementation": {"description": "Sandbox for synthetic patients only", "url": address},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [_rest()],
    }


def _rest() -> JsonObject:
    return {
        "mode": "server",
        "documentation": "No authorization, no validation of content and no check that a referenced resource exists.",
        "security": {"cors": True},
        "resource": [_resource(kind, parameters) for kind, parameters in known_types().items()],
        "interaction": [{"code": code} for code in _SYSTEM],
    }


def _resource(kind: str, parameters: dict[str, Parameter]) -> JsonObject:
    own = [{"name": p.name, "type": _KINDS.get(p.kind, p.kind)} for p in parameters.values()]
    entry: JsonObject = {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "not-match",
        "conditionalUpdate": True,
        "conditionalDelete": "not-supported",
        "searchParam": [{"name": "_id", "type": "token"}, {"name": "_lastUpdated", "type": "date"}, *own],
    }
    includes = [f"{kind}:{p.name}" for p in parameters.values() if _KINDS.get(p.kind, p.kind) == "reference"]
    if includes:
        entry["searchInclude"] = includes
    return {**entry, "searchRevInclude": _pointing_at(kind)}


def _pointing_at(kind: str) -> list[str]:
    # Provenance is the one reverse include that clients of this server are known to ask for of every type.
    own = ["Provenance:target"]
    if kind == "Patient":
        return own + [f"{other}:patient" for other, found in known_types().items() if "patient" in found]
    return own
