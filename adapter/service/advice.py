"""The cards for one CDS Hooks call: what was prefetched, what has to be read, and the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, lru_cache, partial

from adapter.guideline.phase import NO_HCC
from adapter.normalize.accounts import Rejected
from adapter.normalize.records import Record
from adapter.output.cards import Card, CardMaker, Circumstances
from adapter.output.fingerprints import Fingerprints
from adapter.output.override_reasons import override_reasons
from adapter.pipeline import HCC, Evaluator
from adapter.resources.clinical import Condition, Medication
from adapter.resources.datatypes import CodeableConcept
from adapter.resources.entries import Entries
from adapter.resources.repair import read
from adapter.service.clients import Client
from adapter.service.evaluation import evaluator_of
from adapter.service.gathering import Gaps, gaps_of, newest_day, record_of
from adapter.service.guard import place
from adapter.service.orders import Drafts, Judged, entries_of, judged, of_this_patient, resolved
from adapter.service.prefetch import REQUIRED, TYPES, Had, had, kind_of, page_of, some
from adapter.service.reading import nothing_lacks, read_missing
from adapter.service.refusals import Refusal
from adapter.service.request import HookCall
from adapter.service.rival_operations import with_each_operation
from adapter.service.site import Site
from adapter.service.whose import Whose, check_one_patient
from adapter.terminology import Terminology
from adapter.values import AsOf

DRAFTED = "draftOrders"
_MOST_NAMED = 3
log = logging.getLogger("hcc.service")


class Question:
    """One call with what came with it. Raises Refusal 400 when patients are mixed."""

    def __init__(self, call: HookCall, site: Site, client: Client | None, deadline: float) -> None:
        self._call, self._site, self._client, self._deadline = call, site, client, deadline
        self._held = {key: had(call.prefetch[key], key) for key in TYPES if key in call.prefetch}
        whose = Whose(call.patient_id, call.fhir_server)
        check_one_patient([page for found in self._held.values() for page in found.pages], whose)
        self._drafts = None if call.drafts is None else of_this_patient(call.drafts, whose)
        if self._drafts is not None:
            self._held[DRAFTED] = Had([page_of(self._drafts.pointing, DRAFTED)])

    @property
    def complete(self) -> bool:
        """Whether nothing has to be read: all is there, or there is no server to ask."""
        return self._call.fhir_server is None or self._whole

    @cached_property
    def _whole(self) -> bool:
        return nothing_lacks(self._call, self._held)

    def cards(self) -> list[Card]:
        """The cards. Raises Refusal: 403 a server not allowed, 412 what is missing, 422 what names nobody."""
        call, site = self._call, self._site
        held = self._held
        if not self._whole:
            held = {**held, **read_missing(call, held, site, self._client, self._deadline)}
        _check_required(held)
        evaluator, as_of = evaluator_of(site), site.as_of()
        drafts = None if self._drafts is None else resolved(self._drafts, _medications(held))
        plans = entries_of(drafts, as_of, evaluator.terminology) if drafts is not None else None
        record = record_of(call.patient_id, _without_drafts(held, drafts), call.fhir_server, evaluator, plans)
        if record is None:
            if any(found.resources for key, found in held.items() if key != DRAFTED):
                raise Refusal(422, "nothing of what was given names the patient: check subject and patient references")
            return []
        failures: list[str] = []
        failed = partial(_note_failure, failures)
        assessment = evaluator.assess(record, as_of, failed)
        if drafts is not None:
            assessment = with_each_operation(assessment, record, as_of, evaluator, failed)
        orders = judged(drafts, record, as_of, evaluator.terminology) if drafts is not None else None
        told = self._circumstances(
            record,
            as_of,
            evaluator,
            gaps_of(held),
            tuple(failures),
            orders,
            held if assessment.phase == NO_HCC else None,
        )
        return CardMaker(assessment, evaluator.texts(site.settings.lang), told).cards()

    def _circumstances(
        self,
        record: Record,
        as_of: AsOf,
        evaluator: Evaluator,
        gaps: Gaps,
        failures: tuple[str, ...],
        orders: Judged | None,
        unassessed: Mapping[str, Had] | None,
    ) -> Circumstances:
        settings = self._site.settings
        accounts = record.accounts(as_of)
        unread = _unread_conditions(accounts.rejected)
        return Circumstances(
            canonical_base=settings.canonical_base,
            fingerprints=Fingerprints(record.timeline.events, orders.undated if orders else frozenset()),
            coding=partial(_coding, evaluator.terminology),
            reasons=override_reasons(settings.lang, settings.mappings),
            newest=newest_day(record, as_of),
            frozen=self._site.frozen is not None,
            gaps=(*unread, *gaps),
            grave_gap=bool(unread),
            rejected=len(accounts.rejected),
            unmapped=len(accounts.unmapped),
            failed=failures,
            orders=orders.selected if orders else None,
            drafted=orders.drafted if orders else frozenset(),
            unconfirmed=_unconfirmed(record, as_of) if unassessed else (),
            nameless=_nameless(unassessed) if unassessed else (),
        )


@lru_cache(maxsize=512)
def _coding(terminology: Terminology, concept: str) -> tuple[str, str, str]:
    """The coding to write for a concept, looked for once."""
    return terminology.preferred_coding(concept)


def _note_failure(failures: list[str], name: str, error: Exception) -> None:
    """A check that raised: its name for the card, its place for the log."""
    log.error("the check %s failed: %s at %s", name, type(error).__name__, place(error))
    if name not in failures:
        failures.append(name)


def _unconfirmed(record: Record, as_of: AsOf) -> tuple[str, ...]:
    """Conditions of this cancer that are neither confirmed nor refuted."""
    found = record.timeline.at(as_of).diagnosed(HCC)
    return tuple(problem.source for problem in found if not problem.confirmed and not problem.refuted)


def _nameless(held: Mapping[str, Had]) -> tuple[str, ...]:
    """Conditions that say with no code and no word what they are: any of them may be this cancer."""
    found = []
    for condition in (r for had_ in held.values() for r in had_.resources if r.__class__ is Condition):
        code = read(condition.code, CodeableConcept)
        if code is None or not (code.text or any(coding.code or coding.display for coding in code.coding or ())):
            found.append(f"Condition/{condition.id or '-'}")
    return tuple(found)


def _without_drafts(held: Mapping[str, Had], drafts: Drafts | None) -> Mapping[str, Had]:
    """The record without the draft orders, which are read as plans, and without the server's older copies of them."""
    if drafts is None:
        return held
    mine = drafts.references
    kept = {key: replace(found, pages=[_without(p, mine) for p in found.pages]) for key, found in held.items()}
    return {**kept, DRAFTED: Had([page_of(drafts.medications, DRAFTED)])}


