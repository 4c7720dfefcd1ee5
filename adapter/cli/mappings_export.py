"""The command that writes the mapping tables as FHIR resources."""

from __future__ import annotations

from pathlib import Path

import orjson

from adapter import __version__
from adapter.cli.evaluate import configured
from adapter.cli.outcome import DONE, say, write
from adapter.errors import UsageError
from adapter.settings import load
from adapter.terminology.artefacts import artefacts


def export_tables(out: Path | None, overlay: Path | None) -> int:
    """One Bundle on standard output, or in a file. Raises UsageError when the file cannot be written."""
    settings = load({"mappings": str(overlay) if overlay is not None else None})
    bundle = artefacts(configured(settings).terminology, settings.canonical_base, __version__)
    content = orjson.dumps(bundle, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    if out is None:
        write(content)
        return DONE
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another place") from None
    say(f"{len(bundle['entry'])} resources written to {out}")
    return DONE
