"""The Provenances of one patient's results: found on the server, and the writes that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from adapter.output.comparison import same
from adapter.output.evaluated import WriteSite
from adapter.output.provenance import as_update, trace_key
from adapter.output.write_set import Change
from adapter.sync.holdings import read_by_id, version_of
from adapter.sync.targets import Target

Json = dict[str, Any]


def held_trace(target: Target, identity: str, about: str, site: WriteSite) -> Json | None:
    """The Provenance of an identity; `about` is the reference of a result that it names. Raises RemoteError."""
    if not target.takes("Provenance"):
        return None
    by_id = None if target.chooses_id("Provenance") else read_by_id(target.client, "Provenance", identity)
    if by_id is not None:
        return by_id
    # A server that takes our ids today may have chosen them when the Provenance was made.
    found = target.client.search("Provenance", [("target", about)])
    ours = [p for p in (r.json() for r in found.resources if r.type == "Provenance") if trace_key(p, site) == identity]
    return min(ours, key=lambda p: str(p["id"])) if ours else None


def trace_writes(
    target: Target, made: Json, current: Json | None, as_sent: Callable[[str, Json, Json], bool]
) -> Iterator[Change]:
    """The write that brings a Provenance to what it should say; none when it says so already.

    `as_sent(identity, resource, current)`: whether the server holds what it made of this very content.
    """
    if not target.takes("Provenance"):
        return
    if current is None:
        yield target.creation(made, None)
        return
    result = {**as_update(made), "id": current["id"]}
    if not same(result, current, target.client.base) and not as_sent(made["id"], result, current):
        yield Change(result, True, version_of(current))
