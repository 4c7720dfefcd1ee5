"""The mapping tables as FHIR R4 resources: ConceptMap, a ValueSet for each group, the project's own CodeSystem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from adapter.terminology import LOCAL, CodeRow, Terminology

Resource = dict[str, Any]
PUBLISHER = "hcc-conversion-adapter"
OTHER = "other"
BY_PREFIX = "holds also for codes that add extension characters to this one (noted by-prefix)"
TOO_GENERAL = "decides nothing alone: the code is too general, or is listed under several concepts"
CLASSES = (
    "Whole classes of codes have no elements here, because a ConceptMap of R4 cannot say 'every code that begins with'."
    " A code that has an element prevails over its class."
)
UNVERIFIED = "UNVERIFIED: no second public source confirms code and meaning"


def artefacts(terminology: Terminology, base: str, version: str) -> Resource:
    """One Bundle (collection), the same bytes for the same tables; `base` is the canonical base of all URLs."""
    base = base.rstrip("/")
    resources = (
        _code_system(terminology, version),
        _concept_map(terminology, base, version),
        *(_value_set(group, terminology, base, version) for group in sorted(terminology.group_names)),
    )
    entries = [{"fullUrl": resource["url"], "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _head(kind: str, url: str, name: str, title: str, version: str) -> Resource:
    return {
        "resourceType": kind,
        "id": url.rpartition("/")[2],
        "url": url,
        "version": version,
        "name": "".join(word.capitalize() for word in name.replace("-", "_").split("_")),
        "title": title,
        "status": "draft",
        "experimental": False,
        "publisher": PUBLISHER,
    }


def _code_system(terminology: Terminology, version: str) -> Resource:
    """The concepts and answer words that are LOCAL codes; the adapter writes others (findings), so it is a fragment."""
    words = {code for q in terminology.questions.values() for system, code in q.answers if system == LOCAL}
    listed = [_concept(key, terminology) for key in sorted(terminology.concepts)]
    listed += [{"code": word, "display": word} for word in sorted(words - terminology.concepts)]
    return {
        **_head("CodeSystem", terminology.local_system, "hcc_concept", "Concepts of HCC conversion therapy", version),
        "caseSensitive": True,
        "content": "fragment",
        "count": len(listed),
        "concept": listed,
    }


def _concept(key: str, terminology: Terminology) -> Resource:
    shown: Resource = {"code": key, "display": terminology.concept_name(key, "en")}
    chinese = terminology.concept_name(key, "zh")
    if chinese != shown["display"]:
        shown["designation"] = [{"language": "zh-CN", "value": chinese}]
    return shown


def _mapped(terminology: Terminology) -> Iterator[CodeRow]:
    """The rows of codes that records are read by, one for each code and concept."""
    seen: set[tuple[str, str, str]] = set()
    for row in terminology.codes.rows:
        key = (row.system, row.code, row.concept)
        if row.system != LOCAL and terminology.codes.kinds[row.concept] != {OTHER} and key not in seen:
            seen.add(key)
            yield row


def _concept_map(terminology: Terminology, base: str, version: str) -> Resource:
    groups: dict[str, dict[str, list[CodeRow]]] = {}
    for row in _mapped(terminology):
        groups.setdefault(row.system, {}).setdefault(row.code, []).append(row)
    title = "Codes of records to concepts of HCC conversion therapy"
    return {
        **_head("ConceptMap", f"{base}/ConceptMap/concept", "hcc_concept_map", title, version),
        "description": " ".join((CLASSES, *_classes(terminology))),
        "group": [_group(system, groups[system], terminology) for system in sorted(groups)],
    }


def _classes(terminology: Terminology) -> Iterator[str]:
    for system, prefix, excepted, concept in terminology.systems.classes:
        but = f" but not {', '.join(sorted(excepted))}" if excepted else ""
        yield f"Codes of {system} that begin with {prefix}{but} are {concept}."


def _group(system: str, codes: dict[str, list[CodeRow]], terminology: Terminology) -> Resource:
    per_concept: dict[str, int] = {}
    for row in (row for rows in codes.values() for row in rows):
        per_concept[row.concept] = per_concept.get(row.concept, 0) + 1
    return {
        "source": system,
        "target": terminology.local_system,
        "element": [_element(code, codes[code], per_concept, terminology) for code in sorted(codes)],
    }


def _element(code: str, rows: list[CodeRow], per_concept: dict[str, int], terminology: Terminology) -> Resource:
    element: Resource = {"code": code}
    if display := next((row.display for row in rows if row.display), ""):
        element["display"] = display
    ordered = sorted(rows, key=lambda row: row.concept)
    element["target"] = [_target(row, len(rows) > 1, per_concept[row.concept] > 1, terminology) for row in ordered]
    return element


def _target(row: CodeRow, several: bool, shared: bool, terminology: Terminology) -> Resource:
    """`narrower`: the code says less than the concept; `wider`: other codes of the system are the concept too."""
    general = several or not row.decides
    comments = [TOO_GENERAL] if general else []
    if terminology.systems.canonical(row.system) in terminology.systems.extensible:
        comments.append(BY_PREFIX)
    if not row.verified:
        comments.append(UNVERIFIED)
    target = {
        "code": row.concept,
        "display": terminology.concept_name(row.concept, "en"),
        "equivalence": "narrower" if general else "wider" if shared else "equivalent",
    }
    return {**target, "comment": "; ".join(comments)} if comments else target


def _value_set(group: str, terminology: Terminology, base: str, version: str) -> Resource:
    members = terminology.members(group)
    systems: dict[str, dict[str, str]] = {}
    for row in _mapped(terminology):
        if row.concept in members and row.decides:
            systems.setdefault(row.system, {}).setdefault(row.code, row.display)
    local = {key: terminology.concept_name(key, "en") for key in members}
    included = [_include(terminology.local_system, local), *(_include(s, systems[s]) for s in sorted(systems))]
    name = group.replace("_", "-")
    title = f"{group.replace('_', ' ')}: concepts and their codes"
    return {
        **_head("ValueSet", f"{base}/ValueSet/{name}", f"hcc_{group}", title, version),
        "compose": {"include": included},
    }


def _include(system: str, codes: dict[str, str]) -> Resource:
    return {"system": system, "concept": list(_listed(codes.items()))}


def _listed(codes: Iterable[tuple[str, str]]) -> Iterator[Resource]:
    for code, display in sorted(codes):
        yield {"code": code, "display": display} if display else {"code": code}
