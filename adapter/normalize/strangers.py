"""The codes and units of a record that the tables do not settle, with where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapter.normalize.chart import Unmapped
from adapter.normalize.records import Record
from adapter.resources.clinical import Observation
from adapter.resources.datatypes import Component
from adapter.resources.repair import read_list
from adapter.terminology import AMBIGUOUS, CONFLICT, UNKNOWN, Terminology
from adapter.terminology.strangers import UNIT_REASONS, UNKNOWN_ANSWER, Stranger, unit_shown
from adapter.timeline.events import Unusable
from adapter.values import AsOf, When

Json = dict[str, Any]
Coding = tuple[str | None, str | None, str | None]
NOTHING: Coding = (None, None, None)
_CODED = ("code", "medicationCodeableConcept", "serviceType", "procedureCode", "type")
_BY_REFERENCE = ".medicationReference"
_COMPONENT = re.compile(r"\.component\[(\d+)\]")


def strangers(record: Record, as_of: AsOf, terminology: Terminology) -> tuple[Stranger, ...]:
    """Every coding that no table settles and every unit that cannot be used, in what has begun by as-of."""
    chart = record.chart
    unmapped = [u for u in chart.unmapped if _begun(u.when, as_of)]
    unusable = [u for u in chart.unusable if _begun(u.when, as_of) and _concerns(u)]
    drugs = _drugs(chart.pointed, {u.source for u in unusable if u.path.endswith(_BY_REFERENCE)})
    originals = _originals(record, {u.source for u in unmapped} | {u.source for u in unusable} | set(drugs.values()))
    found: dict[Stranger, None] = {}
    for one in unmapped:
        found.update(dict.fromkeys(_unnamed(one, originals.get(one.source, {}), terminology)))
    for other in unusable:
        drug = originals.get(drugs.get(other.source, ""))
        found.update(dict.fromkeys(_refused(other, originals.get(other.source, {}), drug, terminology)))
    found.update(dict.fromkeys(_components(record, terminology)))
    return tuple(found)


def _begun(when: When | None, as_of: AsOf) -> bool:
    return when is None or when.start <= as_of.instant


def _concerns(unusable: Unusable) -> bool:
    """Refused for its code, its unit, or a value that may be a coded answer."""
    return unusable.reason.partition(":")[0] in (CONFLICT, *UNIT_REASONS, "no-value")


def _unnamed(unmapped: Unmapped, original: Json, terminology: Terminology) -> Iterator[Stranger]:
    """The codings of a resource of which no concept is known, or several."""
    unit = _unit_of(original)
    for system, code, display in dict.fromkeys(unmapped.codings or (NOTHING,)):
        concepts = _meanings([(system, code, display)], terminology) if unmapped.reason == AMBIGUOUS else ()
        yield Stranger(unmapped.source, system, code, display, unmapped.reason, unit, concepts)


def _drugs(pointed: Mapping[str, list[str]], wanted: set[str]) -> dict[str, str]:
    """Resource -> the Medication beside it that it refers to."""
    return {source: target for target, sources in pointed.items() for source in wanted.intersection(sources)}


def _refused(unusable: Unusable, original: Json, drug: Json | None, terminology: Terminology) -> Iterator[Stranger]:
    """`drug`: the Medication that the resource refers to, where it stands beside it."""
    by_reference = unusable.path.endswith(_BY_REFERENCE)
    part = (drug or _contained(original)) if by_reference else _part(original, unusable.path)
    reason, concepts = unusable.reason.partition(":")[0], tuple(sorted(unusable.concepts))
    unit = _unit_of(part)
    if reason in UNIT_REASONS:
        shown = _codings_of(part) or _codings_of(original) or [NOTHING]
        yield Stranger(unusable.source, *shown[0], reason, unit, concepts)
        return
    in_value = unusable.path.endswith("value[x]")
    if reason == CONFLICT and not in_value:
        for coding in _codings_of(part) or [NOTHING]:
            yield Stranger(unusable.source, *coding, reason, unit, _meanings([coding], terminology) or concepts)
    elif in_value or unusable.path.endswith("valueCodeableConcept"):
        told = CONFLICT if reason == CONFLICT else UNKNOWN_ANSWER
        answers = _codings(part.get("valueCodeableConcept"))
        yield from (Stranger(unusable.source, *coding, told, None, concepts) for coding in answers)


def _components(record: Record, terminology: Terminology) -> Iterator[Stranger]:
    """Components of Observations that were read, whose own code no table knows: their values are lost."""
    chart = record.chart
    read = {event.source for event in chart.events} | {u.source for u in chart.unusable}
    for batch in record.batches:
        for entry in batch.items:
            o = entry.resource
            if o.__class__ is not Observation or not o.component or f"Observation/{o.id}" not in read:
                continue
            for component in read_list(o.component, Component):
                yield from _component(f"Observation/{o.id}", component, terminology)


def _component(reference: str, component: Component, terminology: Terminology) -> Iterator[Stranger]:
    try:
        codings = _codings(msgspec.json.decode(component.code)) if component.code else []
        quantity = msgspec.json.decode(component.valueQuantity) if component.valueQuantity else None
    except (msgspec.MsgspecError, RecursionError):
        return
    translation = terminology.translate((system, code) for system, code, _ in codings)
    if translation.reason in (UNKNOWN, AMBIGUOUS):
        for coding in codings:
            concepts = _meanings([coding], terminology)
            yield Stranger(reference, *coding, translation.reason, _unit_of({"valueQuantity": quantity}), concepts)


def _meanings(codings: list[Coding], terminology: Terminology) -> tuple[str, ...]:
    found = [terminology.codes.meaning(system, code)[0] for system, code, _ in codings if system and code]
    return tuple(sorted({concept for meaning in found if meaning is not None for concept in meaning.concepts}))


def _originals(record: Record, wanted: set[str]) -> dict[str, Json]:
    """The JSON of the resources of some names; of copies the one that was updated last."""
    found: dict[str, Json] = {}
    if not wanted:
        return found
    for batch in record.batches:
        for index, entry in enumerate(batch.items):
            identity = getattr(entry.resource, "id", None)
            kind = entry.resource.__class__.__name__
            for name in {f"{kind}/{identity}" if identity else batch.place(index), entry.fullUrl or ""} & wanted:
                resource = _json(batch.original(index))
                if name not in found or _updated(resource) > _updated(found[name]):
                    found[name] = resource
    return found


def _json(body: bytes) -> Json:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    inner = found.get("resource", found) if isinstance(found, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _updated(resource: Json) -> str:
    meta = resource.get("meta")
    return str(meta.get("lastUpdated") or "") if isinstance(meta, dict) else ""


def _part(original: Json, path: str) -> Json:
    """The component that a path names, else the resource itself."""
    match = _COMPONENT.search(path)
    components = original.get("component")
    if match is None or not isinstance(components, list) or int(match[1]) >= len(components):
        return original
    component = components[int(match[1])]
    return component if isinstance(component, dict) else original


def _contained(original: Json) -> Json:
    """The contained Medication that a resource refers to."""
    reference, inner = original.get("medicationReference"), original.get("contained")
    if not isinstance(reference, dict) or not isinstance(inner, list):
        return {}
    name = str(reference.get("reference")).removeprefix("#")
    return next((one for one in inner if isinstance(one, dict) and one.get("id") == name), {})


def _codings_of(part: Json) -> list[Coding]:
    return next((found for element in _CODED if (found := _codings(part.get(element)))), [])


def _codings(concept: Any) -> list[Coding]:
    """(system, code, display) of a CodeableConcept or of several, as recorded; of one with text only its text."""
    if isinstance(concept, list):
        return [coding for one in concept for coding in _codings(one)]
    if not isinstance(concept, dict):
        return []
    listed = concept.get("coding")
    codings = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    found = [(_text(c.get("system")), _text(c.get("code")), _text(c.get("display"))) for c in codings]
    kept = list(dict.fromkeys(coding for coding in found if coding[1] or coding[2]))
    text = _text(concept.get("text"))
    return kept or ([(None, None, text)] if text else [])


def _unit_of(part: Json) -> str | None:
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict):
        return None
    return unit_shown(_text(quantity.get("unit")), _text(quantity.get("code")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
