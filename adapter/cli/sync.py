"""The command that reads a FHIR server, evaluates, and writes back."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from adapter.cli.outcome import DONE, SOME_FAILED, say
from adapter.cli.road import Road, open_road
from adapter.errors import RemoteError, UsageError
from adapter.fhir.client import is_id
from adapter.settings import load
from adapter.sync import PatientOutcome, SyncReport
from adapter.sync.runs import Progress

_EVERY = re.compile(r"(\d{1,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def sync_server(
    flags: Mapping[str, str | None], *, once: bool, every: str | None, dry_run: bool, patients: Sequence[str]
) -> int:
    """One run, or one after the other until Ctrl-C; 1 when a patient failed.

    Raises UsageError for wrong flags and RemoteError when a single run cannot use the servers.
    """
    if once and every:
        raise UsageError("--once and --every exclude each other")
    for patient in patients:
        if not is_id(patient.removeprefix("Patient/")):
            raise UsageError("--patient: an id has letters, digits, - . and _, at most 64 of them, and not only dots")
    pause = _pause(every) if every else None
    with open_road(load(flags)) as road:
        if pause is None:
            return _run(road, patients, dry_run)
        while True:
            _run_and_go_on(road, patients, dry_run)
            time.sleep(pause)


def _pause(every: str) -> int:
    match = _EVERY.fullmatch(every.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--every {every!r} is no time; write it as 30s, 15m or 2h")
    return int(match[1]) * _SECONDS[match[2]]


def _run_and_go_on(road: Road, patients: Sequence[str], dry_run: bool) -> int:
    """One run of many: a server that is away now may be there at the next."""
    try:
        return _run(road, patients, dry_run)
    except RemoteError as error:
        say(str(error))
        return SOME_FAILED


def _run(road: Road, patients: Sequence[str], dry_run: bool) -> int:
    with progress_shown() as progress:
        report = road.run(patients, dry_run=dry_run, progress=progress)
    _tell(road, report)
    return SOME_FAILED if report.failed else DONE


def _tell(road: Road, report: SyncReport) -> None:
    for outcome in report.outcomes:
        if outcome.error is not None:
            say(f"{outcome.patient}: {outcome.error}")
        for kind, reason in outcome.incomplete:
            say(f"{outcome.patient}: {kind} was not read in full: {reason}")
        if report.dry_run:
            for write in outcome.done:
                print(f"{outcome.patient}: would {write}")
    for note in report.notes:
        say(note)
    target = road.target.base if road.target else "nowhere"
    failed = f" ({len(report.failed)} failed)" if report.failed else ""
    verb = "to be written" if report.dry_run else "written"
    print(f"patients read from {road.source.base}: {len(report.outcomes)}{failed}")
    if not report.outcomes:
        say("nobody has a confirmed Condition with a known code of HCC; HCC_MAPPINGS adds the site's own codes")
    print(f"resources {verb} to {target}: {report.writes}")


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """A bar on a terminal, a plain line a patient elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("patients"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("patients", total=None)

        def advance(number: int, of: int, outcome: PatientOutcome) -> None:
            bar.update(task, completed=number, total=of)

        yield advance


def _line(number: int, of: int, outcome: PatientOutcome) -> None:
    ended = "failed" if outcome.error is not None else f"{len(outcome.done)} writes"
    print(f"{number}/{of} {outcome.patient}: {ended}", file=sys.stderr, flush=True)
