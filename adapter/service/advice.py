"""The cards for one CDS Hooks call: what was prefetched, what has to be read, and the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping

from adapter.output.cards import Card, CardMaker, Circumstances
from adapter.service.clients import Client
from adapter.service.evaluation import evaluator_of
from adapter.service.gathering import gaps_of, newest_day, record_of
from adapter.service.prefetch import REQUIRED, TYPES, Had, check_one_patient, had
from adapter.service.reading import read_missing
from adapter.service.refusals import Refusal
from adapter.service.request import HookCall
from adapter.service.site import Site


def cards_for(call: HookCall, site: Site, client: Client | None) -> list[Card]:
    """The cards of a call. Raises Refusal: 400 mixed patients, 403 a server not allowed, 412 what is missing."""
    deadline = time.monotonic() + site.settings.cds_deadline
    held = {key: had(call.prefetch[key], kind) for key, kind in TYPES.items() if key in call.prefetch}
    check_one_patient((r for found in held.values() for r in found.resources), call.patient_id)
    held.update(read_missing(call, held, site, client, deadline))
    _check_required(held)
    evaluator, as_of = evaluator_of(site), site.as_of()
    record = record_of(call.patient_id, held, call.fhir_server, evaluator)
    if record is None:
        return []
    accounts = record.accounts(as_of)
    told = Circumstances(
        canonical_base=site.settings.canonical_base,
        newest=newest_day(record, as_of),
        frozen=site.frozen is not None,
        gaps=gaps_of(held),
        rejected=len(accounts.rejected),
        unmapped=len(accounts.unmapped),
    )
    return CardMaker(evaluator.assess(record, as_of), evaluator.texts(site.settings.lang), told).cards()


def _check_required(held: Mapping[str, Had]) -> None:
    faults = [f"{key}: {held[key].fault} (prefetch it, or let it be read)" for key in REQUIRED if held[key].fault]
    if faults:
        raise Refusal(412, *faults)
