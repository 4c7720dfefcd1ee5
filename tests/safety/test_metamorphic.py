"""No telling of a record makes a patient look better than the record allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.safety import properties, restating, tables
from tests.safety.generated import patients
from tests.safety.patients import CORPORA, Patient, assessed, corpus

# Shares of the corpus that keep the whole within two minutes; the synthetic patients are large and alike at every day.
TAKEN = {"synthetic": 24}
SPOILED = {"synthetic": 150}
TOLD = {"synthetic": 6}
TOLD_OF_A_CASE = 2
TAKEN_OF_A_CASE, SPOILED_OF_A_CASE = 4, 24
TRIED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a violation names its patient's facts; to shrink it takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LISTED = 40


def complain(found: Iterator[str]) -> None:
    """Fail with every violation, one a line."""
    lines = list(dict.fromkeys(found))
    if lines:
        more = [f"... and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
        pytest.fail("\n".join([f"{len(lines)} violations", *lines[:LISTED], *more]), False)


def over(name: str, violations: Callable[[Patient], Iterator[str]]) -> None:
    """A property over one part of the corpus."""
    complain(line for patient in corpus(name) for line in violations(patient))


@pytest.mark.parametrize("name", CORPORA)
def test_taking_away_facts_never_makes_a_criterion_met(name: str) -> None:
    parts = TAKEN.get(name, TAKEN_OF_A_CASE)
    over(name, lambda patient: properties.poorer_is_never_better(patient, set(), parts))


@given(patients())
@TRIED
def test_taking_away_facts_never_makes_a_criterion_met_in_any_patient(patient: Patient) -> None:
    complain(properties.poorer_is_never_better(patient, set()))


@pytest.mark.parametrize("name", CORPORA)
def test_an_unusable_newer_value_leaves_nothing_favourable_standing(name: str) -> None:
    parts = SPOILED.get(name, SPOILED_OF_A_CASE)
    over(name, lambda patient: properties.unusable_is_never_favourable(patient, set(), parts))


@given(patients())
@TRIED
def test_an_unusable_newer_value_leaves_nothing_favourable_standing_in_any_patient(patient: Patient) -> None:
    complain(properties.unusable_is_never_favourable(patient, set(), 2))


@pytest.mark.parametrize("name", CORPORA)
def test_the_same_record_told_differently_changes_no_finding(name: str) -> None:
    def every_way(patient: Patient) -> Iterator[str]:
        before = assessed(patient)
        for way in restating.WAYS:
            if properties.share(f"{patient.name}/{way}", TOLD.get(name, TOLD_OF_A_CASE)):
                yield from properties.told_differently(patient, way, before)

    over(name, every_way)


@pytest.mark.parametrize("way", restating.WAYS)
@given(patient=patients())
@TRIED
def test_the_same_record_told_differently_changes_no_finding_in_any_patient(way: str, patient: Patient) -> None:
    complain(properties.told_differently(patient, way, assessed(patient)))


def test_every_exception_names_a_sentence_and_every_favourable_outcome_a_reason() -> None:
    for allowed in (*tables.exceptions(), *tables.spared()):
        assert allowed.sentence[0].isdigit(), allowed
    named = tables.favourable()
    for reasons in (*named.outcomes.values(), *named.criteria.values()):
        assert all(reasons.values())
