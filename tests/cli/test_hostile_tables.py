"""Site tables that are slips or traps: check and evaluation refuse them alike, in one line that names the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapter.errors import TableError
from adapter.terminology import load_terminology
from adapter.terminology.checks import check_tables
from adapter.values.site_files import MOST_BYTES
from tests.cli.conftest import Command, lines

UNITS = "concept,unit,canonical,factor,source\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 8)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refused(overlay: Path) -> str:
    """The line with which an evaluation would end; the check must have an error at the same file."""
    with pytest.raises(TableError) as caught:
        load_terminology(overlay)
    errors = check_tables(overlay).errors
    assert errors and "\n" not in str(caught.value)
    assert str(caught.value).partition(":")[0] in {error.place.partition(":")[0] for error in errors}
    return str(caught.value)


@pytest.mark.parametrize(
    "factor",
    ["1e400", "1e300", "1e-400", "1e3", "1_0", "١", "٣٫٥", "NaN", "Infinity", "1/0", "0", "-1", "+1", "", " 1", "1/-2"],
)
@pytest.mark.parametrize("table", ["units.csv", "conversions.csv"])
def test_a_factor_that_is_no_plain_positive_number_of_sane_size_is_refused(
    tmp_path: Path, table: str, factor: str
) -> None:
    row = f"alt,foo/L,U/L,{factor},s\n" if table == "units.csv" else f"afp_units,afp,{factor},s\n"
    header = UNITS if table == "units.csv" else "concept,target,factor,source\n"
    (tmp_path / table).write_text(header + row, encoding="utf-8")
    told = refused(tmp_path)
    assert told.startswith(f"{tmp_path / table}:2: factor ") and len(told) < len(str(tmp_path)) + 150


@pytest.mark.parametrize("factor", ["1000000000001", "0.0000000000009", "1/10000000000000", "9" * 5000])
def test_a_factor_beyond_all_that_two_units_can_differ_by_is_refused(tmp_path: Path, factor: str) -> None:
    (tmp_path / "units.csv").write_text(f"{UNITS}alt,foo/L,U/L,{factor},s\n", encoding="utf-8")
    assert refused(tmp_path).startswith(f"{tmp_path / 'units.csv'}:2: factor ")


@pytest.mark.parametrize("factor", ["1000000000000", "0.000000000001", "1/60", "17.1"])
def test_a_plain_factor_within_the_bounds_is_used(tmp_path: Path, factor: str) -> None:
    (tmp_path / "units.csv").write_text(f"{UNITS}alt,foo/L,U/L,{factor},s\n", encoding="utf-8")
    assert not isinstance(load_terminology(tmp_path).unit("alt", None, None, "foo/L"), str)
    assert check_tables(tmp_path).errors == ()


@pytest.mark.parametrize("value", ["1e400", "NaN", "1_0", "٤"])
def test_a_limit_of_normal_that_is_no_plain_number_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "normal_limits.csv").write_text(f"concept,sex,high,unit\nalt,male,{value},U/L\n", encoding="utf-8")
    assert "is no number" in refused(tmp_path)


def a_folder(place: Path) -> None:
    place.mkdir()


def a_fifo(place: Path) -> None:
    os.mkfifo(place)


def an_endless_link(place: Path) -> None:
    place.symlink_to("/dev/zero")


def a_circle_of_links(place: Path) -> None:
    place.symlink_to(place)


def a_huge_file(place: Path) -> None:
    with place.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)


@pytest.mark.parametrize("make", [a_folder, a_fifo, an_endless_link, a_circle_of_links, a_huge_file])
@pytest.mark.parametrize("table", ["units.csv", "systems.yaml", "reviews.yaml"])
def test_only_a_regular_file_of_modest_size_is_read(tmp_path: Path, table: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / table)
    if table == "reviews.yaml":
        assert any(str(tmp_path / table) in error.place for error in check_tables(tmp_path).errors)
    else:
        assert refused(tmp_path).startswith(f"{tmp_path / table}: ")


@pytest.mark.parametrize(
    ("table", "text", "why"),
    [
        ("systems.yaml", BOMB, ":2: the alias *a"),
        ("systems.yaml", "systems: &a\n  - *a\n", ":2: the alias *a"),
        ("systems.yaml", f"systems: {'[' * 900}{']' * 900}\n", ":1: nested too deep"),
        ("groups.yaml", "ici:\n  cite: 2026-13-45\n", ": not the expected YAML"),
        ("groups.yaml", "? [a]\n: b\n", ": not the expected YAML"),
        ("systems.yaml", "classes: [{system: a, prefix: 5, concept: alt}]\n", ": wrong at classes: prefix"),
        ("systems.yaml", "classes: [{system: a, prefix: x, concept: [q]}]\n", ": wrong at classes: prefix"),
        ("groups.yaml", "own:\n  cite: x\n  concepts: 5\n", ": concepts of group 'own' is a list"),
        ("groups.yaml", "own:\n  cite: x\n  groups: [[a]]\n", ": groups of group 'own' is a list"),
        ("units.csv", "concept,concept,unit,canonical,factor\nalt,alt,foo,U/L,2\n", ":1: the column 'concept' stands"),
        ("units.csv", f"{UNITS}alt,fo\0o/L,U/L,2,s\n", ":2: holds a NUL byte"),
        ("drug_names.csv", "name,concept\nx\0,lenvatinib\n", ":2: holds a NUL byte"),
        ("unit_aliases.csv", "alias,unit,concept\ng/L,g/dL,albumin\n", ":2: 'g/L' is itself a unit"),
        ("unit_aliases.csv", "alias,unit,concept\nmmol/L,U/L,alt\n", ":2: 'mmol/L' is itself a unit"),
    ],
)
def test_what_would_lead_astray_or_never_end_is_refused_by_check_and_evaluation(
    tmp_path: Path, table: str, text: str, why: str
) -> None:
    (tmp_path / table).write_text(text, encoding="utf-8")
    assert refused(tmp_path).startswith(f"{tmp_path / table}{why}")


def test_an_alias_that_already_means_another_unit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unit_aliases.csv").write_text("alias,unit,concept\nG/uL,10*9/L,platelets\nG/uL,/uL,platelets\n")
    assert "already means" in refused(tmp_path)


def test_the_commands_end_with_2_and_say_it_in_one_line(command: Command, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "units.csv").write_text(f"{UNITS}alt,foo/L,U/L,1e400,s\n")
    (tmp_path / "p.json").write_text('{"resourceType":"Patient","id":"p"}')
    evaluated = command("evaluate", str(tmp_path / "p.json"), HCC_MAPPINGS=str(overlay))
    checked = command("mappings", "check", "--mappings", str(overlay))
    assert (evaluated.returncode, checked.returncode) == (2, 2)
    assert evaluated.stdout == b"" and len(lines(evaluated.stderr)) == 1
    assert b"units.csv:2: factor '1e400'" in evaluated.stderr and b"units.csv:2: factor '1e400'" in checked.stderr
