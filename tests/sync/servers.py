"""Connections to a real server that stand for servers of other abilities and for workers that die."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from adapter.fhir.capability import Capability, TypeAbility
from adapter.fhir.client import FhirClient, Written

Done = TypeVar("Done")


class Lesser(FhirClient):
    """A server that says it can do less: `transaction`, ids of ours, conditions, types that it does not take."""

    def __init__(
        self, base: str, *, transaction: bool = True, own_ids: bool = True, conditions: bool = True,
        refuses: frozenset[str] = frozenset(), create_only: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        super().__init__(base)
        self._transaction, self._own_ids, self._conditions = transaction, own_ids, conditions
        self._refuses, self._create_only = refuses, create_only

    def capability(self) -> Capability:
        """What the server says, with less in it."""
        told = super().capability()
        types = {kind: self._less(kind, ability) for kind, ability in told.types.items() if kind not in self._refuses}
        return msgspec.structs.replace(told, transaction=self._transaction, types=types)

    def _less(self, kind: str, ability: TypeAbility) -> TypeAbility:
        interactions = ability.interactions - ({"update"} if kind in self._create_only else set())
        return msgspec.structs.replace(
            ability, interactions=interactions, update_create=self._own_ids, conditional_create=self._conditions
        )


class Died(BaseException):
    """The worker is gone, as after kill -9."""


class Dying(Lesser):
    """A connection whose worker dies after some writes; `late` dies after the write and before its answer."""

    def __init__(self, base: str, writes: int, *, late: bool, **abilities: Any) -> None:
        super().__init__(base, **abilities)
        self._left, self._late = writes, late

    def update(self, resource: Mapping[str, Any], *, match: str | None = None) -> Written:
        """PUT, or die."""
        return self._counted(lambda: FhirClient.update(self, resource, match=match))

    def create(self, resource: Mapping[str, Any], *, if_none_exist: str | None = None) -> Written:
        """POST, or die."""
        return self._counted(lambda: FhirClient.create(self, resource, if_none_exist=if_none_exist))

    def transaction(self, bundle: Mapping[str, Any]) -> tuple[Written, ...]:
        """POST a transaction, or die."""
        return self._counted(lambda: FhirClient.transaction(self, bundle))

    def _counted(self, write: Callable[[], Done]) -> Done:
        if self._left == 0 and not self._late:
            raise Died
        done = write()
        self._left -= 1
        if self._left < 0:
            raise Died
        return done
