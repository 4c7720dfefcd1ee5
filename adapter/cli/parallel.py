"""Many Bundle files of a folder, evaluated in several processes and printed in their order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from adapter.cli.outcome import say, write
from adapter.errors import InputError
from adapter.fhir.documents import read_document
from adapter.fhir.inputs import WHOLE, Share, listed

# Below it the start of processes costs more than it saves.
MANY = 64
CHUNK = 8
Result = tuple[bytes, list[str], int, int] | None
Work = Callable[[Share], tuple[bytes, list[str], int, int]]

_work: list[Work] = []


def evaluate_bundles(source: str, work: Work) -> tuple[frozenset[Path], int, int]:
    """Prints what `work` says of every Bundle file of a folder.

    Returns the files that are done, the patients, and the worst exit code; none where the folder is small or
    one processor is there. What is no Bundle, or cannot be read, is left for the reading one by one.
    """
    folder = Path(source)
    workers = _processors()
    if source == "-" or workers == 1 or not folder.is_dir():
        return frozenset(), 0, 0
    files = [path for path in listed(folder)[0] if path.suffix.lower() in WHOLE]
    if len(files) < MANY:
        return frozenset(), 0, 0
    done, patients, code = set(), 0, 0
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin, (work,))
    try:
        named = [(path, str(path.relative_to(folder))) for path in files]
        for (path, _), result in zip(named, pool.map(_one, named, chunksize=CHUNK), strict=True):
            if result is None:
                continue
            printed, lines, found, failed = result
            write(printed)
            for line in lines:
                say(line)
            done.add(path)
            patients += found
            code = max(code, failed)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return frozenset(done), patients, code


def _processors() -> int:
    """The processors that this process may use, which a container or `taskset` may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(work: Work) -> None:
    """A worker leaves Ctrl-C to the command that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work.append(work)


def _one(named: tuple[Path, str]) -> Result:
    path, name = named
    try:
        document = read_document(path.read_bytes(), name)
    except (InputError, OSError):
        return None
    if not document.bundle:
        return None
    return _work[-1](Share(name, document.entries, document.incomplete))
