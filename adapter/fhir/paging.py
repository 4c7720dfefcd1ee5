"""The whole of a search over its pages, with a word on what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from adapter.errors import MissingError, RemoteError
from adapter.fhir.origins import below, same_origin
from adapter.fhir.outcomes import grave, refuses
from adapter.fhir.raw import Page, RawResource, page
from adapter.fhir.transport import Answer, is_broken

MOST_PAGES = 10_000
Get = Callable[[str], Answer]


class Found(msgspec.Struct, frozen=True):
    """What a search gave; `incomplete` says why it may not be the whole, None when it is.

    `refused`: the server gave nothing but an error; `broken`: a page failed on its way, so that it may be had later.
    """

    resources: tuple[RawResource, ...]
    incomplete: str | None = None
    refused: bool = False
    broken: bool = False


class _Collected:
    """The entries of the pages so far, each version of a resource once."""

    def __init__(self) -> None:
        self.resources: dict[object, RawResource] = {}
        self.matches = 0
        self.warned = False
        self.refused = False
        self.broken = False

    def add(self, found: Page) -> None:
        for resource in found.resources:
            if resource.type == "OperationOutcome" or resource.mode == "outcome":
                self._hear(resource)
                continue
            key = (resource.type, resource.id, resource.version) if resource.id else (resource.body,)
            if key not in self.resources:
                self.resources[key] = resource
                self.matches += resource.mode != "include"

    def _hear(self, resource: RawResource) -> None:
        try:
            outcome = resource.json()
        except RemoteError:
            self.warned = True
            return
        self.warned = self.warned or grave(outcome)
        self.refused = self.refused or refuses(outcome)


def collect(
    get: Get, first: str, kind: str, base: str, trusted: Iterable[str] = (), most_pages: int = MOST_PAGES
) -> Found:
    """Follow a search from its first address.

    A cursor that expired restarts the search once. Raises RemoteError when not even the first page can be had.
    """
    for last_try in (False, True):
        collected = _Collected()
        try:
            reason = _follow(get, first, kind, base, tuple(trusted), collected, most_pages)
        except MissingError as error:
            if not collected.resources:
                raise
            if not last_try:
                continue
            reason = f"the search's pages expired twice ({error.status})"
        break
    if collected.warned and reason is None:
        reason = "the server warned that the result may not be complete"
    found = tuple(collected.resources.values())
    return Found(found, reason, collected.refused and not found, collected.broken)


def _follow(
    get: Get, first: str, kind: str, base: str, trusted: tuple[str, ...], collected: _Collected, most_pages: int
) -> str | None:
    url, seen, total = first, set[str](), None
    for _ in range(most_pages):
        seen.add(url)
        try:
            found = page(get(url).content, kind)
        except MissingError:
            raise
        except RemoteError as error:
            if len(seen) == 1:
                raise
            collected.broken = is_broken(error)
            return f"a further page could not be had ({error})"
        collected.add(found)
        total = found.total if total is None else total
        if found.next is None:
            return _short_of(total, collected.matches)
        if not found.next:
            return "there is a further page, but its link names no address"
        following = next_url(found.next, url, base, trusted)
        if following is None:
            return "the next page is on another server, which is not trusted"
        if following in seen:
            return "the server's next page is one that was already read"
        url = following
    return "the search has more pages than can be followed"


def next_url(link: str, page_url: str, base: str, trusted: tuple[str, ...] = ()) -> str | None:
    """The address of the next page: verbatim below our base, moved there when only the host differs (a proxy).

    None when it leads elsewhere, on our server too (another tenant may live there), and its origin is not trusted.
    """
    try:
        url = urljoin(page_url, link)
        home, there = urlsplit(base), urlsplit(url)
    except ValueError:
        return None
    if below(url, base) or any(same_origin(url, other) for other in trusted):
        return url
    if there.scheme not in ("http", "https") or not home.path.strip("/"):
        return None
    moved = urlunsplit(there._replace(scheme=home.scheme, netloc=home.netloc))
    return moved if below(moved, base) else None


def _short_of(total: int | None, matches: int) -> str | None:
    return f"the server counts {total} and gave {matches}" if total is not None and matches < total else None
