"""Single HTTP exchanges with a FHIR server: credentials, waits, retries, and errors in our own words."""

from __future__ import annotations

import email.utils
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from adapter.errors import ConflictError, MissingError, RefusedError, RemoteError, UsageError
from adapter.fhir.auth import Auth, NoAuth
from adapter.fhir.outcomes import in_short

JSON = "application/fhir+json"
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
UNDONE = frozenset({425, 429, 503})
"""The server says that it did nothing, so even a write without a key may be sent again."""
ERRORS: dict[int, type[RemoteError]] = {
    401: RefusedError, 403: RefusedError, 404: MissingError, 410: MissingError, 409: ConflictError, 412: ConflictError,
}  # fmt: skip
Answer = requests.Response
_PIECE = 1 << 16
_LONGEST_HOST = 253
NOT_IMPLEMENTED = 501
_SECONDS = re.compile(r"[0-9]{1,9}")
_ABSURD = 31 * 24 * 3600
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f]")
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError)


@dataclass(frozen=True)
class Patience:
    """How long we wait: seconds to connect and per read, number of retries, longest single wait, first wait.

    `total`: seconds after which an exchange is not repeated any more. `until`: instant of time.monotonic() after which
    nothing more is asked, and `stopped` says the same earlier.
    """

    connect: float = 10
    read: float = 60
    retries: int = 4
    longest: float = 60
    first: float = 0.5
    total: float = 120
    until: float = math.inf
    stopped: Callable[[], bool] = field(default=lambda: False, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def left(self) -> float:
        """Seconds in which something may still be asked."""
        return 0.0 if self.stopped() else max(self.until - time.monotonic(), 0.0)


class _Again(Exception):
    """An exchange that may be repeated; `after` is the server's wish in seconds."""

    def __init__(self, error: RemoteError, after: float | None) -> None:
        super().__init__(str(error))
        self.error, self.after = error, after


class _Bearer(requests.auth.AuthBase):
    # An own auth object also keeps requests from adding credentials of a .netrc file.
    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """One server's HTTP connection; the token goes to `base`'s origin only and redirects are never followed.

    `door`: how connections are made, where not every address may be reached.
    """

    def __init__(
        self,
        base: str,
        auth: Auth | None = None,
        patience: Patience | None = None,
        door: requests.adapters.HTTPAdapter | None = None,
    ) -> None:
        fault = address_fault(base)
        if fault is not None:
            raise UsageError(f"the FHIR server's address cannot be used: {fault}")
        self.base = base.rstrip("/")
        self._auth = auth or NoAuth()
        self._patience = patience or Patience()
        self._session = requests.Session()
        if door is not None:
            self._session.mount("http://", door)
            self._session.mount("https://", door)

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        keyed: bool = True,
    ) -> Answer:
        """The answer with a status below 400.

        `what` names the exchange in errors (no ids of persons); `keyed` False: a repeat could make a second resource.
        Raises RemoteError and its kinds.
        """
        patience = self._patience
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(patience.retries + 1) | stop_after_delay(patience.total),
            wait=self._wait,
            sleep=patience.sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, url, what, body, dict(headers or {}), keyed)
        except _Again as last:
            raise last.error from None

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _once(
        self, method: str, url: str, what: str, body: bytes | None, headers: dict[str, str], keyed: bool
    ) -> Answer:
        ours = same_origin(url, self.base)
        token = self._auth.token() if ours else None
        answer = self._exchange(method, url, what, body, headers, keyed, token)
        if answer.status_code == 401 and ours and token and self._auth.refresh(token):
            answer = self._exchange(method, url, what, body, headers, keyed, self._auth.token())
        return self._judged(answer, what, keyed)

    def _exchange(
        self,
        method: str,
        url: str,
        what: str,
        body: bytes | None,
        headers: dict[str, str],
        keyed: bool,
        token: str | None,
    ) -> Answer:
        sent = {"Accept": JSON, "Cache-Control": "no-cache", **headers}
        if body is not None:
            sent["Content-Type"] = JSON
        left = self._patience.left
        if left <= 0:
            raise RemoteError(f"{what}: the time for reading is over")
        times = (min(self._patience.connect, left), min(self._patience.read, left))
        timed = left < math.inf
        try:
            answer = self._session.request(
                method, url, data=body, headers=sent, timeout=times, allow_redirects=False, stream=timed,
                auth=_Bearer(token),
            )  # fmt: skip
            return self._in_time(answer, what) if timed else answer
        except _FAILURES as error:
            failure = RemoteError(f"{what}: {_place(url)} {_failure(error)}")
            if keyed or isinstance(error, requests.ConnectTimeout):
                raise _Again(failure, None) from None
            raise failure from None

    def _in_time(self, answer: Answer, what: str) -> Answer:
        """The answer with its whole body: a server that sends byte by byte is left when the time is over."""
        content = bytearray()
        with answer:
            while piece := answer.raw.read1(_PIECE, decode_content=True):
                content += piece
                if self._patience.left <= 0:
                    raise RemoteError(f"{what}: {_place(answer.url)} did not answer in time")
        answer._content = bytes(content)
        return answer

    def _judged(self, answer: Answer, what: str, keyed: bool) -> Answer:
        status = answer.status_code
        if status < 300 or status == 304:
            return answer
        error = _error(answer, what)
        if status not in TRANSIENT or not (keyed or status in UNDONE):
            raise error
        asked = retry_after(answer.headers.get("Retry-After"))
        longest = min(self._patience.longest, self._patience.left)
        if asked is not None and asked > longest:
            why = f"asks to wait {asked:.0f} s, longer than is waited here ({longest:.0f} s): run again later"
            raise type(error)(f"{error} and {why}", status)
        raise _Again(error, asked)

    def _wait(self, state: RetryCallState) -> float:
        patience = self._patience
        failure = state.outcome.exception() if state.outcome else None
        growing: float = patience.first * 2 ** (state.attempt_number - 1) * random.uniform(0.5, 1)
        asked = failure.after if isinstance(failure, _Again) else None
        if asked is None:
            return min(patience.longest, growing)
        # What the server asks for is the wait; the little more only keeps callers from coming back all at once.
        return min(patience.longest, asked + random.uniform(0, min(patience.first, asked / 10)))


