"""Resources that break every rule of their shape, made from the synthetic patients, with a name planted in them."""

from __future__ import annotations

import copy
import functools
import json
import re
from datetime import date
from typing import Any

import msgspec
from hypothesis import strategies as st

from adapter.resources.clinical import READ_TYPES
from adapter.sandbox.synthetic import synthetic_bundles

Json = dict[str, Any]
MARKER = "Zzyzx-Marker"
"""Stands in names, texts and displays, and must never come out in errors or reasons."""
PATIENTS = ("p1", "p2", "p3")
KINDS = tuple(cls.__name__ for cls in READ_TYPES)
_TOKEN = re.compile(rb'"@json@([^"]*)"')
_EACH = 6
_SUBJECTS = {"Medication": None, "Patient": None, "Appointment": None, "BodyStructure": "patient"}

ODD_NUMBERS = [
    "0", "-0.0", "-1", "1e308", "1e-400", "1e400", "-1E+999", "9" * 400, "9" * 5000, "0.1234567890123456789", "3e9",
    "1e99999999999999999999999", "-1e-99999999999999999999999",
]  # fmt: skip
ODD_DATES = [
    "2024", "2024-05", "2024-02-30", "0000-01-01", "9999-12-31", "10000-01-01", "2024-05-01T24:00:00Z",
    "2024-05-01T10:00", "2024-05-01T10:00:60+08:00", "2024-05-01T10:00:00+14:60", "24/5/1", "yesterday", "2024-05-01 ",
    "2024-05-01T10:00:00.123456789123Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "٢٠٢٤-٠٥-٠١",
]  # fmt: skip
ODD_REFERENCES = [
    "Patient/p1", "Patient/p2", "Patient/stranger", "Patient/p1/_history/3", "http://other.example/fhir/Patient/p1",
    "http://s.example/fhir/Patient/p1", "urn:uuid:00000000-0000-0000-0000-000000000001", "#p", "#", "Group/g1", "p1",
    "/Patient/p1", "Patient/", "Patient//p1", "Patient/p1?x=y", "Patient/\"p1\\", "  Patient/p1 ",
    "Patient/\ud83d\ude00", "Medication/Medication-0", "Practitioner/x",
]  # fmt: skip
ODD_TEXTS = [
    "", " ", "<", "<5", "> 10 mg", "≤ 3 log IU/mL", "1e400", "1e999 U/L", "9" * 400, "NaN", "Infinity", "未检出",
    "\x00", "true",
]  # fmt: skip
ODD_CODES = ["final", "entered-in-error", "preliminary", "confirmed", "active", "completed", "draft", "order", "male"]
COMPARATORS = ["<", "<=", ">=", ">", "ad", "~", ""]
UCUM = "http://unitsofmeasure.org"
UNITS = ["mg/dL", "mo", "a", "wk", "d", "h", "%", "1", "10*9/L", "furlong"]


def number(text: str) -> str:
    """A number exactly as it is written: JSON writers cannot write 1e400."""
    return f"@json@{text}"


def written(value: Any) -> bytes:
    """The JSON of a value, odd numbers as they were written."""
    return _TOKEN.sub(rb"\1", json.dumps(value, ensure_ascii=True).encode())


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(ODD_NUMBERS).map(number),
    st.sampled_from([*ODD_DATES, *ODD_REFERENCES, *ODD_TEXTS, *ODD_CODES, *COMPARATORS, *UNITS]),
)
JUNK: st.SearchStrategy[Any] = st.one_of(
    LEAVES,
    LEAVES,
    st.sampled_from([[], {}, [[]], [None], [{}], {"value": None}, {"coding": [None]}, {"reference": {}}, [[[[1]]]]]),
    st.builds(lambda text: {"reference": text, "display": MARKER}, st.sampled_from(ODD_REFERENCES)),
    st.builds(
        lambda value, sign, unit: {"value": value, "comparator": sign, "unit": unit, "system": UCUM, "code": unit},
        LEAVES,
        st.sampled_from([None, *COMPARATORS]),
        st.sampled_from(UNITS),
    ),
    st.builds(lambda start, end: {"start": start, "end": end}, st.sampled_from(ODD_DATES), st.sampled_from(ODD_DATES)),
    st.builds(lambda leaf: [leaf, {"x": [leaf]}, [[leaf]]], LEAVES),
)
EXTRA: list[Json] = [
    {"modifierExtension": [{"url": "http://x.example/m", "valueBoolean": True}]},
    {"modifierExtension": [{}]},
    {"extension": [{"url": "http://x.example/e", "valueString": MARKER}]},
    {"contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "lenvatinib"}}, {"id": 5}]},
    {"contained": {"resourceType": "BodyStructure", "id": "b", "identifier": [{"value": "L1"}]}},
    {"medicationReference": {"reference": "#m"}},
    {"focus": [{"reference": "#b"}]},
    {"dataAbsentReason": {"coding": [{"code": "unknown"}]}},
    {"implicitRules": "http://x.example/rules", "language": 5},
    {"meta": {"versionId": "9", "lastUpdated": "2024-04-01T00:00:00Z"}},
    {"meta": [{"versionId": 3}]},
    {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
    {"component": [{"code": {"text": MARKER}, "valueString": "<5"}, None, {"modifierExtension": [1]}]},
    {"onsetAge": {"value": 10**9, "code": "a"}},
    {"effectiveTiming": {"event": ["2024-04-01", None], "repeat": {"boundsPeriod": {"start": "2024"}}}},
    {"daysSupply": {"value": 10**12, "unit": "d"}},
    {"referenceRange": [{"low": {"value": 1e300}, "high": {"value": -1}}, {"age": {"low": {"value": 1e9}}}]},
    {"name": [{"family": MARKER, "text": MARKER}], "note": [{"text": MARKER}]},
]  # fmt: skip

_LENVATINIB = {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01EX08", "display": MARKER}]}
WRITTEN_HERE: list[Json] = [
    {
        "resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": _LENVATINIB,
        "whenHandedOver": "2024-03-01", "daysSupply": {"value": 28, "unit": "d"},
    },
    {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": "2024-03-01",
        "medicationCodeableConcept": _LENVATINIB, "dispenseRequest": {"validityPeriod": {"end": "2024-06-01"}},
        "dosageInstruction": [{"timing": {"repeat": {"boundsDuration": {"value": 3, "code": "mo"}}}}],
    },
    {
        "resourceType": "Appointment", "status": "booked", "start": "2024-06-01T08:00:00Z", "created": "2024-04-20",
        "serviceType": [{"coding": [{"system": "http://snomed.info/sct", "code": "107963000"}]}],
        "participant": [{"actor": {"reference": "Patient/p1", "display": MARKER}}],
    },
    {"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/p1"}},
    {"resourceType": "Organization", "name": MARKER},
    {"resourceType": "FooType", "id": "foo", "text": {"div": MARKER}},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "diagnostics": MARKER}]},
]  # fmt: skip


