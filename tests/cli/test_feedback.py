"""The report on what became of the cards."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from adapter.state import open_state
from adapter.state.feedback import Feedback
from adapter.state.shown import Shown
from tests.cli.conftest import Command, lines

VIEW, SIGN = "hcc-conversion-patient-view", "hcc-conversion-order-sign"
AT = "2024-05-01T10:00:00+00:00"


@pytest.fixture
def state(tmp_path: Path) -> str:
    """A database with four cards on two days, one of them in silent mode, and reports on three."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_state(url) as memory:
        memory.shown.note(
            [
                *[Shown("c-1", VIEW, "", "2024-05-01", False, "interval.tki")] * 3,
                Shown("c-2", VIEW, "", "2024-05-02", False, "interval.tki"),
                Shown("c-3", SIGN, "", "2024-05-02", False, "order.ici"),
                Shown("c-4", SIGN, "", "2024-05-02", True, "order.ici"),
            ]
        )
        memory.feedback.add(Feedback(VIEW, "c-1", "overridden", AT, reasons='{"reason":{"code":"patient-refuses"}}'))
        memory.feedback.add(Feedback(SIGN, "c-3", "accepted", AT, reasons='{"suggestions":["s"]}'))
        memory.feedback.add(Feedback(SIGN, "gone", "overridden", AT, reasons='{"comment":"Zhang San wants to wait"}'))
    return url


def test_the_report_counts_shown_accepted_overridden_ignored_and_silent(command: Command, state: str) -> None:
    """cds-32, cds-34: what feedback is for; an unknown card counts."""
    ended = command("feedback", "report", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    rows = {(row["service"], row["rule"]): row for row in report["rows"]}
    tki, ici, unknown = rows[VIEW, "interval.tki"], rows[SIGN, "order.ici"], rows[SIGN, "(unknown card)"]
    assert (tki["cards"], tki["times"], tki["overridden"], tki["ignored"]) == (2, 4, 1, 1)
    assert tki["reasons"] == {"patient-refuses": 1}
    assert (ici["cards"], ici["accepted"], ici["ignored"], ici["silentCards"], ici["silentTimes"]) == (1, 1, 0, 1, 1)
    assert (unknown["cards"], unknown["overridden"], unknown["reasons"]) == (0, 1, {"(comment only)": 1})
    assert report["schema"] == "hcc-conversion/feedback/1" and report["total"]["cards"] == 3


def test_every_format_says_the_same_and_names_nobody(command: Command, state: str) -> None:
    shown = {form: command("feedback", "report", "--format", form).stdout.decode() for form in ("table", "json", "csv")}
    rows = list(csv.DictReader(io.StringIO(shown["csv"])))
    told = json.loads(shown["json"])["rows"]
    assert [int(row["overridden"]) for row in rows] == [row["overridden"] for row in told]
    assert "patient-refuses=1" in [row["reasons"] for row in rows]
    for text in shown.values():
        assert "interval.tki" in text and "patient-refuses" in text
        assert "Zhang" not in text and "c-1" not in text and "gone" not in text


def test_since_leaves_out_what_was_shown_before(command: Command, state: str) -> None:
    report = json.loads(command("feedback", "report", "--format", "json", "--since", "2024-05-02").stdout)
    assert report["since"] == "2024-05-02"
    assert {row["rule"]: row["cards"] for row in report["rows"]} == {"interval.tki": 1, "order.ici": 1}


def test_another_database_can_be_named(command: Command, state: str, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    ended = command("feedback", "report", "--state", state, HCC_STATE=f"sqlite:///{tmp_path / 'else' / 'x.db'}")
    assert ended.returncode == 0 and b"interval.tki" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--since", "soon"], "--since"), (["--state", "sqlite:////nowhere/x.db"], "state database")],
)
def test_a_wrong_day_or_place_is_one_clear_line(command: Command, arguments: list[str], word: str) -> None:
    ended = command("feedback", "report", *arguments)
    assert (ended.returncode, len(lines(ended.stderr))) == (2, 1)
    assert word in ended.stderr.decode()
