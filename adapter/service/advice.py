"""The cards for one CDS Hooks call: what was prefetched, what has to be read, and the answer."""

from __future__ import annotations

from collections.abc import Mapping

from adapter.normalize.accounts import Rejected
from adapter.output.cards import Card, CardMaker, Circumstances
from adapter.service.clients import Client
from adapter.service.evaluation import evaluator_of
from adapter.service.gathering import gaps_of, newest_day, record_of
from adapter.service.prefetch import REQUIRED, TYPES, Had, check_one_patient, had
from adapter.service.reading import read_missing
from adapter.service.refusals import Refusal
from adapter.service.request import HookCall
from adapter.service.site import Site

_MOST_NAMED = 3


class Question:
    """One call with what came with it. Raises Refusal 400 when patients are mixed."""

    def __init__(self, call: HookCall, site: Site, client: Client | None, deadline: float) -> None:
        self._call, self._site, self._client, self._deadline = call, site, client, deadline
        self._held = {key: had(call.prefetch[key], kind) for key, kind in TYPES.items() if key in call.prefetch}
        check_one_patient((r for found in self._held.values() for r in found.resources), call.patient_id)

    @property
    def complete(self) -> bool:
        """Whether nothing has to be read: all is there, or what cannot be had without is not."""
        return all(key in self._held and not self._held[key].next for key in TYPES) or self._call.fhir_server is None

    def cards(self) -> list[Card]:
        """The cards. Raises Refusal: 403 a server not allowed, 412 what is missing, 422 what names nobody."""
        call, site = self._call, self._site
        held = {**self._held, **read_missing(call, self._held, site, self._client, self._deadline)}
        _check_required(held)
        evaluator, as_of = evaluator_of(site), site.as_of()
        record = record_of(call.patient_id, held, call.fhir_server, evaluator)
        if record is None:
            if any(found.resources for found in held.values()):
                raise Refusal(422, "nothing of what was given names the patient: check subject and patient references")
            return []
        accounts = record.accounts(as_of)
        unread = _unread_conditions(accounts.rejected)
        told = Circumstances(
            canonical_base=site.settings.canonical_base,
            newest=newest_day(record, as_of),
            frozen=site.frozen is not None,
            gaps=(*unread, *gaps_of(held)),
            rejected=len(accounts.rejected),
            unmapped=len(accounts.unmapped),
        )
        made = CardMaker(evaluator.assess(record, as_of), evaluator.texts(site.settings.lang), told).cards()
        return _warned(made) if unread else made


def _unread_conditions(rejected: tuple[Rejected, ...]) -> tuple[tuple[str, str], ...]:
    """Conditions that could not be used, as one gap: one of them may be the cancer itself."""
    named = [f"{one.reference} ({one.reason})" for one in rejected if one.reference.startswith("Condition")]
    if not named:
        return ()
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    listed = ", ".join(named[:_MOST_NAMED])
    return (("Condition", f"could not be read: {listed}{more}; correct them in the record, and read it yourself"),)


def _warned(cards: list[Card]) -> list[Card]:
    """The card on missing data as a warning: without a Condition the others may be wrong, or wrongly absent."""
    missing = "missing-data"
    return [{**c, "indicator": "warning"} if c["source"]["topic"]["code"] == missing else c for c in cards]


def _check_required(held: Mapping[str, Had]) -> None:
    faults = [f"{key}: {held[key].fault} (prefetch it, or let it be read)" for key in REQUIRED if held[key].fault]
    if faults:
        raise Refusal(412, *faults)
