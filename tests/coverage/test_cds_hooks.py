"""Every line of the CDS Hooks checklist is named by a test, or says why none can stand for it."""

from __future__ import annotations

import pytest

from tests.coverage.make_cds_hooks import PAGE, lines, named_by, page

LAST = 51


def test_the_committed_table_is_what_the_generator_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.coverage.make_cds_hooks"


def test_the_lines_are_those_of_the_checklist() -> None:
    assert list(lines()) == list(range(1, LAST + 1))
    assert set(named_by()) <= set(lines())


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_a_line_is_named_by_a_test_or_says_why_not(number: int) -> None:
    assert bool(named_by().get(number)) != bool(lines()[number].get("why"))
