"""A site's own values for thresholds: what no threshold can be is refused, with file and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapter.errors import TableError
from adapter.guideline.thresholds import EDITIONS, load_thresholds, topic_entries


def site(folder: Path, value: str, name: str = "labs", topic: str = "ground_rules") -> Path:
    head = f'topic: {topic}\nsource: us\nreviewed: "2026-03-01"\n'
    (folder / "own.yaml").write_text(f"{head}values: {{{name}: {value}}}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(
    "value",
    ["0", "-1", "1e400", "1e3", "NaN", "Infinity", "1_0", "١٤", "36526", "20260301", "14.5", '""', "[14]", "true"],
)
def test_a_number_of_days_that_none_can_be_is_refused_in_every_edition(
    tmp_path: Path, value: str, edition: str
) -> None:
    with pytest.raises(TableError, match=r"own\.yaml: .*labs"):
        load_thresholds(edition, site(tmp_path, value))


@pytest.mark.parametrize(
    ("topic", "name", "value"),
    [("adjuvant", "partial-response", "101"), ("viral", "dna-high", "9999999999"), ("eligibility", "age-most", "151")],
)
def test_other_units_have_their_bounds_too(tmp_path: Path, topic: str, name: str, value: str) -> None:
    if name not in topic_entries()[topic]["values"]:
        pytest.fail(f"{topic} has no {name} any more")
    with pytest.raises(TableError, match=f"{name} is .* at most"):
        load_thresholds("2024", site(tmp_path, value, name, topic))


def test_an_unknown_edition_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"own\.yaml: labs names the unknown edition 2042; the nearest is 2024"):
        load_thresholds("2021", site(tmp_path, '{"2042": 14}'))


def test_a_value_of_one_edition_leaves_the_others_alone(tmp_path: Path) -> None:
    folder = site(tmp_path, '{"2021": 15}')
    assert load_thresholds("2021", folder).limit("ground_rules", "labs").value == 15
    assert not load_thresholds("2024", folder).limit("ground_rules", "labs").by_site


def test_a_value_that_only_one_edition_knows_stops_no_other_edition(tmp_path: Path) -> None:
    folder = site(tmp_path, "7", "ici-minimum", "intervals")
    assert load_thresholds("2021", folder).limit("intervals", "ici-minimum").days == 7
    assert not load_thresholds("2024", folder).has("intervals", "ici-minimum")


def test_every_shipped_value_is_within_the_bounds_of_a_site(tmp_path: Path) -> None:
    for topic, limits in load_thresholds("2024").topics().items():
        for name, limit in limits.items():
            if not limit.figure:
                load_thresholds("2024", site(tmp_path, f"{limit.value:f}", name, topic))


@pytest.mark.parametrize("name", ["own.yaml", "own.yml"])
def test_a_fifo_and_a_file_with_another_ending_are_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(TableError, match=rf"{name}: is (no regular file|not read; rename it)"):
        load_thresholds("2024", tmp_path)


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("a: &a [x, x]\nb: [*a, *a]\n")
    with pytest.raises(TableError, match=r"own\.yaml:2: the alias \*a"):
        load_thresholds("2024", tmp_path)
