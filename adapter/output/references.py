"""References to the facts that a result rests on, as the write target can hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from adapter.output.evaluated import WriteSite

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?")
_ABSOLUTE = re.compile(r"(https?://.+?)/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
TREATMENTS = frozenset(
    {
        "MedicationAdministration", "MedicationStatement", "MedicationRequest", "MedicationDispense",
        "Procedure", "ServiceRequest", "Appointment",
    }
)  # fmt: skip


class References(msgspec.Struct, frozen=True):
    """Builds references; `gone` are sources that the server no longer has: only a logical reference can name them."""

    site: WriteSite
    gone: frozenset[str] = frozenset()

    def to(self, reference: str, version: str | None = None) -> dict[str, Any]:
        """A literal reference where the target can resolve it, else a logical one, else words."""
        local = _LOCAL.fullmatch(reference)
        if local:
            plain = f"{local[1]}/{local[2]}"
            versioned = f"{plain}/_history/{version}" if version else plain
            if not self.site.elsewhere and plain not in self.gone:
                return {"reference": versioned}
            return self._logical(self.site.source, plain, versioned)
        absolute = _ABSOLUTE.fullmatch(reference)
        if absolute and absolute[1] == self.site.source:
            return self.to(absolute[2], version)
        if absolute:
            return self._logical(absolute[1], absolute[2], absolute[2])
        return {"display": reference}

    def sourced(self, reference: str, version: str | None) -> dict[str, Any]:
        """A source with its version, which stands in an identifier too because servers strip it from references."""
        found = self.to(reference, version)
        if version and "reference" in found:
            return {**found, "identifier": {"value": found["reference"]}}
        return found

    def all(self, references: Iterable[str]) -> list[dict[str, Any]]:
        """Each reference once, in a fixed order."""
        return [self.to(reference) for reference in sorted(set(references))]

    def _logical(self, system: str | None, plain: str, value: str) -> dict[str, Any]:
        identifier = {"system": system, "value": value} if system else {"value": value}
        return {"type": plain.partition("/")[0], "identifier": identifier}


def local_reference(reference: dict[str, Any]) -> str | None:
    """`Type/id` of a reference or logical reference to a source, without its version; None for any other."""
    text = reference.get("reference")
    if not isinstance(text, str):
        identifier = reference.get("identifier")
        text = identifier.get("value") if isinstance(identifier, dict) else None
    match = _LOCAL.fullmatch(text) or _ABSOLUTE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    return f"{match[1]}/{match[2]}" if match.re is _LOCAL else match[2]


def stated_version(reference: dict[str, Any]) -> str | None:
    """The version that a source reference states in its identifier, else in its text."""
    identifier = reference.get("identifier")
    texts = [identifier.get("value") if isinstance(identifier, dict) else None, reference.get("reference")]
    for text in texts:
        match = _LOCAL.fullmatch(text) if isinstance(text, str) else None
        if match and match[3]:
            return match[3]
    return None


def is_treatment(reference: str) -> bool:
    """Whether a reference is to something done to the patient or planned."""
    return reference.partition("/")[0] in TREATMENTS
