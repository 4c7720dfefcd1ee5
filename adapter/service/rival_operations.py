"""Several planned operations: draft orders are judged against each of them, not only against the earliest."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from adapter.guideline.model import Assessment, Finding
from adapter.normalize.records import Record
from adapter.output.card_rules import INTERVAL, card_rules
from adapter.pipeline import Evaluator
from adapter.timeline.events import Plan
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf

Failed = Callable[[str, Exception], None]
MOST = 20
TOO_MANY = "intervals"


def with_each_operation(
    assessment: Assessment, record: Record, as_of: AsOf, evaluator: Evaluator, failed: Failed
) -> Assessment:
    """The assessment with the interval findings of each planned operation that name a draft, operation or drug.

    The guideline judges the earliest planned operation (3.9). Who signs a later one, because it is moved, or a dose
    before a later one, must hear of that one. `failed` is told of a part that raises, and of operations beyond the most
    that are judged.
    """
    operations = _operations(record.timeline, as_of)
    drafts = {plan.source for plan in record.timeline.events if isinstance(plan, Plan) and plan.draft}
    rivals = _once(operations)
    if not drafts or len(rivals) < 2:
        return assessment
    found = {_named(f): f for f in assessment.findings}
    for operation in rivals[:MOST]:
        alone = _without(record.timeline, {plan.source for plan in operations} - {operation.source})
        judged = evaluator.judge(alone, as_of, failed).findings
        own = (f for f in judged if f.code.startswith(INTERVAL) and not drafts.isdisjoint(f.evidence))
        found.update((_named(f), f) for f in own)
    if len(rivals) > MOST:
        failed(TOO_MANY, ValueError(len(rivals)))
    return replace(assessment, findings=tuple(found.values()))


def _operations(timeline: Timeline, as_of: AsOf) -> list[Plan]:
    """Dated planned operations that are not over; a draft without a date has that of as-of's day."""
    plans = [plan for plan in timeline.events if isinstance(plan, Plan) and plan.on is not None]
    groups = card_rules().operations
    return [p for p in plans if not groups.isdisjoint((*p.groups, p.what)) and p.on and p.on.last >= as_of.day]


def _once(operations: list[Plan]) -> list[Plan]:
    """The drafts, and of those on record one for a day: an operation is often both ordered and booked."""
    drafts = [plan for plan in operations if plan.draft]
    days: dict[tuple[int, int], Plan] = {}
    # In the guideline's order, so that of one day the same plan is named as there.
    for plan in sorted(operations, key=lambda plan: (plan.on.start if plan.on else 0, plan.source)):
        if plan.on is not None and not plan.draft:
            days.setdefault((plan.on.first, plan.on.last), plan)
    return [*drafts, *days.values()]


def _without(timeline: Timeline, sources: set[str]) -> Timeline:
    kept = (event for event in timeline.events if not (isinstance(event, Plan) and event.source in sources))
    return Timeline(timeline.person, kept, timeline.unusable, timeline.conditions_read, timeline.incomplete)


def _named(finding: Finding) -> tuple[str, str | None, tuple[str, ...]]:
    return finding.code, finding.cause, finding.evidence
