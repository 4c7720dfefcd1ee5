"""References as text: versions cut off, split into base, type and id."""

from __future__ import annotations

import re

from adapter.resources.datatypes import Identifier

_QUERY = re.compile(r"[?#]")


def unversioned(reference: str) -> str:
    """A reference without its version."""
    return reference.partition("/_history/")[0].rstrip("/") if "/_history/" in reference else reference


def split(reference: str) -> tuple[str | None, str, str]:
    """(base, type, id) of a literal reference; base None for a relative one; type empty when it tells none."""
    plain = unversioned(reference)
    head, _, identity = plain.rpartition("/")
    base, _, kind = head.rpartition("/")
    if not kind.isalpha():
        return None, "", plain
    return (base or None), kind, identity


def patient_named(reference: str) -> tuple[str | None, str] | None:
    """(base, id) of the patient that a literal reference names; None where none is named that can be looked up."""
    base, kind, identity = split(reference)
    return None if kind != "Patient" or not identity or _QUERY.search(identity) else (base, identity)


def local_name(reference: str) -> str:
    """`Type/id` of a relative or absolute reference; anything else as it is."""
    _, kind, identity = split(reference)
    return f"{kind}/{identity}" if kind else identity


def identifier_name(identifier: Identifier) -> str:
    """A logical reference as one text, empty when it names nothing that could be matched."""
    return f"{identifier.system}|{identifier.value}" if identifier.system and identifier.value else ""


def server_of(full_url: str | None, kind: str) -> str | None:
    """The server's base in an entry's fullUrl, None for urn:uuid and the like."""
    if not full_url or not full_url.startswith("http"):
        return None
    base, named, _ = split(full_url)
    return base if named == kind else None
