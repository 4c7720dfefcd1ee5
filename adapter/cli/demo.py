"""The command that shows everything on one machine."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn

from adapter.cli.outcome import DONE, SOME_FAILED, say
from adapter.cli.overview import show_overview
from adapter.cli.road import open_road
from adapter.cli.serve import announce, configured, listen
from adapter.cli.sync import progress_shown
from adapter.sandbox.loading import load as load_patients
from adapter.sandbox.running import running_sandbox
from adapter.service.app import create_app
from adapter.service.site import Site
from adapter.settings import Settings, load
from adapter.sync import SyncReport


def show_demo(*, once: bool, port: int) -> int:
    """Sandbox server, synthetic patients, one sync, the table, then the service until Ctrl-C."""
    with ExitStack() as open_things:
        listening = None if once else open_things.enter_context(listen("127.0.0.1", port))
        folder = open_things.enter_context(tempfile.TemporaryDirectory(prefix="hcc-demo-"))
        base = open_things.enter_context(running_sandbox())
        settings = _settings(base, Path(folder))
        today = datetime.now(ZoneInfo(settings.time_zone)).date()
        done = load_patients(base, today)
        print(f"FHIR sandbox at {base}: {done.patients} synthetic patients, {done.resources} resources, as of {today}")
        report = _synced(settings, today)
        if listening is not None:
            _serve(settings, today, listening, report)
        return SOME_FAILED if report.failed else DONE


def _settings(base: str, folder: Path) -> Settings:
    """The site's settings, but nothing is read from or written to any server but the sandbox."""
    state = f"sqlite:///{folder / 'state.db'}"
    return load({"fhir_server": base, "write_server": base, "state": state})


def _synced(settings: Settings, today: date) -> SyncReport:
    with open_road(settings, today.isoformat()) as road:
        with progress_shown() as progress:
            report = road.run(progress=progress)
        for failed in report.failed:
            say(f"{failed.patient}: {failed.error}")
        print(f"One sync: {report.writes} resources written back (CarePlan, DetectedIssue, Provenance)\n")
        assessments = [outcome.evaluated.assessment for outcome in report.outcomes if outcome.evaluated]
        show_overview(assessments, road.evaluator.texts(settings.lang))
    return report


def _serve(settings: Settings, today: date, listening: socket.socket, report: SyncReport) -> None:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    site = Site(settings, address, open=True, frozen=today.isoformat())
    app = create_app(site)
    announce(site, address)
    print(_examples(address, str(settings.fhir_server), report), flush=True)
    uvicorn.Server(configured(app)).run(sockets=[listening])


def _examples(address: str, base: str, report: SyncReport) -> str:
    patient = report.outcomes[0].patient if report.outcomes else "Patient/none"
    identity = patient.removeprefix("Patient/")
    body = (
        '{"hook": "patient-view", "hookInstance": "6b1f1d1e-0000-4000-8000-000000000001", '
        f'"fhirServer": "{base}", "context": {{"userId": "Practitioner/demo", "patientId": "{identity}"}}}}'
    )
    return (
        f"\nThe service runs at {address} (API: {address}/docs). Two calls to try:\n\n"
        f"  curl '{address}/patients/{identity}/assessment'\n\n"
        f"  curl -H 'Content-Type: application/json' -d '{body}' \\\n"
        f"    '{address}/cds-services/hcc-conversion-patient-view'\n\n"
        "Ctrl-C ends it."
    )
