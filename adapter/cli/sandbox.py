"""The commands of the FHIR sandbox and their flags; what they do is imported only when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

sandbox = typer.Typer(
    help="A local FHIR R4 server, the synthetic patients, and the check of a whole round trip.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Server = Annotated[str | None, typer.Option("--fhir-server", metavar="URL", help="FHIR R4 server.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Day that the patients' dates count from; default today.")
]


@sandbox.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8090,
    store: Annotated[str, typer.Option(metavar="URL", help="SQLite URL; default: in memory.")] = "sqlite://",
) -> int:
    """Serve a FHIR R4 sandbox at /fhir until Ctrl-C."""
    from adapter.cli.sandbox_work import serve_sandbox

    return serve_sandbox(host, port, store)


@sandbox.command()
def load(fhir_server: Server = None, as_of: AsOf = None) -> int:
    """Write the synthetic patients to a FHIR server; a second load changes nothing."""
    from adapter.cli.sandbox_work import load_patients

    return load_patients(fhir_server, as_of)


@sandbox.command()
def patients(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for one Bundle file a patient.")],
    as_of: AsOf = None,
) -> int:
    """Write the synthetic patients as files."""
    from adapter.cli.sandbox_work import write_files

    return write_files(out, as_of)


@sandbox.command()
def verify(fhir_server: Server = None, as_of: AsOf = None) -> int:
    """Load, sync, read back, sync again, change a fact, sync: check the whole round trip on a server."""
    from adapter.cli.verify import verify_round_trip

    return verify_round_trip(fhir_server, as_of)
