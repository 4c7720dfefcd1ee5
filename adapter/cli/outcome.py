"""How a command ends: exit codes, and one line a cause on stderr."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapter.errors import AdapterError, UsageError
from adapter.values.text import one_line

DONE = 0
SOME_FAILED = 1
PIPE_CLOSED = 141
INTERRUPTED = 130
NAME = "hcc-adapter"
# Characters of one line on stderr: a record's id or a path may be as long as its writer liked.
LONGEST = 2000


class PipeClosed(Exception):
    """Whoever read our output has gone. Not an OSError, which the command parser would end with code 1."""


def write(content: bytes) -> None:
    """Bytes on stdout. Raises PipeClosed, or UsageError when stdout takes nothing."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; give the results somewhere to go")
    try:
        sys.stdout.buffer.write(content)
    except BrokenPipeError:
        raise PipeClosed from None
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> UsageError:
    why = error.strerror or "output error"
    return UsageError(f"standard output cannot be written ({why}); make room or choose another place")


def say(line: str) -> None:
    """One line on stderr."""
    with suppress(OSError, ValueError, AttributeError):
        text = one_line(line)
        print(f"{NAME}: {text if len(text) <= LONGEST else f'{text[:LONGEST]} ...'}", file=sys.stderr, flush=True)


def ended(command: Callable[[], int | None]) -> int:
    """The exit code of a command; what it raises becomes one line, never a traceback."""
    try:
        code = command() or DONE
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except AdapterError as error:
        say(str(error))
        return error.exit_code
    except (PipeClosed, BrokenPipeError):
        _silence(sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _output_failed(error)
    except MemoryError:
        say("not enough memory; give the input as NDJSON, which is read in pieces")
        return SOME_FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        say(f"failed: {unexpected(error)}; please report this line")
        return SOME_FAILED


def _output_failed(error: OSError) -> int:
    """A full disk behind stdout shows only when it is flushed; anything else of the system is unexpected."""
    if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
        say(f"failed: {unexpected(error)}; please report this line")
        return SOME_FAILED
    if sys.stdout is not None:
        _silence(sys.stdout.fileno())
    say(str(_unwritable(error)))
    return UsageError.exit_code


def unexpected(error: BaseException) -> str:
    """Type and place of an error that nobody foresaw, without its message, which may hold a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}adapter{os.sep}" in frame.filename]
    if not frames:
        return type(error).__name__
    frame = (own or frames)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def checked_as_of(text: str | None, zone: str) -> str:
    """The as-of given, checked, else now in the time zone. Raises UsageError for a text that is no instant."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from adapter.values import parse_as_of

    if text is None:
        return datetime.now(ZoneInfo(zone)).isoformat(timespec="seconds")
    try:
        parse_as_of(text, zone)
    except ValueError:
        raise UsageError(
            f"--as-of {text!r} is no date (2024-05-01) and no instant (2024-05-01T10:00:00+08:00)"
        ) from None
    return text


def _silence(descriptor: int) -> None:
    """Later writes, the interpreter's flush at exit included, go nowhere instead of failing again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