def retry_after(text: str | None) -> float | None:
    """Seconds to wait from a Retry-After header in either form; None without one that can be read and makes sense."""
    if not text:
        return None
    if _SECONDS.fullmatch(text.strip()):
        asked = float(text)
    else:
        try:
            until = email.utils.parsedate_to_datetime(text)
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            asked = max(0.0, (until - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None
    return asked if asked <= _ABSURD else None


def is_broken(error: RemoteError) -> bool:
    """Whether an exchange failed on its way or gave no FHIR, and may succeed later; False when the server said no."""
    status = error.status
    return status is None or status < 400 or status in TRANSIENT or (status >= 500 and status != NOT_IMPLEMENTED)


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address; None for one that has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def address_fault(url: str) -> str | None:
    """Why no FHIR server can be at an address, None when one can."""
    if _UNFIT.search(url):
        return "it holds a space or a control character"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.rstrip(".").encode("idna")
    except ValueError:
        return "its host or its port is malformed"
    if parts.scheme not in ("http", "https") or not host or len(host) > _LONGEST_HOST or port == 0:
        return "it must be an http or https URL with a host"
    return "it must end before ? and #" if parts.query or parts.fragment else None


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are the same scheme, host and port."""
    found = origin(one)
    return found is not None and found == origin(other)


def _error(answer: Answer, what: str) -> RemoteError:
    status = answer.status_code
    if status < 400:
        return RemoteError(f"{what}: {_place(answer.url)} answered with a redirect: set the final address", status)
    said = in_short(answer.content)
    kind = ERRORS.get(status, RemoteError)
    return kind(f"{what}: {_place(answer.url)} answered {status}{f' ({said})' if said else ''}", status)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.netloc or '').rpartition('@')[2]}"


def _failure(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "has a certificate that is not trusted"
    if isinstance(error, requests.ConnectionError):
        return "could not be reached: check the address and that the server runs"
    return f"could not be asked ({type(error).__name__})"
