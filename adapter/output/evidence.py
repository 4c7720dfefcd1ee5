"""The replay file: what went in, by which rules, and what came out, so that anybody can prove it again.

JSON lines: one `run`, then one `input` a resource and one `result` a patient as they were met, then one `end`. Of the
patient's record it holds references, versions and hashes; of the result, the assessment itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Raw

from adapter.errors import InputError

SCHEMA = "hcc-conversion/evidence/1"
SHORT = 12


class Version(msgspec.Struct, frozen=True):
    """What decided: a hash over its files, and the release that they belong to."""

    sha256: str
    release: str


class Run(msgspec.Struct, frozen=True, tag_field="kind", tag="run", rename="camel"):
    """Everything that a result depends on besides the record."""

    schema: str
    software: Version
    rules: Version
    mappings: Version
    edition: str
    options: tuple[str, ...]
    as_of: str
    complete: bool
    time_zone: str
    lang: str
    canonical_base: str


class Input(msgspec.Struct, frozen=True, tag_field="kind", tag="input", rename="camel", omit_defaults=True):
    """One resource: its reference, version, address (fullUrl) and the hash of its content."""

    reference: str
    sha256: str
    version: str | None = None
    address: str | None = None


class Result(msgspec.Struct, frozen=True, tag_field="kind", tag="result"):
    """One patient's assessment, to the byte."""

    patient: str
    sha256: str
    assessment: Raw


class End(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """The last line: without it the file was cut off."""

    inputs: int
    results: int


Line = Run | Input | Result | End


class Evidence(msgspec.Struct, frozen=True):
    """A whole replay file, or what a replay found."""

    run: Run
    inputs: tuple[Input, ...]
    results: tuple[Result, ...]


_LINE = msgspec.json.Decoder(Line)


def written(line: Line) -> bytes:
    """A line of the file."""
    return msgspec.json.encode(line) + b"\n"


def read_evidence(lines: Iterable[bytes], name: str) -> Evidence:
    """The file `name` from its lines. Raises InputError when it is no replay file, or not all of one."""
    found: list[Line] = []
    try:
        found = [_LINE.decode(line) for line in lines if line.strip()]
    except msgspec.MsgspecError as error:
        why = " ".join(str(error).split())
        raise InputError(f"{name}: no replay file, line {len(found) + 1}: {why}; write one with --evidence") from None
    inputs = tuple(line for line in found if isinstance(line, Input))
    results = tuple(line for line in found if isinstance(line, Result))
    if not found or not isinstance(found[0], Run) or found[0].schema != SCHEMA:
        raise InputError(f"{name}: no replay file of {SCHEMA}; write one with --evidence")
    if found[-1] != End(len(inputs), len(results)):
        raise InputError(f"{name}: the replay file is not complete; write it again with --evidence")
    return Evidence(found[0], inputs, results)


def content_hash(content: bytes) -> str:
    """SHA-256 of a JSON text whatever its blanks and the order of its members; numbers count digit for digit."""
    try:
        parsed = json.loads(content, parse_float=_literal, parse_int=_literal, parse_constant=_literal)
    except (ValueError, RecursionError):
        return hashlib.sha256(content).hexdigest()
    canonical = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def files_hash(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the names and contents of some files, in the order of their names."""
    total = hashlib.sha256()
    for name, content in sorted(files):
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def result_of(patient: str, assessment: bytes) -> Result:
    """The result of one patient from the JSON that was printed."""
    return Result(patient, hashlib.sha256(assessment).hexdigest(), Raw(assessment))


def differences(then: Evidence, now: Evidence) -> list[str]:
    """One line for everything in which a replay differs from the file; empty when it proves the file."""
    return [*_run(then.run, now.run), *_inputs(then.inputs, now.inputs), *_results(then.results, now.results)]


def _literal(text: str) -> list[str]:
    """A number as its own text, so that 1.0 and 1.00 stay different and no digit is lost."""
    return ["#", text]


def _run(then: Run, now: Run) -> Iterator[str]:
    for what, before, after in (
        ("rule", then.rules, now.rules),
        ("mapping", then.mappings, now.mappings),
        ("software", then.software, now.software),
    ):
        if before != after:
            yield f"{what} changed: {_named(before)} then, {_named(after)} now"
    shared: dict[str, Any] = msgspec.structs.asdict(now)
    for field, value in msgspec.structs.asdict(then).items():
        if not isinstance(value, Version) and shared[field] != value:
            yield f"setting changed: {field.replace('_', '-')} {_told(value)} then, {_told(shared[field])} now"


def _named(version: Version) -> str:
    return f"{version.release} ({version.sha256[:SHORT]})"


def _told(value: object) -> str:
    return (",".join(value) or "none") if isinstance(value, tuple) else str(value)


def _inputs(then: tuple[Input, ...], now: tuple[Input, ...]) -> Iterator[str]:
    before, after = Counter(then), Counter(now)
    gone, new = before - after, after - before
    lost, added = {one.reference for one in gone}, {one.reference for one in new}
    yield from (f"input changed: {reference}" for reference in sorted(lost & added))
    yield from (f"input missing: {reference}" for reference in sorted(lost - added))
    yield from (f"input added: {reference}" for reference in sorted(added - lost))


def _results(then: tuple[Result, ...], now: tuple[Result, ...]) -> Iterator[str]:
    before, after = _by_patient(then), _by_patient(now)
    for patient in sorted({*before, *after}):
        if patient not in after:
            yield f"result missing: {patient}"
        elif patient not in before:
            yield f"result added: {patient}"
        elif before[patient] != after[patient]:
            yield f"result differs: {patient}"


def _by_patient(results: tuple[Result, ...]) -> dict[str, list[bytes]]:
    """The bytes themselves are compared: a hash in the file that does not fit them counts as a difference too."""
    found: dict[str, list[bytes]] = {}
    for one in results:
        fits = hashlib.sha256(bytes(one.assessment)).hexdigest() == one.sha256
        found.setdefault(one.patient, []).append(bytes(one.assessment) if fits else b"")
    return {patient: sorted(lines) for patient, lines in found.items()}
