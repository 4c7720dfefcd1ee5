"""The INPUT of a command: a file, a folder or standard input, as shares that are evaluated one by one."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from adapter.errors import InputError
from adapter.fhir.documents import BLANK, BOM, Document, read_document
from adapter.fhir.pool import Pool
from adapter.resources.entries import Entries

LINES = frozenset((".ndjson", ".jsonl"))
WHOLE = frozenset((".json",))
AT_ONCE = 1 << 24
FIRST_LINE = 1 << 26
MOST_OF_ONE = 1 << 31
_PIECE = 1 << 20


class Share(msgspec.Struct, frozen=True):
    """What is evaluated together. `patient`: of a pool, the one patient that it is for (None: all that it holds).

    `trouble`: one line on a file that could not be read, which spoils nothing else.
    """

    name: str
    entries: Entries
    incomplete: tuple[tuple[str, str], ...] = ()
    patient: str | None = None
    trouble: str | None = None


class _Line(msgspec.Struct):
    """Enough of a line to see that it is a resource of its own."""

    resourceType: str | None = None


_LINE = msgspec.json.Decoder(_Line)


def read_input(source: str, standard_input: BinaryIO | None, done: frozenset[Path] = frozenset()) -> Iterator[Share]:
    """The shares of an INPUT (`-`: standard input), Bundles each for itself, then the pool patient by patient.

    `done`: files of a folder that were evaluated already. Raises InputError when the whole cannot be read as FHIR R4
    JSON.
    """
    pool = Pool()
    try:
        if source == "-":
            yield from _copied(standard_input, "standard input", False, pool)
        else:
            yield from _path(Path(source), pool, done)
        yield from _pooled(pool, source)
    finally:
        pool.close()


def _path(path: Path, pool: Pool, done: frozenset[Path]) -> Iterator[Share]:
    try:
        if path.is_dir():
            yield from _folder(path, pool, done)
            return
        with path.open("rb") as stream:
            _no_device(stream, str(path))
            lines = path.suffix.lower() in LINES
            read = _stream if stream.seekable() else _copied
            yield from read(stream, path.name, lines, pool)
    except OSError as error:
        raise InputError(_refused(path, error)) from None


def _copied(stream: BinaryIO | None, name: str, lines: bool, pool: Pool) -> Iterator[Share]:
    """A pipe can be read once only: a copy of it can be looked at twice."""
    if stream is None:
        raise InputError(f"{name}: is closed; give a file, a folder or something to read on standard input")
    _no_device(stream, name)
    with tempfile.TemporaryFile() as copy:
        whole = True
        while piece := stream.read(_PIECE):
            copy.write(piece)
            whole = whole and b"\n" not in piece
            if whole and copy.tell() > MOST_OF_ONE:
                raise InputError(_too_large(name))
        copy.seek(0)
        yield from _stream(copy, name, lines, pool)


def _no_device(stream: BinaryIO, name: str) -> None:
    """Raises InputError for a device that is no terminal and holds something: it may never end."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return
    device = stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not stream.isatty())
    if device and stream.read(1):
        raise InputError(f"{name}: is a device, which may never end; give a file, a folder or something to read")


def _too_large(name: str) -> str:
    return f"{name}: one JSON text of more than {MOST_OF_ONE >> 30} GiB; give NDJSON, or a folder of smaller files"


