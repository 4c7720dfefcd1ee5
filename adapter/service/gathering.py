"""One patient's record out of what was prefetched or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapter.normalize.records import Record
from adapter.pipeline import Evaluator
from adapter.resources.clinical import Patient
from adapter.resources.entries import Entries
from adapter.service.prefetch import KINDS, Had
from adapter.service.refusals import Refusal
from adapter.timeline.events import Coded, Event, Exposure, Measurement, Plan, Problem
from adapter.values import AsOf, When

Gaps = tuple[tuple[str, str], ...]


def gaps_of(held: Mapping[str, Had]) -> Gaps:
    """The resource types that are not there in full, each with the reason."""
    return tuple((KINDS[key], reason) for key, found in held.items() if (reason := found.gap))


def record_of(
    patient_id: str,
    held: Mapping[str, Had],
    base: str | None,
    evaluator: Evaluator,
    draft_orders: Entries | None = None,
) -> Record | None:
    """The patient's record, None when nothing is about the patient. Raises Refusal 422 rather than lose a resource."""
    gaps = gaps_of(held)
    pages = [page for found in held.values() for page in found.pages]
    for page in pages:
        _identify(page, patient_id)
    records = evaluator.records(
        pages,
        complete=not any(kind == "Condition" for kind, _ in gaps),
        incomplete=gaps,
        source_base=base,
        draft_orders=draft_orders,
    )
    wanted = f"Patient/{patient_id}"
    if any(record.reference != wanted for record in records.patients):
        raise Refusal(422, "a part of what was given can be given to no patient: check subject references")
    return next((record for record in records.patients if record.reference == wanted), None)


def newest_day(record: Record, as_of: AsOf) -> str | None:
    """The day of the newest fact that exists at as-of, None when no fact has a date."""
    known = record.timeline
    dated: list[Sequence[Measurement | Coded]] = [*known.measurements.values(), *known.coded.values()]
    past = [when for facts in dated if (when := _newest_dated(facts, as_of)) is not None]
    past += [when for facts in known.others.values() if (when := _newest(facts, as_of)) is not None]
    return max(past, key=lambda when: when.start).iso if past else None


def _newest_dated(facts: Sequence[Measurement | Coded], as_of: AsOf) -> When | None:
    """When the newest of some measurements or words of one concept was that exists at as-of; it stands last."""
    for fact in reversed(facts):
        if fact.when.start <= as_of.instant:
            return fact.when
    return None


def _newest(facts: Sequence[Event], as_of: AsOf) -> When | None:
    """When the newest of some facts of one kind began that exist at as-of."""
    times = map(time_of, facts) if isinstance(facts[0], Plan) else map(time_of, reversed(facts))
    past = (when for when in times if when is not None and when.start <= as_of.instant)
    # But for plans, which are sorted by the day for which they are, the newest stands last.
    return max(past, key=lambda when: when.start, default=None) if isinstance(facts[0], Plan) else next(past, None)


def time_of(event: Event) -> When | None:
    """When a fact begins, or a plan was made."""
    if isinstance(event, Problem):
        return event.onset or event.recorded
    if isinstance(event, Exposure):
        return event.start
    if isinstance(event, Plan):
        return event.authored
    return event.when


def _identify(page: Entries, patient_id: str) -> None:
    """A Patient without id is the patient that was asked for."""
    if Patient not in page.kinds:
        return
    for entry in page.items:
        resource: Any = entry.resource
        if resource.__class__ is Patient and not resource.id:
            resource.id = patient_id
