"""What the sandbox commands do."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from adapter.errors import UsageError
from adapter.sandbox.loading import load, write_patients
from adapter.sandbox.running import serve
from adapter.settings import Settings
from adapter.settings import load as load_settings
from adapter.settings.credential import own_credential


def serve_sandbox(host: str, port: int, store: str) -> int:
    """Serves until Ctrl-C."""
    serve(port, store, host=host, on_ready=lambda base: print(f"FHIR sandbox at {base}", flush=True))
    return 0


def load_patients(fhir_server: str | None, as_of: str | None) -> int:
    """Loads the synthetic patients and says how many."""
    settings = load_settings({"fhir_server": fhir_server})
    base = server_of(settings)
    with authorized(settings) as session:
        done = load(base, day_of(as_of, settings), session=session)
    print(f"{base}: {done.patients} synthetic patients, {done.resources} resources, {done.created} of them new")
    return 0


def write_files(out: Path, as_of: str | None) -> int:
    """Writes one Bundle file a patient and says where."""
    for path in write_patients(out, day_of(as_of, load_settings())):
        print(path)
    return 0


def server_of(settings: Settings) -> str:
    """The FHIR server that was named. Raises UsageError when none was."""
    if settings.fhir_server is None:
        raise UsageError("which FHIR server? give --fhir-server URL or set HCC_FHIR_SERVER")
    return settings.fhir_server


def day_of(text: str | None, settings: Settings) -> date:
    """The day given, else today in the time zone. Raises UsageError for a text that is no day."""
    if text is None:
        return datetime.now(ZoneInfo(settings.time_zone)).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text!r} is no day; write it as 2024-05-01") from None


def authorized(settings: Settings) -> requests.Session:
    """A session that brings the site's credential."""
    session = requests.Session()
    token = own_credential(settings).token()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session