def _refused(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: does not exist; give a file, a folder or -"
    if isinstance(error, PermissionError):
        return f"{path}: may not be read; change its permissions"
    return f"{path}: cannot be read ({error.strerror or 'input error'})"


def _folder(folder: Path, pool: Pool, done: frozenset[Path]) -> Iterator[Share]:
    """Every JSON and NDJSON file below a folder; one that cannot be read is a trouble, all of them an error."""
    files, troubles = listed(folder)
    if not files and not troubles:
        raise InputError(f"{folder}: holds no .json, .ndjson or .jsonl file; give a folder with FHIR R4 JSON")
    read = len(done)
    for path in (one for one in files if one not in done):
        name = str(path.relative_to(folder))
        try:
            with path.open("rb") as stream:
                yield from _stream(stream, name, path.suffix.lower() in LINES, pool)
            read += 1
        except InputError as error:
            troubles.append(str(error))
        except OSError as error:
            troubles.append(_refused(path, error))
    last = None if read else troubles.pop()
    for trouble in troubles:
        yield Share(str(folder), _nothing(), trouble=trouble)
    if last is not None:
        raise InputError(last)


def listed(folder: Path) -> tuple[list[Path], list[str]]:
    """The files to read below a folder, and a line on each thing there that cannot be read."""
    troubles: list[str] = []
    files: list[Path] = []

    def refuse(error: OSError) -> None:
        troubles.append(_refused(Path(error.filename or folder), error))

    for where, inner, names in os.walk(folder, onerror=refuse):
        inner.sort()
        links = [name for name in inner if (Path(where) / name).is_symlink()]
        troubles += [f"{Path(where) / name}: is a link to a folder, which is not followed" for name in links]
        for path in (Path(where) / name for name in sorted(names)):
            if path.suffix.lower() in LINES | WHOLE:
                if path.is_file():
                    files.append(path)
                else:
                    troubles.append(f"{path}: is no regular file; give files of FHIR R4 JSON")
    return sorted(files), troubles


def _stream(stream: BinaryIO, name: str, lines: bool, pool: Pool) -> Iterator[Share]:
    """One file: NDJSON by its name or by its first line, else one JSON text."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if not lines and size <= AT_ONCE:  # a long line comes out of memory several times faster than out of a file
        stream = io.BytesIO(stream.read())
    if lines or _is_lines(stream):
        yield from _lines(stream, name, pool)
        return
    if size > MOST_OF_ONE:
        raise InputError(_too_large(name))
    document = read_document(stream.read(), name)
    if document.bundle:
        yield _share(name, document)
    else:
        pool.add(document.entries.original(0), name)


def _is_lines(stream: BinaryIO) -> bool:
    """Whether the first line is a resource of its own and more follows."""
    try:
        first = stream.readline(FIRST_LINE)
        if not first.endswith(b"\n") or first.strip(BLANK + BOM)[:1] != b"{":
            return False
        if not _is_object(first.removeprefix(BOM)):
            return False
        return any(line.strip(BLANK) for line in iter(lambda: stream.readline(FIRST_LINE), b""))
    finally:
        stream.seek(0)


def _is_object(line: bytes) -> bool:
    try:
        _LINE.decode(line)
    except UnicodeDecodeError:
        return _is_object(line.decode(errors="replace").encode())
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _lines(stream: BinaryIO, name: str, pool: Pool) -> Iterator[Share]:
    """Each line a resource; a Bundle on a line is evaluated for itself."""
    readable, seen = 0, 0
    for number, line in enumerate(stream, 1):
        body = line.removeprefix(BOM).strip(BLANK) if number == 1 else line.strip(BLANK)
        if not body:
            continue
        seen += 1
        place = f"{name}:{number}"
        if b'"Bundle"' in body[:200]:
            document = _bundle_line(body, place)
            if isinstance(document, str):
                pool.add(body, place, document)
                continue
            if document is not None:
                readable += 1
                yield _share(place, document)
                continue
        before = pool.readable
        pool.add(body, place)
        readable += pool.readable - before
    if not readable:
        why = "no line is a FHIR resource" if seen else "the input is empty"
        raise InputError(f"{name}: {why}; give FHIR R4 NDJSON, one resource a line")


def _bundle_line(body: bytes, place: str) -> Document | str | None:
    """The Bundle on a line, None for anything else; the reason where a Bundle cannot be read."""
    try:
        document = read_document(body, place, _inside(place))
    except InputError as error:
        return f"malformed: {str(error).removeprefix(f'{place}: ')}" if _is_bundle(body) else None
    return document if document.bundle else None


def _is_bundle(body: bytes) -> bool:
    try:
        return _LINE.decode(body).resourceType == "Bundle"
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def _inside(place: str) -> Callable[[int], str]:
    return lambda index: f"{place} Bundle.entry[{index}]"


def _share(name: str, document: Document) -> Share:
    return Share(name, document.entries, document.incomplete)


def _nothing() -> Entries:
    return Entries([], str, lambda _: b"null")


def _pooled(pool: Pool, name: str) -> Iterator[Share]:
    """The pool, patient by patient; what is nobody's goes to the only patient, else it comes last."""
    count = pool.count()
    for patient in pool.patients():
        yield Share(name, pool.of(patient, count == 1), patient=patient)
    if count != 1:
        nobody = pool.of_nobody()
        if len(nobody):
            yield Share(name, nobody)
