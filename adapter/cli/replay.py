"""The two ends of a replay file: written beside an evaluation, proved by another one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import BinaryIO

import msgspec
import orjson

from adapter import __version__
from adapter.cli.evaluate import configured, wanted
from adapter.cli.outcome import DONE, SOME_FAILED, write
from adapter.errors import InputError, UsageError
from adapter.fhir.inputs import Share, read_input
from adapter.normalize.records import Record
from adapter.output.evidence import (
    SCHEMA,
    End,
    Evidence,
    Input,
    Result,
    Run,
    Version,
    content_hash,
    differences,
    files_hash,
    read_evidence,
    result_of,
    written,
)
from adapter.pipeline import Evaluator
from adapter.resources.datatypes import Meta
from adapter.resources.entries import Broken, Entries
from adapter.resources.repair import read
from adapter.settings import Settings, load
from adapter.terminology.tables import shipped_folder
from adapter.values import AsOf, parse_as_of

TEXTS = (".py", ".yaml", ".csv", ".json")
RULES = ("guideline",)
# What else stands between the record and the result; the doors and servers do not.
REST = ("values", "timeline", "normalize", "resources", "terminology", "output", "fhir", "pipeline.py")


class _Resource(msgspec.Struct):
    """As much of a resource as a replay file tells."""

    meta: Meta | None = None


class Witness:
    """Sees every share and every patient of one evaluation, and notes them where `into` says, or keeps them."""

    def __init__(self, run: Run, evaluator: Evaluator, as_of: AsOf, into: BinaryIO | None = None) -> None:
        self.run = run
        self.inputs: list[Input] = []
        self.results: list[Result] = []
        self._evaluator = evaluator
        self._as_of = as_of
        self._into = into
        self._counts = [0, 0]
        self._note([run])

    def share(self, share: Share) -> None:
        """The resources that are evaluated together."""
        found = sorted(_inputs(share), key=lambda one: (one.reference, one.sha256))
        self._counts[0] += len(found)
        self._note(found)
        self.inputs += [] if self._into else found

    def record(self, record: Record, share: Share) -> None:
        """One patient's assessment, in the JSON that `evaluate` prints."""
        shown = self._evaluator.shown(record, self._as_of, self.run.lang, share.incomplete)
        found = result_of(record.reference, orjson.dumps(shown))
        self._counts[1] += 1
        self._note([found])
        self.results += [] if self._into else [found]

    def end(self) -> None:
        """Nothing more comes."""
        self._note([End(*self._counts)])

    def evidence(self) -> Evidence:
        """What was kept."""
        return Evidence(self.run, tuple(self.inputs), tuple(self.results))

    def _note(self, lines: list[Run] | list[Input] | list[Result] | list[End]) -> None:
        if self._into is not None:
            self._into.writelines(written(line) for line in lines)


def open_evidence(path: Path) -> BinaryIO:
    """The file to write. Raises UsageError when it cannot be."""
    try:
        return path.open("wb")
    except OSError as error:
        why = error.strerror or "output error"
        raise UsageError(f"--evidence {path} cannot be written: {why}; name another file") from None


def run_of(settings: Settings, as_of: str, complete: bool) -> Run:
    """Everything that the settings and the installed rules decide."""
    return Run(
        schema=SCHEMA,
        software=Version(files_hash(_package(REST)), __version__),
        rules=Version(files_hash([*_package(RULES), *_overlay(settings.thresholds)]), __version__),
        mappings=Version(files_hash([*_texts(shipped_folder(), ""), *_overlay(settings.mappings)]), __version__),
        edition=settings.edition,
        options=tuple(sorted(settings.options)),
        as_of=as_of,
        complete=complete,
        time_zone=settings.time_zone,
        lang=settings.lang,
        canonical_base=settings.canonical_base,
    )


def replay_alone(source: str, path: Path, given: tuple[object, ...]) -> int:
    """A replay to which nothing else was `given`: what the file says is what is evaluated. Else UsageError."""
    if any(one is not None for one in given):
        raise UsageError("--replay takes as-of, edition, language and completeness from the file; give no other option")
    return replay_input(source, path)


def replay_input(source: str, path: Path) -> int:
    """Evaluates an INPUT as the replay file says; 0 when the same comes out, else 1 and a line for every difference."""
    then = _read(path)
    now = _again(source, then.run)
    found = differences(then, now)
    if not found:
        found = [f"replayed: {len(now.inputs)} inputs, {len(now.results)} results, the same to the byte"]
        write((found[0] + "\n").encode())
        return DONE
    write("".join(f"{line}\n" for line in found).encode())
    return SOME_FAILED


def _read(path: Path) -> Evidence:
    try:
        with path.open("rb") as stream:
            return read_evidence(stream, str(path))
    except OSError as error:
        why = error.strerror or "input error"
        raise InputError(f"--replay {path} cannot be read: {why}; name a file that --evidence wrote") from None


def _again(source: str, then: Run) -> Evidence:
    settings = load(
        {
            "edition": then.edition,
            "lang": then.lang,
            "time_zone": then.time_zone,
            "options": ",".join(then.options),
            "canonical_base": then.canonical_base,
        }
    )
    evaluator, as_of = configured(settings), parse_as_of(then.as_of, then.time_zone)
    witness = Witness(run_of(settings, then.as_of, then.complete), evaluator, as_of)
    for share in read_input(source, sys.stdin.buffer):
        if share.trouble is None:
            witness.share(share)
            records = evaluator.records(share.entries, complete=then.complete, incomplete=share.incomplete)
            for record in wanted(records, share):
                witness.record(record, share)
    return witness.evidence()


def _inputs(share: Share) -> Iterator[Input]:
    entries = share.entries
    for index, entry in enumerate(entries):
        content = entries.original(index)
        resource = read(content, _Resource) or _Resource()
        yield Input(
            reference=_reference(entries, index),
            sha256=content_hash(content),
            version=resource.meta.versionId if resource.meta is not None else None,
            address=entry.fullUrl,
        )
    # What a searchset says of itself decides too: its base, what it deleted, what it could not give.
    said = [entries.base, sorted(entries.deleted), [list(one) for one in share.incomplete]]
    if any(said):
        yield Input("Bundle", content_hash(orjson.dumps(said)))


def _reference(entries: Entries, index: int) -> str:
    resource = entries.items[index].resource
    if resource is None or not resource.id:
        return entries.place(index)
    return f"{resource.type if isinstance(resource, Broken) else type(resource).__name__}/{resource.id}"


def _package(parts: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for part in parts:
        yield from _texts(files("adapter").joinpath(part), part)


def _texts(place: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    if place.is_file():
        if place.name.endswith(TEXTS):
            yield name, place.read_bytes()
    else:
        for inner in place.iterdir():
            yield from _texts(inner, f"{name}/{inner.name}")


def _overlay(folder: Path | None) -> Iterator[tuple[str, bytes]]:
    if folder is not None:
        yield from _texts(folder, "site")
