"""The commands on the mapping tables: what a hospital's codes are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

mappings = typer.Typer(
    help="The mapping tables: check them, and find what real data holds that they do not know.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Input = Annotated[
    str | None,
    typer.Argument(metavar="INPUT", help="Bundle, NDJSON file, folder of NDJSON/JSON files, or - for stdin."),
]
Server = Annotated[
    str | None, typer.Option("--fhir-server", metavar="URL", help="Read a FHIR R4 server instead of an INPUT.")
]
Overlay = Annotated[
    Path | None, typer.Option("--mappings", metavar="DIR", help="Folder of overlay tables; default HCC_MAPPINGS.")
]
AllPatients = Annotated[
    bool, typer.Option("--all-patients", help="Every patient of the server, not only those with a known code of HCC.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="Day or instant of reading; default now.")]


@mappings.command()
def check(overlay: Overlay = None) -> int:
    """Check the shipped tables and an overlay to their end: one line an error, with file and line."""
    from adapter.cli.mappings_check import check_all

    return check_all(overlay)


@mappings.command()
def unmapped(
    source: Input = None,
    fhir_server: Server = None,
    format: Annotated[Literal["table", "csv", "json"], typer.Option(help="Form of the ledger.")] = "table",
    as_of: AsOf = None,
    overlay: Overlay = None,
    all_patients: AllPatients = False,
) -> int:
    """The ledger of unknown, ambiguous and conflicting codes and of units that cannot be used, in real data."""
    from adapter.cli.mappings_unmapped import list_unmapped

    return list_unmapped(source, fhir_server, form=format, as_of=as_of, overlay=overlay, everybody=all_patients)


@mappings.command()
def suggest(
    source: Input = None,
    fhir_server: Server = None,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option(help="csv: rows for a table of the site's own, without reviewer.")
    ] = "table",
    table: Annotated[
        Literal["concepts", "drug_names"],
        typer.Option(help="With csv, which table: concepts.csv for codes, drug_names.csv for drugs by text alone."),
    ] = "concepts",
    as_of: AsOf = None,
    overlay: Overlay = None,
    all_patients: AllPatients = False,
) -> int:
    """Likely targets of unknown codes and drug texts by name and unit; nothing is applied."""
    from adapter.cli.mappings_unmapped import list_suggestions

    return list_suggestions(
        source, fhir_server, form=format, table=table, as_of=as_of, overlay=overlay, everybody=all_patients
    )


@mappings.command()
def export(
    format: Annotated[
        Literal["conceptmap"], typer.Option(help="conceptmap: ConceptMap, ValueSets and the own CodeSystem.")
    ] = "conceptmap",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; default standard output.")] = None,
    overlay: Overlay = None,
) -> int:
    """The tables as FHIR R4 resources in one Bundle."""
    from adapter.cli.mappings_export import export_tables

    return export_tables(out, overlay)


@mappings.command()
def readiness(
    source: Input = None,
    fhir_server: Server = None,
    format: Annotated[Literal["table", "json", "html"], typer.Option(help="html: one file with plots.")] = "table",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; default standard output.")] = None,
    as_of: AsOf = None,
    lang: Annotated[Literal["en", "zh"] | None, typer.Option(help="Language of texts.")] = None,
    overlay: Overlay = None,
    all_patients: AllPatients = False,
) -> int:
    """What a site's records are worth to each finding: inputs present, coded, with usable units, fresh enough."""
    from adapter.cli.readiness import show_readiness

    return show_readiness(
        source, fhir_server, form=format, out=out, as_of=as_of, lang=lang, overlay=overlay, everybody=all_patients
    )