def _medications(held: Mapping[str, Had]) -> frozenset[str]:
    """Ids of the Medications in hand."""
    every = (resource for found in held.values() for resource in found.resources)
    return frozenset(str(resource.id) for resource in every if resource.__class__ is Medication)


def _without(page: Entries, references: frozenset[str]) -> Entries:
    resources = [(index, entry.resource) for index, entry in enumerate(page.items) if entry.resource is not None]
    return some(page, [index for index, one in resources if f"{kind_of(one)}/{one.id}" not in references])


def _unread_conditions(rejected: tuple[Rejected, ...]) -> tuple[tuple[str, str], ...]:
    """Conditions that could not be used, as one gap: one of them may be the cancer itself."""
    named = [
        f"{one.reference} ({one.reason})"
        for one in rejected
        if "Condition" in (one.reference.partition("/")[0], one.path.partition(".")[0])
    ]
    if not named:
        return ()
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    listed = ", ".join(named[:_MOST_NAMED])
    return (("Condition", f"could not be read: {listed}{more}; correct them in the record, and read it yourself"),)


def _check_required(held: Mapping[str, Had]) -> None:
    faults = [f"{key}: {held[key].fault} (prefetch it, or let it be read)" for key in REQUIRED if held[key].fault]
    if faults:
        raise Refusal(412, *faults)
