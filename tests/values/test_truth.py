"""Three-valued logic keeps its laws, and ignorance never turns into an answer."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.values import Truth, all_of, any_of, negate, truth

TRUTHS = st.sampled_from(Truth)
LISTS = st.lists(TRUTHS, max_size=6)


def worlds(values: list[Truth]) -> list[tuple[bool, ...]]:
    """Every way in which the unknown ones could turn out."""
    choices = {Truth.MET: (True,), Truth.NOT_MET: (False,), Truth.UNKNOWN: (True, False)}
    return list(product(*(choices[value] for value in values)))


@given(LISTS)
def test_and_is_decided_exactly_when_every_possible_world_agrees(values: list[Truth]) -> None:
    verdicts = {all(world) for world in worlds(values)}
    assert all_of(values) is truth(verdicts.pop() if len(verdicts) == 1 else None)


@given(LISTS)
def test_or_is_decided_exactly_when_every_possible_world_agrees(values: list[Truth]) -> None:
    verdicts = {any(world) for world in worlds(values)}
    assert any_of(values) is truth(verdicts.pop() if len(verdicts) == 1 else None)


@given(LISTS)
def test_and_and_or_are_dual(values: list[Truth]) -> None:
    assert negate(all_of(values)) is any_of([negate(v) for v in values])


@given(TRUTHS)
def test_not_twice_changes_nothing(value: Truth) -> None:
    assert negate(negate(value)) is value


@given(LISTS.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_the_order_of_criteria_does_not_matter(pair: tuple[list[Truth], list[Truth]]) -> None:
    values, mixed = pair
    assert all_of(mixed) is all_of(values)
    assert any_of(mixed) is any_of(values)


@given(LISTS, st.integers(min_value=0, max_value=5))
def test_learning_less_never_decides_more(values: list[Truth], which: int) -> None:
    if which >= len(values):
        return
    less = [Truth.UNKNOWN if i == which else v for i, v in enumerate(values)]
    for combine in (all_of, any_of):
        assert combine(less) in (Truth.UNKNOWN, combine(values))


@pytest.mark.parametrize(("value", "expected"), [(True, "met"), (False, "not-met"), (None, "unknown")])
def test_a_boolean_becomes_the_contracts_word(value: bool | None, expected: str) -> None:
    assert truth(value).value == expected
