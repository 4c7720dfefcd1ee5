"""The house rules over the whole project, and for each a fixture that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.house import clinical, shape, words
from tests.house.tree import Source, python_sources, text_files

Rule = Callable[[Source], Iterator[str]]
RULES: tuple[Rule, ...] = (
    shape.first_line, shape.sizes, shape.names, clinical.numbers, clinical.codes, clinical.clock,
)  # fmt: skip

FINE = '''"""A room."""

from decimal import Decimal

HALF = Decimal("1") / 2
PERCENT = Decimal(100)
FAR = 1 << 62


def third(row: list[int]) -> int:
    return row[3]
'''
LONG_FUNCTION = '"""A room."""\n\n\ndef long() -> None:\n' + "    print()\n" * 40
AT_THE_LIMIT = '"""A room."""\n\n\ndef long() -> None:\n' + "    print()\n" * 39


def room(text: str, name: str = "adapter/guideline/topic.py") -> Source:
    return Source(name, text)


BREAKING: list[tuple[Rule, Source]] = [
    (shape.first_line, room("import os\n")),
    (shape.first_line, room('# A comment first.\n"""A room."""\n')),
    (shape.first_line, room("")),
    (shape.sizes, room('"""A room."""\n' + "x = 1\n" * 400)),
    (shape.sizes, room(LONG_FUNCTION)),
    (shape.sizes, room(LONG_FUNCTION.replace("def", "async def"))),
    (shape.names, room(FINE, "adapter/guideline/utils.py")),
    (shape.names, room(FINE, "adapter/common/topic.py")),
    (shape.names, room(FINE, "tests/cli/test_helpers.py")),
    (shape.names, room('"""A room."""\n\n\nclass PatientDataManager:\n    pass\n')),
    (shape.names, room('"""A room."""\n\n\nclass FHIRBase:\n    pass\n')),
    (shape.names, room('"""A room."""\n\n\ndef patient_info() -> None:\n    pass\n')),
    (clinical.numbers, room('"""A room."""\n\nLIMIT = 28\n')),
    (clinical.numbers, room('"""A room."""\n\nLIMIT = -3\n')),
    (clinical.numbers, room('"""A room."""\n\nLIMIT = 1.5\n')),
    (clinical.numbers, room('"""A room."""\n\nfrom decimal import Decimal\n\nLIMIT = Decimal("34.2")\n')),
    (clinical.numbers, room('"""A room."""\n\nLIMIT = 7\n', "adapter/normalize/observation.py")),
    (clinical.numbers, room('"""A room."""\n\nPLATELETS = 100\n')),
    (clinical.numbers, room('"""A room."""\n\nMONTHS = 12\n', "adapter/values/interval.py")),
    (clinical.codes, room('"""A room."""\n\nSYSTEM = "http://loinc.org"\n')),
    (clinical.codes, room('"""A room."""\n\nSYSTEM = "urn:oid:2.16.840.1.113883.6.1"\n')),
    (clinical.codes, room('"""A room."""\n\nCODE = "1975-2"\n')),
    (clinical.codes, room('"""A room."""\n\nCODE = "109841003"\n')),
    (clinical.codes, room('"""A room."""\n\nCODE = "L01FG01"\n')),
    (clinical.codes, room('"""A room."""\n\nCODE = "C22.0"\n')),
    (clinical.clock, room('"""A room."""\n\nfrom datetime import date\n\nTODAY = date.today()\n')),
    (clinical.clock, room('"""A."""\n\nimport datetime\n\nNOW = datetime.datetime.now()\n', "adapter/output/plan.py")),
    (clinical.clock, room('"""A room."""\n\nimport time\n\nNOW = time.time()\n', "adapter/pipeline.py")),
    (clinical.clock, room('"""A room."""\n\nimport random\n', "adapter/normalize/dates.py")),
]

FINE_SOURCES = [
    room(FINE),
    room(AT_THE_LIMIT),
    room('"""A room."""\n\nRULE = "C24-16"\nDAY = "no-gi-bleeding-6-months"\n'),
    room('"""A room."""\n\n\ndef test_a_base_url_keeps_its_data() -> None:\n    pass\n', "tests/cli/test_doors.py"),
    room('"""A room."""\n\nPORT = 8000\nURL = "http://loinc.org"\n', "adapter/service/doors.py"),
    room('"""A room."""\n\nimport time\n\nNOW = time.time()\n', "adapter/sync/runs.py"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    sources = python_sources()
    assert len(sources) > 50
    assert [complaint for source in sources for complaint in rule(source)] == []


@pytest.mark.parametrize(("rule", "broken"), BREAKING, ids=lambda value: getattr(value, "__name__", ""))
def test_the_rule_catches_what_breaks_it(rule: Rule, broken: Source) -> None:
    complaints = list(rule(broken))
    assert complaints
    assert all(broken.name in complaint for complaint in complaints)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_has_a_fixture_that_breaks_it_and_passes_what_is_fine(rule: Rule) -> None:
    assert rule in {broken for broken, _ in BREAKING}
    assert [complaint for source in FINE_SOURCES for complaint in rule(source)] == []


def test_no_file_names_a_place_of_this_machine_a_package_index_or_work_left_for_later() -> None:
    files = text_files()
    assert {"Makefile", "requirements.lock", "README.md", ".ci/run", "docker/Dockerfile"} <= {name for name, _ in files}
    assert [complaint for name, text in files for complaint in words.words(name, text)] == []


@pytest.mark.parametrize(
    "line",
    [
        "open('/" + "root/notes.txt')",
        "cd /" + "work/main",
        "see .." + "/shared/spec",
        "--index" + "-url https" + "://example.org",
        "<repo" + "sitory><id>x</id></repository>",
        "# TO" + "DO later",
        "FIX" + "ME",
    ],
)
def test_a_forbidden_word_is_found_in_any_text(line: str) -> None:
    assert list(words.words("README.md", f"fine\n{line}\n")) != []


def test_ordinary_words_are_left_alone() -> None:
    fine = "the work is done\nhttps://example.org/home/page\n/usr/bin/chromium\nnetwork/main\nWORKDIR /work\n"
    assert list(words.words("README.md", fine)) == []
