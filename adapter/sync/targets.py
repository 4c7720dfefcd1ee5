"""The server that results go to: what it takes, and how a set of writes reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapter.errors import RemoteError
from adapter.fhir.client import FhirClient, Written
from adapter.output.device import NAME
from adapter.output.identity import result_system
from adapter.output.report import DOCUMENT, MESSAGE
from adapter.output.write_set import Change, renamed, transaction_bundle

Json = dict[str, Any]
RESOURCES, NOTHING = "resources", "none"
RESULTS = ("CarePlan", "DetectedIssue")


class Target:
    """A write target and its abilities. `sink`: resources, DocumentReference, Communication or none."""

    def __init__(self, client: FhirClient, canonical_base: str) -> None:
        self.client = client
        self._system = result_system(canonical_base)
        self._can = client.capability()
        self.sink = self._sink()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types that results of a patient are written as."""
        if self.sink == RESOURCES:
            return RESULTS
        return () if self.sink == NOTHING else (self.sink,)

    @property
    def transactions(self) -> bool:
        """Whether all writes of a patient happen together or not at all."""
        return self._can.transaction

    def takes(self, kind: str) -> bool:
        """Whether resources of the type can be made."""
        return self._can.of(kind).creatable

    def replaces(self, kind: str) -> bool:
        """Whether resources of the type can be changed."""
        return "update" in self._can.of(kind).interactions

    def chooses_id(self, kind: str) -> bool:
        """Whether the server gives the ids of new resources itself."""
        return not self._can.of(kind).update_create

    def creation(self, resource: Json, key: str | None) -> Change:
        """The write that makes a resource; a conditional create where the server chooses ids and knows conditions."""
        kind = resource["resourceType"]
        if not self.chooses_id(kind):
            return Change(resource)
        conditional = key is not None and self._can.of(kind).conditional_create
        return Change(resource, assigned=True, condition=f"identifier={self._system}|{key}" if conditional else None)

    def write(self, changes: Sequence[Change]) -> list[Written]:
        """Write all; raises ConflictError when somebody else wrote in between, RemoteError otherwise."""
        if not changes:
            return []
        if self.transactions:
            return list(self.client.transaction(transaction_bundle(changes, self.client.base)))
        return self._one_by_one(changes)

    def _one_by_one(self, changes: Sequence[Change]) -> list[Written]:
        written: list[Written] = []
        names: dict[str, str] = {}
        for change in changes:
            resource = renamed(change.resource, names)
            done = self._single(change, resource)
            names[f"{resource['resourceType']}/{resource['id']}"] = f"{done.type}/{done.id}"
            written.append(done)
        return written

    def _single(self, change: Change, resource: Json) -> Written:
        if not change.assigned:
            return self.client.update(resource, match=change.version if change.existing else None)
        fresh = {key: value for key, value in resource.items() if key != "id"}
        return self.client.create(fresh, if_none_exist=change.condition)

    def _sink(self) -> str:
        if self._can.of("CarePlan").writable and self._can.of("DetectedIssue").writable:
            return RESOURCES
        return next((kind for kind in (DOCUMENT, MESSAGE) if self.takes(kind)), NOTHING)


def without_device(value: Any) -> Any:
    """The JSON with references to our Device turned into words, for a server that takes no Device."""
    if isinstance(value, Mapping):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("Device/"):
            return {"type": "Device", "display": value.get("display", NAME)}
        return {key: without_device(member) for key, member in value.items()}
    return [without_device(item) for item in value] if isinstance(value, list) else value


def open_target(client: FhirClient | None, canonical_base: str) -> Target | None:
    """The target of a client, None without one; raises RemoteError when the server cannot be asked."""
    if client is None:
        return None
    try:
        return Target(client, canonical_base)
    except RemoteError as error:
        raise RemoteError(f"the write target cannot be used: {error}", error.status) from None
