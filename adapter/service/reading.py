"""What a CDS Hooks client did not prefetch, read from its FHIR server within the deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter

from adapter.errors import RemoteError, UsageError
from adapter.fhir.auth import Auth, FixedToken, NoAuth
from adapter.fhir.client import FhirClient
from adapter.fhir.documents import shape_of
from adapter.fhir.paging import MOST_PAGES
from adapter.fhir.transport import Patience
from adapter.resources.entries import Broken
from adapter.service.addresses import door, may_read
from adapter.service.clients import Client
from adapter.service.prefetch import (
    KINDS,
    MEDICATIONS,
    PAGE,
    REQUIRED,
    TYPES,
    Had,
    kind_of,
    medications_named,
    page_of,
)
from adapter.service.refusals import Refusal
from adapter.service.request import HookCall
from adapter.service.scopes import permits
from adapter.service.site import Site
from adapter.service.whose import Whose
from adapter.settings.credential import own_credential

AT_ONCE = 6
HOOK_PAGES = 50
_GRACE = 0.25
_GONE = (404, 410)
_LATE = "the FHIR server did not answer in time"


@dataclass(frozen=True)
class Source:
    """A server to read, our credential there (never sent elsewhere), until when, and how many pages of a search.

    `over`: nobody waits any more, so that nothing more is asked.
    """

    base: str
    auth: Auth
    scope: str
    deadline: float
    pages: int = HOOK_PAGES
    over: threading.Event = field(default_factory=threading.Event)
    door: Callable[[], HTTPAdapter | None] = lambda: None

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(self.deadline - time.monotonic(), 0.0)


def read_missing(
    call: HookCall, held: Mapping[str, Had], site: Site, client: Client | None, deadline: float
) -> dict[str, Had]:
    """Every key that is absent or goes on on another page, with what could be had of it.

    Raises Refusal 403 when something required would have to be read from a server that is not allowed.
    """
    with _Pool() as pool:
        source = _source(call, site, client, deadline, pool)
    if isinstance(source, Source):
        return _read_all(call.patient_id, held, source)
    if source == _NOT_ALLOWED and any(key not in held for key in REQUIRED):
        raise Refusal(403, _NOT_ALLOWED)
    pointed = (MEDICATIONS,) if medications_named(held, call.fhir_server) else ()
    return {key: Had(fault=source) for key in (*TYPES, *pointed) if key not in held}


def nothing_lacks(call: HookCall, held: Mapping[str, Had]) -> bool:
    """Whether every key is there to its last page, with the Medications that orders and doses point to."""
    whole = all(key in held and not held[key].next for key in TYPES)
    return whole and not medications_named(held, call.fhir_server)


def read_own(patient_id: str, site: Site, deadline: float) -> dict[str, Had]:
    """Everything of a patient on the site's own FHIR server. Raises UsageError when none is set."""
    settings = site.settings
    if settings.fhir_server is None:
        raise UsageError("no FHIR server to read from: set HCC_FHIR_SERVER or give --fhir-server")
    source = Source(settings.fhir_server, own_credential(settings), "", deadline, MOST_PAGES)
    return _read_all(patient_id, {}, source)


def _read_all(patient_id: str, held: Mapping[str, Had], source: Source) -> dict[str, Had]:
    """All that is to be read; whatever still runs at the end asks nothing more."""
    try:
        with _Pool() as pool:
            return _read_types(patient_id, held, source, pool)
    finally:
        source.over.set()


def _read_types(patient_id: str, held: Mapping[str, Had], source: Source, pool: ThreadPoolExecutor) -> dict[str, Had]:
    """All types at once, and as soon as the orders and doses are there the Medications that they point to."""
    wanted = [key for key in TYPES if key not in held or held[key].next]
    tasks = {key: pool.submit(_read, key, patient_id, held.get(key), source) for key in wanted}
    pointing = [key for key in wanted if key.startswith("medication")]
    wait([tasks[key] for key in pointing], timeout=source.left)
    begun = {**held, **{key: _now(tasks[key], held.get(key)) for key in pointing}}
    named = [pool.submit(_read, MEDICATIONS, one, None, source) for one in medications_named(begun, source.base)]
    # A moment more than the reads have, so that those that the deadline breaks off can still give what they had.
    wait([*tasks.values(), *named], timeout=source.left + _GRACE)
    result = {key: _now(task, held.get(key)) for key, task in tasks.items()}
    return {**result, MEDICATIONS: _together([_now(task, None) for task in named])} if named else result


