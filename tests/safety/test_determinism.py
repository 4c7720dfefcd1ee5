"""The same record gives the same bytes: in another order of entries, in another process, under another hash seed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.safety import properties
from tests.safety.patients import CORPORA, Patient, assessed, corpus, resources

SEEDS = ("0", "1", "4242")
ORDERS = (1, 2)


def identified(patient: Patient) -> bool:
    """A record whose entries all have an id, so that their place names nothing; a history is an order itself."""
    return patient.bundle.get("type") != "history" and all("id" in resource for resource in resources(patient))


def sample(parts: int) -> Iterator[Patient]:
    """A share of the whole corpus."""
    for name in CORPORA:
        for patient in corpus(name):
            if properties.share(f"{patient.name}/determinism", parts) and identified(patient):
                yield patient


def written(patient: Patient) -> str:
    """The assessments as JSON, in the order in which they are printed."""
    return json.dumps(assessed(patient), ensure_ascii=False)


def digests(order: int) -> list[str]:
    """One hash a patient of the sample, the entries in an order of their own."""
    return [hashlib.sha256(written(properties.shuffled(patient, order)).encode()).hexdigest() for patient in sample(24)]


@pytest.mark.parametrize("name", CORPORA)
def test_the_order_of_entries_changes_no_byte(name: str) -> None:
    for patient in corpus(name):
        if identified(patient) and properties.share(patient.name, 2):
            expected = written(patient)
            for order in ORDERS:
                assert written(properties.shuffled(patient, order)) == expected, patient.name


def test_another_hash_seed_and_another_process_change_no_byte() -> None:
    code = "from tests.safety.test_determinism import digests; print(*digests({}))"
    found = []
    for order, seed in enumerate(SEEDS):
        call = [sys.executable, "-c", code.format(order)]
        done = subprocess.run(
            call, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        found.append(done.stdout.split())
    assert len(found[0]) > 40
    assert found == [found[0]] * len(SEEDS)
    assert digests(0) == found[0]


def test_a_result_that_depends_on_the_order_would_be_seen() -> None:
    patient = next(sample(1))
    turned = patient.with_entries(patient.entries[::-1])
    assert json.dumps(patient.entries) != json.dumps(turned.entries)
    assert json.dumps(properties.shuffled(patient, 1).entries) != json.dumps(patient.entries)
