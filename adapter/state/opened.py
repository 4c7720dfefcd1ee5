"""The file of an SQLite state: for its owner alone, and the same one as long as it is open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from adapter.errors import UsageError

_OWNER_ONLY = 0o600
_MEND = "put it back, or start again with the file that is to be used (HCC_STATE)"


class StateGoneError(UsageError, SQLAlchemyError):
    """The file was moved away or replaced: what is written now would be lost with it."""


class OpenedFile:
    """A state's file, made when it is not there; whoever reads and writes it must have an engine that is `watched`."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when it cannot be made."""
        self._path = path.absolute()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # It holds what clinicians wrote. SQLite gives its side files the mode of the file.
            os.close(os.open(os.path.realpath(self._path), os.O_CREAT | os.O_EXCL | os.O_RDWR, _OWNER_ONLY))
        self._identity = self._found()

    def watched(self, engine: sa.Engine) -> None:
        """From now on the engine gives no connection, old or new, when the file is another one."""

        def leaving(*_: Any) -> None:
            self.check()

        # Before connecting too, or SQLite would make an empty file in the place of the one that is gone.
        sa.event.listen(engine, "do_connect", leaving)
        sa.event.listen(engine, "checkout", leaving)

    def check(self) -> None:
        """Raises StateGoneError unless the file at the path is the one that was opened."""
        try:
            found = self._found()
        except OSError:
            raise StateGoneError(f"the file of the state database is gone: {_MEND}") from None
        if found != self._identity:
            raise StateGoneError(f"the file of the state database was replaced: {_MEND}")

    def _found(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino
