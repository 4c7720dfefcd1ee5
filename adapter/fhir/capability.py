"""What a FHIR server says that it can do, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class TypeAbility(msgspec.Struct, frozen=True):
    """What one resource type allows."""

    interactions: frozenset[str] = frozenset()
    update_create: bool = False
    conditional_create: bool = False
    versioned: bool = False
    parameters: frozenset[str] = frozenset()

    @property
    def writable(self) -> bool:
        """Whether resources of the type can be made and later changed."""
        makes = "create" in self.interactions or (self.update_create and "update" in self.interactions)
        return makes and "update" in self.interactions

    @property
    def creatable(self) -> bool:
        """Whether resources of the type can be made at all."""
        return "create" in self.interactions or (self.update_create and "update" in self.interactions)


class Capability(msgspec.Struct, frozen=True):
    """A CapabilityStatement in short."""

    fhir_version: str | None
    software: str | None
    transaction: bool
    types: Mapping[str, TypeAbility]

    def of(self, kind: str) -> TypeAbility:
        """The abilities of a type; none for one that the server does not name."""
        return self.types.get(kind, TypeAbility())


def capability(statement: Mapping[str, Any]) -> Capability:
    """The abilities that a CapabilityStatement's server part names; anything odd in it counts as not named."""
    rest = next((r for r in _objects(statement.get("rest")) if r.get("mode", "server") == "server"), {})
    software = statement.get("software")
    return Capability(
        fhir_version=statement.get("fhirVersion") if isinstance(statement.get("fhirVersion"), str) else None,
        software=str(software["name"]) if isinstance(software, Mapping) and "name" in software else None,
        transaction="transaction" in _codes(rest.get("interaction")),
        types={r["type"]: _ability(r) for r in _objects(rest.get("resource")) if isinstance(r.get("type"), str)},
    )


def _ability(resource: Mapping[str, Any]) -> TypeAbility:
    return TypeAbility(
        interactions=_codes(resource.get("interaction")),
        update_create=resource.get("updateCreate") is True,
        conditional_create=resource.get("conditionalCreate") is True,
        versioned=resource.get("versioning") in ("versioned", "versioned-update"),
        parameters=frozenset(
            p["name"] for p in _objects(resource.get("searchParam")) if isinstance(p.get("name"), str)
        ),
    )


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _codes(value: object) -> frozenset[str]:
    return _texts(value, "code")


def _texts(value: object, member: str) -> frozenset[str]:
    return frozenset(item[member] for item in _objects(value) if isinstance(item.get(member), str))
