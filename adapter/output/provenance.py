"""The Provenance: which software, edition and sources the written results come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapter.output.checked import checked
from adapter.output.device import device_reference
from adapter.output.evaluated import WriteSite
from adapter.output.identity import extension_url, pathway_canonical
from adapter.output.narrative import narrative
from adapter.output.references import References

ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance(
    identity: str,
    targets: Sequence[str],
    sources: Mapping[str, str | None],
    site: WriteSite,
    references: References,
    at: str,
    *,
    removed: Iterable[str] = (),
) -> dict[str, Any]:
    """The Provenance of `targets` (references). `sources`: version by reference; `removed`: those taken back."""
    gone = set(removed)
    entities = [
        {"role": "removal" if source in gone else "source", "what": references.sourced(source, sources[source])}
        for source in sorted(sources)
    ]
    who = device_reference(site)
    return checked(
        {
            "resourceType": "Provenance",
            "id": identity,
            "text": narrative(f"{who['display']}, edition {site.edition}", []),
            "extension": [{"url": mark_url(site), "valueString": identity}],
            "target": [{"reference": target} for target in targets],
            "recorded": at,
            "policy": [pathway_canonical(site.canonical_base, site.edition)],
            "activity": {"coding": [{"system": ACTIVITIES, "code": "CREATE"}]},
            "agent": [{"type": {"coding": [{"system": AGENTS, "code": "author"}]}, "who": who}],
            "entity": entities,
        }
    )


def mark_url(site: WriteSite) -> str:
    """The extension that stands for the identifier which R4 gives no Provenance."""
    return extension_url(site.canonical_base, "provenance-key")


def trace_key(resource: Mapping[str, Any], site: WriteSite) -> str | None:
    """The identity of a Provenance of ours under whatever id the server keeps it, None for any other."""
    found = [e.get("valueString") for e in resource.get("extension", []) if e.get("url") == mark_url(site)]
    return str(found[0]) if found else None


def as_update(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The same Provenance, said to be of a change and not of a first writing."""
    return {**resource, "activity": {"coding": [{"system": ACTIVITIES, "code": "UPDATE"}]}}
