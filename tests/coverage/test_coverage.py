"""Every statement of the sources is covered by a rule and a case, or says why not; nothing cites what is unknown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from adapter.guideline.statements import PARTS, citations, registry, topics
from adapter.guideline.table import catalogue_rows
from adapter.output.statements import citation
from adapter.output.wordbook import LANGUAGES, texts_of
from tests.coverage.evaluated import said_by_all_cases
from tests.coverage.make_coverage import PAGE, ROOT, TABLE, cases_by_code, page, table

REQUIRED = [
    *(f"C24-{number}" for number in range(1, 19)),
    *(f"C24-fig1{letter}" for letter in "abcde"),
    *(f"C21-{number}" for number in range(1, 17)),
    "C21-fig2",
]
CITED = re.compile(r"(?:C24|C21|R24|Z23)(?:-[a-z0-9.]+)?|CNLC-2024|BCLC-2022|CTCAE-5\.0")
CODES = sorted({code for code, _ in catalogue_rows()})
MODULES = sorted((ROOT / "adapter/guideline").glob("*.py"))
AGAIN = "run: python -m tests.coverage.make_coverage"


def test_the_committed_tables_are_what_the_generator_makes() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), AGAIN
    assert PAGE.read_text(encoding="utf-8") == page(), AGAIN


@pytest.mark.parametrize("key", REQUIRED)
def test_a_statement_is_computed_by_a_rule_with_a_case_or_says_why_not(key: str) -> None:
    one = registry().statements[key]
    if one.not_computable is not None:
        reason = f"not-computable-{one.not_computable}"
        assert all(reason in texts_of(language)["fragments"] for language in LANGUAGES)
    else:
        assert one.findings
        assert [code for code in one.findings if not cases_by_code().get(code)] == []


@pytest.mark.parametrize("key", [key for key in REQUIRED if "fig" not in key])
def test_a_numbered_statement_carries_the_grade_of_its_source(key: str) -> None:
    one = registry().statements[key]
    if one.source == "C24":
        assert re.fullmatch(r"Evidence level [1-5]", one.evidence or "")
        assert re.fullmatch(r"Recommendation [ABC]", one.strength or "")
    else:
        assert one.evidence in {f"{level}-quality evidence" for level in ("very low", "low", "moderate", "high")}
        assert one.strength in {"strong recommendation", "conditional recommendation"}
        assert one.agreement is not None and 80 <= one.agreement <= 100


@pytest.mark.parametrize("key", [key for key in REQUIRED if "fig" not in key])
def test_the_grade_written_into_records_is_that_of_the_register(key: str) -> None:
    one = registry().statements[key]
    strength = (one.strength or "").lower().removesuffix(" recommendation").removeprefix("recommendation ")
    evidence = (one.evidence or "").lower().removesuffix(" evidence").removeprefix("evidence ").replace("-", " ")
    written = citation(key).lower()
    assert f"recommendation {strength}" in written
    assert written.endswith(f"evidence {evidence}")


@pytest.mark.parametrize("code", CODES)
def test_a_finding_cites_only_statements_that_the_register_gives_to_it(code: str) -> None:
    cited = said_by_all_cases().statements[code]
    assert cited, f"no case makes {code} appear"
    assert cited - set(registry().about(code)) == set()


@pytest.mark.parametrize("code", CODES)
def test_every_outcome_of_the_catalogue_is_reached_by_a_case(code: str) -> None:
    listed = {outcome for known, outcome in catalogue_rows() if known == code}
    assert listed - said_by_all_cases().outcomes[code] == set()


@pytest.mark.parametrize("code", CODES)
def test_a_criterion_of_the_register_is_named_by_the_rule_in_some_case(code: str) -> None:
    assert set(registry().criteria(code)) - said_by_all_cases().criteria[code] == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_names_no_statement_that_the_register_does_not_know(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {text for text in texts if CITED.fullmatch(text)}
    assert named - set(registry().statements) == set()


@pytest.mark.parametrize("topic", sorted(topics()))
def test_every_number_cites_a_statement_of_the_register(topic: str) -> None:
    cited = {key for entry in topics()[topic]["values"].values() for key in citations(entry)}
    assert cited
    assert cited - set(registry().statements) == set()


def test_a_number_of_the_project_is_marked_as_such() -> None:
    unmarked = [
        f"{topic}/{name}"
        for topic, content in topics().items()
        for name, entry in content["values"].items()
        if citations(entry) == ["project"] and not entry["project"]
    ]
    assert unmarked == []


@pytest.mark.parametrize("code", [*CODES, *sorted(PARTS)])
def test_the_module_of_a_rule_reports_its_code(code: str) -> None:
    text = (ROOT / f"adapter/guideline/{registry().rules[code].module}.py").read_text(encoding="utf-8")
    group, _, name = code.partition(".")
    assert code in text or code in PARTS or (f'f"{group}.' in text and f'"{name}"' in text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_statement_and_grade_has_words(language: str) -> None:
    known = registry()
    assert set(texts_of(language)["statements"]) == set(known.statements)
    grades = {word for one in known.statements.values() for word in (one.evidence, one.strength, one.basis) if word}
    places = {f"place-{kind}" for one in known.statements.values() for kind, _ in one.place.parts()}
    scales = {f"grading-{source.grading}" for source in known.sources.values() if source.grading}
    assert (grades | places | scales) - set(texts_of(language)["words"]) == set()
    weights = {value for row in catalogue_rows().values() for value in row}
    keys = {value if " " in value else f"kind-{value}" for value in weights}
    assert keys - set(texts_of(language)["words"]) == set()