def _now(task: Future[Had], begun: Had | None) -> Had:
    return task.result() if task.done() else begun or Had(fault=_LATE)


def _together(parts: list[Had]) -> Had:
    """Medications; one that is not there leaves its pointer unresolved, one that could not be had is a gap."""
    faults = [part.fault for part in parts if part.fault and part.status not in _GONE]
    return Had([page for part in parts for page in part.pages], doubt=faults[0] if faults else None)


_NOT_ALLOWED = (
    "this FHIR server may not be read: it is neither listed (HCC_CLIENTS) nor the site's own (HCC_FHIR_SERVER)"
)


class _Pool(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: what is late is given up."""

    def __init__(self) -> None:
        super().__init__(AT_ONCE, thread_name_prefix="reading")

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)


def _source(
    call: HookCall, site: Site, client: Client | None, deadline: float, pool: ThreadPoolExecutor
) -> Source | str:
    """The server to read, or the reason why nothing can be read."""
    settings, base = site.settings, call.fhir_server
    if base is None:
        return "not prefetched, and no fhirServer was named to read from"
    own = base == settings.fhir_server
    if call.access is None and not own and not site.open:
        return "not prefetched, and no fhirAuthorization was given to read it"
    if call.access is not None and call.access.expires_in <= 0:
        return "not prefetched, and the token of fhirAuthorization has expired"
    try:
        allowed = pool.submit(may_read, base, site, client).result(max(deadline - time.monotonic(), 0))
    except TimeoutError:
        return _LATE
    if not allowed:
        return _NOT_ALLOWED
    doors = partial(door, base, site, client)
    if call.access is not None:
        return Source(base, FixedToken(call.access.token), call.access.scope, deadline, door=doors)
    return Source(base, own_credential(settings) if own else NoAuth(), "", deadline, door=doors)


def _read(key: str, identity: str, begun: Had | None, source: Source) -> Had:
    kind = KINDS[key]
    allowed, partly = permits(source.scope, kind)
    if not allowed:
        return begun or Had(fault=f"the token's scope does not cover {kind}")
    patience = Patience(retries=0, until=source.deadline, stopped=source.over.is_set)
    client = FhirClient(source.base, auth=source.auth, patience=patience, most_pages=source.pages, door=source.door())
    try:
        result = _found(kind, identity, client)
    except RemoteError as error:
        said = _LATE if source.left <= 0 else f"the FHIR server {_said(error)}"
        result = _broken_off(begun, said, error.status)
    finally:
        client.close()
    if partly:
        result.doubt = result.doubt or "the token's scope covers a part only"
    return result


def _found(kind: str, identity: str, client: FhirClient) -> Had:
    """A search that the client broke off after a page is made again from its beginning."""
    if kind in ("Patient", KINDS[MEDICATIONS]):
        body = client.read(kind, identity).body
        return _of_kind(kind, [(shape_of(body), body)])
    found = client.search(kind, [("patient", identity), ("_count", str(PAGE))])
    everything = [(shape_of(resource.body), resource.body) for resource in found.resources]
    whose = Whose(identity, client.base)
    mine = [(shaped, body) for shaped, body in everything if not whose.another(shaped)]
    if everything and not mine:
        return Had(fault=f"the FHIR server answered with no {kind} of this patient")
    foreign = None if len(mine) == len(everything) else "the FHIR server answered with other patients' resources too"
    return _of_kind(kind, mine, found.incomplete or foreign)


def _of_kind(kind: str, given: list[tuple[Any, bytes]], doubt: str | None = None) -> Had:
    """What a server gave, a fault where nothing of it is of the kind that was asked for."""
    kinds = [kind_of(shaped) for shaped, _ in given]
    if given and kind not in kinds:
        return Had(fault=f"the FHIR server answered with no {kind} of this patient")
    broken = sum(shaped.__class__ is Broken for shaped, _ in given)
    if broken and kind in (KINDS["patient"], KINDS[MEDICATIONS]):
        return Had(fault=f"the FHIR server answered with no {kind} of this patient")
    unread = f"{broken} entries of the Bundle cannot be read" if broken else None
    return Had([page_of(given, kind)], doubt=doubt or unread)


def _said(error: RemoteError) -> str:
    return f"answered {error.status}" if error.status else "did not answer as it should"


def _broken_off(begun: Had | None, reason: str, status: int | None) -> Had:
    """What is in hand is kept even when a later page cannot be had."""
    if begun is None:
        return Had(fault=reason, status=status)
    return Had(begun.pages, doubt=f"a further page could not be read: {reason}")
