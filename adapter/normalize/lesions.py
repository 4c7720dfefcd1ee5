"""Lesions: one measured on one date, with its identity, role, enhancement and site."""

from __future__ import annotations

from msgspec import Raw

from adapter.normalize.answers import NO_VALUE, coded_word, number, presence
from adapter.normalize.chart import Chart, Rejection
from adapter.normalize.desk import Desk, Place, Valued, modified
from adapter.normalize.references import local_name
from adapter.normalize.vocabulary import Asked
from adapter.resources.clinical import Observation
from adapter.resources.datatypes import Component, Contained, Reference
from adapter.resources.repair import read_list
from adapter.timeline.events import Lesion
from adapter.values import Interval

DIAMETER, VIABLE = "tumor_longest_dimension", "viable_diameter"
LIVER, OUTSIDE = "body_site_liver", "extrahepatic_site"


class _Parts:
    """What the components say."""

    __slots__ = ("diameter", "enhancement", "lesion", "modality", "role", "viable")

    def __init__(self) -> None:
        self.diameter: Interval | None = None
        self.viable: Interval | None = None
        self.enhancement: str | None = None
        self.lesion: str | None = None
        self.role: str | None = None
        self.modality: str | None = None


def read_lesion(o: Observation, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    """Put a lesion on the chart. One part that cannot be used makes the whole lesion unusable."""
    parts = _Parts()
    reason = _own_diameter(o, asked, parts, desk)
    if reason is not None:
        return Rejection(reason, "Observation.value[x]")
    for index, component in enumerate(read_list(o.component, Component)):
        reason = _part(component, parts, desk)
        if reason is not None:
            return Rejection(reason, f"{place.path}.component[{index}]")
    if parts.diameter is None and parts.viable is None and parts.enhancement is None:
        return Rejection(NO_VALUE, f"{place.path}.component")
    lesion, location = _identity(o, place, chart, desk)
    site, extrahepatic, notes = _site(o.bodySite or location, desk)
    if parts.modality is None and o.method:
        parts.modality = _modality(o.method, desk)
    chart.events.append(
        Lesion(
            place.source,
            place.when,
            lesion or parts.lesion,
            parts.role,
            parts.diameter,
            parts.viable,
            parts.enhancement,
            parts.modality,
            site,
            extrahepatic,
            place.preliminary,
            place.notes + asked.notes + notes,
        )
    )
    return None


def _own_diameter(o: Observation, asked: Asked, parts: _Parts, desk: Desk) -> str | None:
    """The diameter as the Observation's own value, where a record gives it so; or the reason why it is not used."""
    if not (o.valueQuantity or o.valueString is not None or o.valueInteger is not None):
        return None
    found = number(o, asked, desk)
    if isinstance(found, str):
        return found
    parts.diameter = found.value
    return None


def _part(component: Component, parts: _Parts, desk: Desk) -> str | None:
    """What one component says; or the reason why it is not used."""
    asked = desk.vocabulary.asked(component.code)
    concept = asked.translation.concept
    if concept is None:
        return None
    if component.modifierExtension and modified(component.modifierExtension):
        return "modifier-extension"
    if concept not in (DIAMETER, VIABLE):
        return _word_part(component, concept, asked, parts, desk)
    found = number(component, asked, desk)
    if isinstance(found, str):
        return found
    if concept == DIAMETER:
        parts.diameter = found.value
    else:
        parts.viable = found.value
    return None


def _word_part(component: Valued, concept: str, asked: Asked, parts: _Parts, desk: Desk) -> str | None:
    if concept == "lesion_id":
        parts.lesion = component.valueString.strip() or None if component.valueString else None
        return None
    if concept not in ("lesion_role", "imaging_modality", "arterial_phase_hyperenhancement"):
        return None
    word = presence(component, asked, desk)
    if concept == "imaging_modality":
        parts.modality = word
        return None
    if word is None or word not in _WORDS[concept]:
        return NO_VALUE
    if concept == "lesion_role":
        parts.role = word
    else:
        parts.enhancement = word
    return None


_WORDS = {
    "lesion_role": ("target", "non_target", "new_lesion"),
    "arterial_phase_hyperenhancement": ("present", "absent"),
}


def _identity(o: Observation, place: Place, chart: Chart, desk: Desk) -> tuple[str | None, Raw]:
    """Which lesion: the BodyStructure in focus, with its location; a contained one is known by its identifier."""
    for reference in read_list(o.focus, Reference):
        text = reference.reference or ""
        if text.startswith("#"):
            inner = next((c for c in read_list(o.contained, Contained) if c.id == text[1:]), None)
            if inner is not None and inner.resourceType == "BodyStructure":
                named = next((i.value for i in inner.identifier or () if i.value), None)
                return named, inner.location
            continue
        known = desk.sites.get(local_name(text))
        if known is not None:
            chart.point(place.source, known[0])
            return known[0], known[1]
        if "BodyStructure/" in text:
            return local_name(text), Raw(b"")
    return None, Raw(b"")


def _site(raw: Raw, desk: Desk) -> tuple[str | None, bool, tuple[str, ...]]:
    """The body site's key, whether it is outside the liver, and a note on one that is not known."""
    if not raw:
        return None, False, ()
    named = desk.vocabulary.named("site", raw)
    if named.concept is None:
        return None, False, ("site-unknown",)
    if OUTSIDE in named.groups:
        return named.concept, True, ()
    return named.concept, False, () if named.concept == LIVER else (f"site: {named.concept}",)


def _modality(raw: Raw, desk: Desk) -> str | None:
    return coded_word(raw, desk.vocabulary.asking("imaging_modality"), desk)
