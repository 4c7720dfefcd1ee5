"""Cards that are not shown: overridden ones until their evidence changes, and all of a service in silent mode."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from adapter.errors import UsageError
from adapter.service.site import Site
from adapter.state import State

ALL = "all"
# What people write where they mean all.
EVERY = frozenset({ALL, "true", "1", "yes", "on"})
SILENT_WARNING = "SILENT (HCC_CDS_SILENT): calls are evaluated and counted, and no card is shown; no card means nothing"
LONGEST_QUESTION = 500
log = logging.getLogger("hcc.service")


def silenced(memory: State, uuids: Sequence[str], client: str | None = None) -> frozenset[str]:
    """The cards whose newest feedback is `overridden`; `client`: by this caller, None by anybody.

    One query. A state database that fails silences nothing, which is the safe side: the cards go out.
    """
    if not uuids or time.monotonic() < memory.resting_until:
        return frozenset()
    try:
        return memory.feedback.overridden(uuids[:LONGEST_QUESTION], client)
    except SQLAlchemyError as error:
        memory.rest()
        log.error("overridden cards are shown: the state database fails (%s)", type(error).__name__)
        return frozenset()


def is_silent(site: Site, service_id: str) -> bool:
    """Whether a service evaluates without showing (HCC_CDS_SILENT)."""
    chosen = site.settings.cds_silent
    return bool(chosen & EVERY) or service_id in chosen


def silent_services(site: Site, known: Sequence[str]) -> tuple[str, ...]:
    """The services in silent mode. Raises UsageError for a name that is none, which would silence nothing."""
    for name in site.settings.cds_silent - {*EVERY, *known}:
        raise UsageError(f"HCC_CDS_SILENT: {name!r} is no service: give {ALL}, or a comma list of {', '.join(known)}")
    return tuple(service for service in known if is_silent(site, service))


def silence_told(site: Site, service_id: str) -> str:
    """A sentence for the description of a service in silent mode, empty otherwise."""
    if not is_silent(site, service_id):
        return ""
    return (
        " SILENT MODE (HCC_CDS_SILENT): every call is evaluated and what would be shown is counted,"
        " but no card is ever returned; an empty answer means nothing."
    )
