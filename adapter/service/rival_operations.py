"""Several planned operations in one call: each drafted one is judged for itself, not only the earliest."""

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
    """The assessment with the interval findings of every drafted operation that has another planned beside it.

    The guideline judges the earliest planned operation (3.9). Who signs a later one, because it is moved, must hear of
    that one. `failed` is told of a part that raises, and of operations beyond the most that are judged.
    """
    operations = _operations(record.timeline, as_of)
    drafts = [plan for plan in operations if plan.draft]
    if not drafts or len(operations) == 1:
        return assessment
    found = {_named(f): f for f in assessment.findings}
    for draft in drafts[:MOST]:
        alone = _without(record.timeline, {plan.source for plan in operations} - {draft.source})
        judged = evaluator.judge(alone, as_of, failed).findings
        own = (f for f in judged if f.code.startswith(INTERVAL) and draft.source in f.evidence)
        found.update((_named(f), f) for f in own)
    if len(drafts) > MOST:
        failed(TOO_MANY, ValueError(len(drafts)))
    return replace(assessment, findings=tuple(found.values()))


def _operations(timeline: Timeline, as_of: AsOf) -> list[Plan]:
    """Planned operations that are not over, those without a date left out: they are judged as of today."""
    plans = [plan for plan in timeline.events if isinstance(plan, Plan) and plan.on is not None]
    groups = card_rules().operations
    return [p for p in plans if not groups.isdisjoint((*p.groups, p.what)) and p.on and p.on.last >= as_of.day]


def _without(timeline: Timeline, sources: set[str]) -> Timeline:
    kept = (event for event in timeline.events if not (isinstance(event, Plan) and event.source in sources))
    return Timeline(timeline.person, kept, timeline.unusable, timeline.conditions_read, timeline.incomplete)


def _named(finding: Finding) -> tuple[str, str | None, tuple[str, ...]]:
    return finding.code, finding.cause, finding.evidence
