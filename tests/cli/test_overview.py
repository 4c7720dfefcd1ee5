"""The table of a demo: for each patient the gravest finding and the step that it asks for, with its date."""

from __future__ import annotations

from datetime import date

import orjson
import pytest

from adapter.cli.overview import show_overview
from adapter.fhir.documents import read_document
from adapter.guideline.model import Assessment
from adapter.output.phrases import Phrases
from adapter.output.upcoming import ALARMS, Upcoming
from adapter.pipeline import evaluator
from adapter.sandbox.synthetic import synthetic_bundles

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def patients() -> dict[str, Assessment]:
    """The synthetic patients by their name without number."""
    configured = evaluator()
    as_of = configured.as_of(TODAY.isoformat())
    found = {}
    for bundle in synthetic_bundles(TODAY):
        (record,) = configured.records(read_document(orjson.dumps(bundle), "x").entries).patients
        found[record.reference.split("-", 2)[-1]] = configured.assess(record, as_of)
    return found


def next_of(assessment: Assessment) -> tuple[str, str]:
    step = Upcoming(assessment, Phrases(evaluator().texts("en"))).next()
    assert step is not None
    return step.what, step.when


def test_an_operation_too_early_is_answered_by_the_first_day_that_keeps_the_interval(
    patients: dict[str, Assessment],
) -> None:
    found = patients["bevacizumab-too-late"]
    due = next(f.due for f in found.findings if f.code == "interval.bevacizumab")
    what, when = next_of(found)
    assert due is not None and due.earliest is not None
    assert "hepatectomy at the earliest" in what
    assert due.earliest in when


def test_an_alarm_without_a_day_goes_to_the_team_today(patients: dict[str, Assessment]) -> None:
    assert next_of(patients["recurrence"]) == (
        "multidisciplinary team: Signs of recurrence",
        f"{TODAY.isoformat()} (today)",
    )


def test_without_an_alarm_the_window_that_closes_first_is_next(patients: dict[str, Assessment]) -> None:
    calm = {n: a for n, a in patients.items() if not any(f.severity in ALARMS for f in a.findings)}
    assert len(calm) > 3
    for name, assessment in calm.items():
        open_until = [f.due.latest for f in assessment.findings if f.due and f.due.latest]
        what, when = next_of(assessment)
        if open_until and "last permitted" not in what and "planned operation" not in what:
            assert min(open_until) in when or when < min(open_until), name


def test_the_table_has_a_row_a_patient_and_no_citation(
    patients: dict[str, Assessment], capsys: pytest.CaptureFixture[str]
) -> None:
    show_overview(patients.values(), evaluator().texts("en"))
    text = capsys.readouterr().out
    assert all(a.patient.removeprefix("Patient/") in text for a in patients.values())
    assert "C24-" not in text
