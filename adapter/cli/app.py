"""The commands and their flags; what they do is imported only when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from adapter import __version__
from adapter.cli.feedback import feedback
from adapter.cli.guideline import guideline
from adapter.cli.mappings import mappings
from adapter.cli.outcome import DONE, ended, say
from adapter.cli.sandbox import sandbox

Edition = Literal["2024", "2021", "strictest"]
Language = Literal["en", "zh"]
Format = Literal["json", "text", "fhir"]

AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Day or instant of evaluation; default now.")]
FhirServer = Annotated[str | None, typer.Option("--fhir-server", metavar="URL", help="FHIR R4 server to read from.")]
State = Annotated[str | None, typer.Option("--state", metavar="URL", help="SQLAlchemy URL of the state database.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")]

app = typer.Typer(
    name="hcc-adapter",
    help="Bridge between FHIR R4 servers and the guideline for conversion therapy of hepatocellular carcinoma.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"hcc-adapter {__version__}")
        raise typer.Exit


@app.callback()
def entry(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version, and nothing else.")
    ] = False,
) -> None:
    """Bridge between FHIR R4 servers and the guideline for conversion therapy of hepatocellular carcinoma."""


config = typer.Typer(help="The settings.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(sandbox, name="sandbox")
app.add_typer(config, name="config")
app.add_typer(feedback, name="feedback")
app.add_typer(guideline, name="guideline")
app.add_typer(mappings, name="mappings")


@app.command()
def evaluate(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Bundle, NDJSON file, folder of NDJSON/JSON files, or - for stdin.")
    ],
    complete: Annotated[bool, typer.Option("--complete", help="The input is the patient's whole record.")] = False,
    as_of: AsOf = None,
    edition: Annotated[Edition | None, typer.Option(help="Edition of the guideline.")] = None,
    format: Annotated[Format, typer.Option(help="json: one line a patient; text: a screen; fhir: a Bundle.")] = "json",
    lang: Annotated[Language | None, typer.Option(help="Language of texts.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a replay file: inputs by hash, rules, results.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prove a replay file: as it says, the same must come out.")
    ] = None,
) -> int:
    """Evaluate patients from files, without any network."""
    from adapter.cli.evaluate import evaluate_input

    if replay is not None:
        from adapter.cli.replay import replay_alone

        return replay_alone(source, replay, given=(complete or None, as_of, edition, lang, evidence))
    return evaluate_input(
        source, complete=complete, as_of=as_of, edition=edition, form=format, lang=lang, evidence=evidence
    )


@app.command()
def sync(
    fhir_server: FhirServer = None,
    write_server: Annotated[str | None, typer.Option(metavar="URL|none", help="FHIR server to write to.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One run (the default without --every).")] = False,
    every: Annotated[str | None, typer.Option(metavar="15m", help="Run again after this time: 30s, 15m, 2h.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")] = False,
    patient: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this patient; repeatable.")] = None,
    state: State = None,
) -> int:
    """Read what changed on a FHIR server, evaluate, write back."""
    from adapter.cli.sync import sync_server

    flags = {"fhir_server": fhir_server, "write_server": write_server, "state": state}
    return sync_server(flags, once=once, every=every, dry_run=dry_run, patients=tuple(patient or ()))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    as_of: AsOf = None,
    fhir_server: FhirServer = None,
    open_: Annotated[bool, typer.Option("--open", help="Trust every caller: for sandboxes only.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    check: Annotated[bool, typer.Option("--check", help="Check all that a start would read; do not start.")] = False,
) -> int:
    """Answer over HTTP: CDS Hooks, evaluation, patients."""
    if check:
        from adapter.cli.serve_check import check_start

        return check_start(
            {"fhir_server": fhir_server}, host=host, port=port, as_of=as_of, open_=open_, workers=workers
        )
    from adapter.cli.serve import serve_http

    return serve_http({"fhir_server": fhir_server}, host=host, port=port, as_of=as_of, open_=open_, workers=workers)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the table.")] = False,
    port: Port = 8000,
) -> int:
    """Everything on this machine: FHIR sandbox, synthetic patients, one sync, a table, the service."""
    from adapter.cli.demo import show_demo

    return show_demo(once=once, port=port)


@config.command("show")
def config_show() -> int:
    """Every setting with its value, where it came from, and what it means; secrets hidden."""
    from adapter.cli.config import show_settings

    return show_settings()


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line (default: this process's)."""
    return ended(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: list[str]) -> int:
    try:
        return int(app(arguments, prog_name="hcc-adapter", standalone_mode=False) or DONE)
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        return _usage(error)


def _usage(error: typer.TyperException) -> int:
    """Help when no command was given, else one line; exit code 2."""
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if "\n" in message:
        print(message, file=sys.stderr)
    else:
        say(f"{message} (see hcc-adapter --help)")
    return 2
