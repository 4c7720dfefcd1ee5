"""The cost of reading: documents to timelines, as a multiple of `orjson.loads` of the same bytes.

Run `python tests/bench/bench_read.py`; every patient is one Bundle of 300 resources with times of its own.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from adapter.fhir.documents import read_document
from adapter.normalize.records import read_records
from adapter.terminology import load_terminology

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SERVER = "http://example.org/fhir"
LABS = (
    ("1742-6", "U/L", 20, 120, 40),
    ("1920-8", "U/L", 20, 120, 40),
    ("14631-6", "umol/L", 5, 60, 21),
    ("1751-7", "g/L", 28, 48, None),
    ("777-3", "10*9/L", 60, 300, None),
    ("718-7", "g/L", 90, 160, None),
    ("14682-9", "umol/L", 50, 120, 97),
    ("1834-1", "ng/mL", 5, 4000, 20),
)


def bundle(seed: int, resources: int = 300) -> bytes:
    """One synthetic patient's Bundle."""
    rng = random.Random(seed)
    entries = [_entry({"resourceType": "Patient", "id": f"p{seed}", "birthDate": "1966-03-01", "gender": "male"})]
    for number in range(resources - 1):
        month, day, minute = rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 59)
        when = f"2023-{month:02d}-{day:02d}T{rng.randint(6, 18):02d}:{minute:02d}:00+08:00"
        make = _dose if number % 12 == 0 else _lab
        entries.append(_entry(make(rng, f"{seed}-{number}", f"Patient/p{seed}", when)))
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def _entry(resource: dict[str, object]) -> dict[str, object]:
    return {"fullUrl": f"{SERVER}/{resource['resourceType']}/{resource['id']}", "resource": resource}


def _lab(rng: random.Random, name: str, patient: str, when: str) -> dict[str, object]:
    code, unit, low, high, limit = rng.choice(LABS)
    quantity = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    found: dict[str, object] = {
        "resourceType": "Observation",
        "id": f"o{name}",
        "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"},
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "laboratory value"},
        "subject": {"reference": patient},
        "effectiveDateTime": when,
        "valueQuantity": {"value": round(rng.uniform(low, high), 1), **quantity},
    }
    if limit is not None:
        found["referenceRange"] = [{"high": {"value": limit, **quantity}}]
    return found


def _dose(rng: random.Random, name: str, patient: str, when: str) -> dict[str, object]:
    return {
        "resourceType": "MedicationAdministration",
        "id": f"m{name}",
        "status": "completed",
        "subject": {"reference": patient},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01FF14"}]},
        "effectiveDateTime": when,
    }


def best(work: Callable[[bytes], object], texts: list[bytes], rounds: int = 5) -> float:
    """The best round's seconds per text."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for text in texts:
            work(text)
        found.append((time.perf_counter() - start) / len(texts))
    return min(found)


def from_files() -> list[bytes]:
    """Bundles named on the command line, else synthetic ones."""
    paths = [Path(p) for p in sys.argv[1:]]
    return [p.read_bytes() for p in paths] or [bundle(seed) for seed in range(200)]


def main() -> None:
    """Print the ratio."""
    terminology = load_terminology()
    texts = from_files()
    gc.collect()
    gc.freeze()

    def reading(text: bytes) -> object:
        return read_records(read_document(text, "bench").entries, terminology=terminology, zone="Asia/Shanghai")

    first = best(reading, texts, 1)
    loads, documents, whole = (
        best(orjson.loads, texts),
        best(lambda t: read_document(t, "bench"), texts),
        best(reading, texts),
    )
    size = sum(map(len, texts)) / len(texts) / 1000
    print(f"{len(texts)} bundles of {size:.0f} kB: orjson.loads {loads * 1e3:.2f} ms")
    print(f"decode: {documents * 1e3:.2f} ms ({documents / loads:.2f} x)")
    print(f"decode and normalize: {whole * 1e3:.2f} ms ({whole / loads:.2f} x)")
    print(f"the first time, with empty memories: {first * 1e3:.2f} ms ({first / loads:.2f} x)")


if __name__ == "__main__":
    main()
