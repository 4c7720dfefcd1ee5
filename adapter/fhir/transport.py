"""Single HTTP exchanges with a FHIR server: credentials, waits, retries, and errors in our own words."""

from __future__ import annotations

import email.utils
import math
import random
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from adapter.errors import ConflictError, MissingError, RefusedError, RemoteError, UsageError
from adapter.fhir.auth import Auth, NoAuth
from adapter.fhir.content import ACCEPTED, LARGEST, is_readable, pieces
from adapter.fhir.origins import UNFIT, below
from adapter.fhir.outcomes import in_short

JSON = "application/fhir+json"
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
UNDONE = frozenset({425, 429, 503})
"""The server says that it did nothing, so even a write without a key may be sent again."""
ERRORS: dict[int, type[RemoteError]] = {
    401: RefusedError, 403: RefusedError, 404: MissingError, 410: MissingError, 409: ConflictError, 412: ConflictError,
}  # fmt: skip
Answer = requests.Response
_LONGEST_HOST = 253
NOT_IMPLEMENTED = 501
_SECONDS = re.compile(r"[0-9]{1,9}")
_ABSURD = 31 * 24 * 3600
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, zlib.error)


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


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: requests would unpack the whole content of a redirect, however large, even if it is not followed."""
        return None


class Transport:
    """One server's HTTP connection; the token goes to `base` and below only and redirects are never followed.

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
        self._session = _Session()
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
        """The answer that says that it was done: 200 to a GET, any status below 300 (or 304) to a write.

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
        ours = below(url, self.base)
        token = self._auth.token() if ours else None
        answer = self._exchange(method, url, what, body, headers, keyed, token)
        if answer.status_code == 401 and ours and token and self._auth.refresh(token):
            answer = self._exchange(method, url, what, body, headers, keyed, self._auth.token())
        return self._judged(answer, method, what, keyed)

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
        sent = {"Accept": JSON, "Accept-Encoding": ACCEPTED, "Cache-Control": "no-cache", **headers}
        if body is not None:
            sent["Content-Type"] = JSON
        left = self._patience.left
        if left <= 0:
            raise RemoteError(f"{what}: the time for reading is over")
        times = (min(self._patience.connect, left), min(self._patience.read, left))
        try:
            answer = self._session.request(
                method, url, data=body, headers=sent, timeout=times, allow_redirects=False, stream=True,
                auth=_Bearer(token),
            )  # fmt: skip
            return self._whole(answer, what)
        except _FAILURES as error:
            failure = RemoteError(f"{what}: {_place(url)} {_failure(error)}")
            if keyed or isinstance(error, requests.ConnectTimeout):
                raise _Again(failure, None) from None
            raise failure from None

    def _whole(self, answer: Answer, what: str) -> Answer:
        """The answer with its content, left when the time is over (a server may send byte by byte) or it is too large.

        What arrives is counted too: packed content can be endless and hold nothing.
        """
        content = bytearray()
        with answer:
            for piece in pieces(answer):
                content += piece
                fault = self._left_for(len(content), answer)
                if fault is not None:
                    content.clear()  # an error keeps the frames that it came through, and with them this, for long
                    raise RemoteError(f"{what}: {_place(answer.url)} {fault}")
        answer._content = bytes(content)
        return answer

    def _left_for(self, length: int, answer: Answer) -> str | None:
        if self._patience.left <= 0:
            return "did not answer in time"
        if max(length, answer.raw.tell()) > LARGEST:
            return f"answered with more than {LARGEST >> 20} MiB: let it send smaller pages"
        return None

    def _judged(self, answer: Answer, method: str, what: str, keyed: bool) -> Answer:
        status = answer.status_code
        if status == 200 or (method != "GET" and (status < 300 or status == 304)):
            if method != "GET" or is_readable(answer):
                return answer
            fault = f"answered in another coding than {ACCEPTED}, which was asked for"
            raise RemoteError(f"{what}: {_place(answer.url)} {fault}", status)
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


def address_fault(url: str) -> str | None:
    """Why no FHIR server can be at an address, None when one can."""
    if UNFIT.search(url):
        return "it holds a space, a backslash or a control character"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.rstrip(".").encode("idna")
    except ValueError:
        return "its host or its port is malformed"
    if parts.scheme not in ("http", "https") or not host or len(host) > _LONGEST_HOST or port == 0:
        return "it must be an http or https URL with a host"
    return "it must end before ? and #" if parts.query or parts.fragment else None


def _error(answer: Answer, what: str) -> RemoteError:
    status = answer.status_code
    if 300 <= status < 400 and status != 304:
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
    if isinstance(error, zlib.error):
        return "sent packed content that is broken"
    if isinstance(error, requests.ConnectionError):
        return "could not be reached: check the address and that the server runs"
    return f"could not be asked ({type(error).__name__})"
