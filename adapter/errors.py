"""The one exception tree of the adapter, translated to exit codes and HTTP only at the edges.

AdapterError
├── UsageError            wrong call or configuration, exit code 2
│   └── SettingError      an unknown or wrong setting
├── InputError            an input that is missing, not permitted or as a whole not FHIR R4 JSON, exit code 2
├── TableError            a mapping or threshold table that does not hold, exit code 2
└── RemoteError           the other side could not be reached or refused, exit code 3
    ├── RefusedError      401 or 403
    ├── MissingError      404 or 410
    └── ConflictError     409 or 412: somebody else wrote in between
"""

from __future__ import annotations


class AdapterError(Exception):
    """What, where, why, what to do, on one line and without patient names or values."""

    exit_code = 1


class UsageError(AdapterError):
    """The call or the configuration is wrong."""

    exit_code = 2


class SettingError(UsageError):
    """Settings are unknown or have values that they cannot have; `causes` one line each."""

    def __init__(self, *causes: str) -> None:
        super().__init__("; ".join(causes))
        self.causes = causes


class InputError(AdapterError):
    """The input as a whole cannot be read as FHIR R4 JSON."""

    exit_code = 2


class TableError(AdapterError):
    """A mapping or threshold table is wrong: file and key are named."""

    exit_code = 2


class RemoteError(AdapterError):
    """The other side could not be reached or refused."""

    exit_code = 3

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RefusedError(RemoteError):
    """The server refused the caller (401, 403)."""


class MissingError(RemoteError):
    """The resource is not, or no longer, there (404, 410)."""


class ConflictError(RemoteError):
    """Somebody else wrote in between (409, 412)."""
