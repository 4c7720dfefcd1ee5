"""Resources in, records out, through the public doors of reading."""

from __future__ import annotations

import functools
import json
from typing import Any, TypeVar

from adapter.fhir.documents import read_document
from adapter.normalize.accounts import Accounts
from adapter.normalize.records import Record, Records, read_records
from adapter.resources.entries import Entries
from adapter.terminology import Terminology, load_terminology
from adapter.values import AsOf, parse_as_of

LOINC, SNOMED, ATC = "http://loinc.org", "http://snomed.info/sct", "http://www.whocc.no/atc"
OWN = "https://hcc-conversion.org/fhir/CodeSystem/concept"
UCUM = "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1966-03-01", "gender": "male"}
SUBJECT = {"reference": "Patient/p1"}
DAY = "2024-04-28"
AS_OF = parse_as_of("2024-05-01", "UTC")

Fact = TypeVar("Fact")


@functools.cache
def terminology() -> Terminology:
    return load_terminology()


def coded(system: str, *codes: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def observation(code: dict[str, Any], identity: str = "o1", **members: Any) -> dict[str, Any]:
    base = {"resourceType": "Observation", "id": identity, "status": "final", "subject": SUBJECT, "code": code}
    return _without_none({**base, "effectiveDateTime": DAY, **members})


def lab(loinc: str, value: Any, unit: str | None = None, identity: str = "o1", **members: Any) -> dict[str, Any]:
    quantity = {"value": value} if unit is None else {"value": value, "unit": unit}
    return observation(coded(LOINC, loinc), identity, **{"valueQuantity": quantity, **members})


def condition(code: dict[str, Any], identity: str = "c1", **members: Any) -> dict[str, Any]:
    base = {"resourceType": "Condition", "id": identity, "subject": SUBJECT, "code": code}
    return _without_none({**base, "onsetDateTime": "2024-01-05", **members})


def drug(kind: str, key: str, identity: str = "m1", **members: Any) -> dict[str, Any]:
    base = {"resourceType": kind, "id": identity, "subject": SUBJECT, "medicationCodeableConcept": coded(OWN, key)}
    return _without_none({**base, **members})


def procedure(key: str, identity: str = "x1", **members: Any) -> dict[str, Any]:
    base = {"resourceType": "Procedure", "id": identity, "status": "completed", "subject": SUBJECT}
    return _without_none({**base, "code": coded(OWN, key), "performedDateTime": "2024-03-01", **members})


def read(*resources: Any, bundle: dict[str, Any] | None = None, **choices: Any) -> Records:
    """Resources beside the patient p1, read as one collection."""
    return read_all(PATIENT, *resources, bundle=bundle, **choices)


def read_all(*resources: Any, bundle: dict[str, Any] | None = None, **choices: Any) -> Records:
    """Exactly these resources; one with a `fullUrl` of its own is given as an entry."""
    entries = [r if isinstance(r, dict) and "resource" in r else {"resource": r} for r in resources]
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries, **(bundle or {})}
    document = read_document(json.dumps(whole).encode(), "test")
    given = {"zone": "UTC", "terminology": terminology(), "incomplete": document.incomplete, **choices}
    return read_records(document.entries, **given)


def read_document_of(*resources: Any) -> Entries:
    """Resources as the entries of a Bundle of their own."""
    whole = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    return read_document(json.dumps(whole).encode(), "test").entries


def only(records: Records) -> Record:
    assert len(records.patients) == 1
    return records.patients[0]


def facts(kind: type[Fact], *resources: Any, **choices: Any) -> list[Fact]:
    """The events of a kind that come of some resources of patient p1."""
    return [e for e in only(read(*resources, **choices)).timeline.events if isinstance(e, kind)]


def fact(kind: type[Fact], *resources: Any, **choices: Any) -> Fact:
    found = facts(kind, *resources, **choices)
    assert len(found) == 1
    return found[0]


def accounts(*resources: Any, as_of: AsOf = AS_OF, **choices: Any) -> Accounts:
    """The account of patient p1 and some resources; the patient itself is one of the used."""
    found = only(read(*resources, **choices)).accounts(as_of)
    counts = (found.used, found.rejected_count, found.unmapped_count, found.not_counted, found.other_type)
    assert sum(counts) == found.resources == len(resources) + 1
    return found


def reasons(*resources: Any, **choices: Any) -> dict[str, str]:
    """Reference -> the first word of the reason why it is rejected."""
    return {r.reference: r.reason.split(":")[0] for r in accounts(*resources, **choices).rejected}


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