@functools.cache
def originals() -> dict[str, list[Json]]:
    """Some resources of every type, in whose displays and texts the name stands."""
    found: dict[str, list[Json]] = {}
    seen: dict[str, set[str]] = {}
    for bundle in synthetic_bundles(date(2024, 5, 1)):
        for entry in bundle["entry"]:
            resource = {k: v for k, v in entry["resource"].items() if k not in ("text", "meta", "identifier")}
            kind = resource["resourceType"]
            about = json.dumps([resource.get(k) for k in ("code", "medicationCodeableConcept", "procedureCode")])
            if about not in seen.setdefault(kind, set()) or len(found[kind]) < _EACH:
                seen[kind].add(about)
                found.setdefault(kind, []).append(resource)
    for one in WRITTEN_HERE:
        found.setdefault(str(one["resourceType"]), []).append(one)
    return found


@functools.cache
def elements() -> dict[str, list[Any]]:
    """What stands under each element's name in the originals."""
    found: dict[str, list[Any]] = {}
    for resources in originals().values():
        for resource in resources:
            for name, value in resource.items():
                if value not in (known := found.setdefault(name, [])) and len(known) < _EACH * 4:
                    known.append(value)
    return found


def paths(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    found: list[tuple[Any, Any]] = []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        found.append((value, key))
        found += paths(inner)
    return found


def mutate(draw: st.DrawFn, resource: Json) -> None:
    """Break one thing in a resource."""
    choices = paths(resource)
    if not choices:
        return
    container, key = choices[draw(st.integers(0, len(choices) - 1))]
    what = draw(st.sampled_from(["junk", "junk", "junk", "drop", "list", "twice", "odd", "extra", "extra", "null"]))
    if what == "drop":
        del container[key]
    elif what == "list":
        container[key] = [container[key]]
    elif what == "twice":
        container[key] = [container[key], copy.deepcopy(container[key])]
    elif what == "null":
        container[key] = None
    elif what == "extra":
        resource.update(copy.deepcopy(draw(st.sampled_from(EXTRA))))
    elif what == "odd" and isinstance(container[key], str):
        container[key] = draw(st.sampled_from([*ODD_DATES, *ODD_REFERENCES, *ODD_TEXTS, *ODD_CODES]))
    else:
        container[key] = copy.deepcopy(draw(JUNK))


@st.composite
def resources(draw: st.DrawFn) -> Json:
    """A resource of any type: taken from the synthetic patients or put together from elements, then broken."""
    kind = draw(st.sampled_from(sorted(originals())))
    if kind in KINDS and draw(st.integers(0, 3)) == 0:
        found = draw(put_together(kind))
    else:
        found = copy.deepcopy(draw(st.sampled_from(originals()[kind])))
    _own(draw, found, kind)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 1, 2, 3, 6]))):
        mutate(draw, found)
    return found


def _own(draw: st.DrawFn, resource: Json, kind: str) -> None:
    """Whose it is, its id from a few so that some are met twice, and the name where names stand."""
    patient = draw(st.sampled_from(PATIENTS))
    resource["id"] = f"{kind}-{draw(st.integers(0, 9))}"
    if kind == "Patient":
        resource |= {"id": patient, "name": [{"family": MARKER}], "birthDate": "1960-05-01"}
    elif kind not in _SUBJECTS:
        resource["subject"] = {"reference": f"Patient/{patient}", "display": MARKER}
    elif _SUBJECTS[kind]:
        resource[str(_SUBJECTS[kind])] = {"reference": f"Patient/{patient}"}
    resource["text"] = {"status": "generated", "div": f"<div>{MARKER}</div>"}


def put_together(kind: str) -> st.SearchStrategy[Json]:
    """A resource of a type that we read, each element plausible or not."""
    shape = next(cls for cls in READ_TYPES if cls.__name__ == kind)
    names = [field.encode_name for field in msgspec.structs.fields(shape)]
    options = {
        name: st.one_of(st.sampled_from(elements()[name]), JUNK) if name in elements() else JUNK
        for name in names
        if name != "resourceType"
    }
    return st.fixed_dictionaries({}, optional=options).map(lambda found: {"resourceType": kind, **copy.deepcopy(found)})
