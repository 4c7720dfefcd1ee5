"""The Device that stands for this software in what it writes."""

from __future__ import annotations

from typing import Any

from adapter.output.checked import checked
from adapter.output.evaluated import WriteSite
from adapter.output.identity import device_id, result_system
from adapter.output.narrative import narrative

NAME = "hcc-conversion-adapter"


def device(site: WriteSite) -> dict[str, Any]:
    """The Device of this software and its version."""
    identity = device_id(site.canonical_base)
    return checked(
        {
            "resourceType": "Device",
            "id": identity,
            "text": narrative(f"{NAME} {site.software}", []),
            "identifier": [{"system": result_system(site.canonical_base), "value": identity}],
            "status": "active",
            "deviceName": [{"name": NAME, "type": "model-name"}],
            "type": {"text": "clinical decision support software"},
            "version": [{"value": site.software}],
        }
    )


def device_reference(site: WriteSite) -> dict[str, Any]:
    """The Device as author, with the version that wrote."""
    return {"reference": f"Device/{device_id(site.canonical_base)}", "display": f"{NAME} {site.software}"}
