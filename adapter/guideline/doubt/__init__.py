"""Partial dates as the first and the last day that they can be: a favourable outcome stands only where all agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

import msgspec
import yaml

from adapter.guideline.model import Assessment, ChildPugh, Criterion, Finding, Stage, Staging
from adapter.guideline.staging import BCLC, CNLC
from adapter.guideline.table import SEVERITIES, catalogue_rows, kind_and_severity
from adapter.timeline.events import Coded, Event, Lesion, Measurement, Performed
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf, When
from adapter.values.truth import UNKNOWN
from adapter.values.when import whole_day

IMPRECISE = "date-imprecise"
ALARMS = ("critical", "warning")
Observed = Measurement | Coded | Lesion | Performed


class _Favourable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    outcomes: dict[str, frozenset[str]]
    dependent: frozenset[str]


@lru_cache(maxsize=1)
def favourable() -> _Favourable:
    """The outcomes that a doubt takes back."""
    text = (files("adapter.guideline.doubt") / "favourable.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), _Favourable)


def possible_timelines(timeline: Timeline, as_of: AsOf) -> Iterator[Timeline]:
    """The timeline with the imprecise observations of one concept, or of all, on their first or their last day."""
    found = {e.concept for e in timeline.events if isinstance(e, Observed) and _imprecise(e, as_of)}
    concepts = sorted(found)
    moves = [(frozenset((concept,)), last) for concept in concepts for last in (True, False)]
    everything = [(frozenset(concepts), last) for last in (True, False)] if len(concepts) > 1 else []
    for chosen, last in (*everything, *moves):
        events = [_moved(event, chosen, last, as_of) for event in timeline.events]
        yield Timeline(timeline.person, events, timeline.unusable, timeline.conditions_read, timeline.incomplete)


def _imprecise(event: Observed, as_of: AsOf) -> bool:
    """It has begun by as-of, on a day that is not known."""
    return not event.when.one_day and event.when.start <= as_of.instant


def _moved(event: Event, concepts: frozenset[str], last: bool, as_of: AsOf) -> Event:
    """An imprecise observation of some concepts on its first, or on its last possible day up to as-of."""
    if not isinstance(event, Observed) or event.concept not in concepts or not _imprecise(event, as_of):
        return event
    when: When = event.when
    if last and when.last >= as_of.day:
        day = whole_day(as_of.day, as_of.zone)
        return msgspec.structs.replace(event, when=msgspec.structs.replace(day, end=as_of.instant))
    return msgspec.structs.replace(event, when=whole_day(when.last if last else when.first, as_of.zone))


def doubted(found: Assessment, others: Sequence[Assessment]) -> Assessment:
    """What stays of an assessment when others are possible."""
    dependent = favourable().dependent
    planned = any(finding.params.get("operation") for finding in found.findings)
    findings = []
    for finding in found.findings:
        twins = [_twin(finding, other) for other in others]
        if not _reassuring(finding, twins) or _agree(finding, twins):
            findings.append(finding)
        elif finding.code not in dependent:
            findings.append(_undecided(finding, [twin for twin in twins if twin is not None], planned))
    findings += [_undecided(finding, [], planned) for finding in _vanished(found, others)]
    return msgspec.structs.replace(
        found, findings=tuple(findings), staging=_staged(found.staging, [other.staging for other in others])
    )


def _vanished(found: Assessment, others: Sequence[Assessment]) -> Iterator[Finding]:
    """Findings that are there on another possible day only: their precondition is not decided."""
    seen = {(finding.code, finding.cause) for finding in found.findings}
    for finding in (finding for other in others for finding in other.findings):
        if (finding.code, finding.cause) not in seen and finding.code not in favourable().dependent:
            seen.add((finding.code, finding.cause))
            yield finding


def _twin(finding: Finding, other: Assessment) -> Finding | None:
    return next((f for f in other.findings if (f.code, f.cause) == (finding.code, finding.cause)), None)


def _reassuring(finding: Finding, twins: Iterable[Finding | None]) -> bool:
    """A favourable outcome, or a calm one where another possible day alarms."""
    if finding.outcome in favourable().outcomes.get(finding.code, ()):
        return True
    return finding.severity not in ALARMS and any(twin is not None and twin.severity in ALARMS for twin in twins)


def _agree(finding: Finding, twins: Iterable[Finding | None]) -> bool:
    """The same outcome on every possible day, and none graver: where it depends on the case, severity speaks too."""
    calm = finding.severity not in ALARMS
    return all(t is not None and t.outcome == finding.outcome and not (calm and t.severity in ALARMS) for t in twins)


def _undecided(finding: Finding, twins: list[Finding], planned: bool) -> Finding:
    """The finding as a gap; every criterion that is not the same in all is unknown."""
    outcome, kind, severity = _gap(finding.code, planned)
    return msgspec.structs.replace(
        finding,
        outcome=outcome,
        kind=kind,
        severity=severity,
        due=None,
        criteria=tuple(_criterion(c, twins) for c in finding.criteria),
        notes=tuple(dict.fromkeys((*finding.notes, IMPRECISE))),
    )


def _gap(code: str, planned: bool) -> tuple[str, str, str]:
    """Outcome, kind and severity of what is not decided; the latter may depend on a planned hepatectomy."""
    outcome = "indeterminate" if (code, "indeterminate") in catalogue_rows() else "unknown"
    _, severity = catalogue_rows().get((code, outcome), ("gap", "info"))
    given = None if severity in SEVERITIES else ("warning" if planned else "info")
    return outcome, *kind_and_severity(code, outcome, None, given)


def _criterion(criterion: Criterion, twins: list[Finding]) -> Criterion:
    """Unknown where it is not the same in all; of a finding that only another day gives, nothing is known."""
    same = [c for twin in twins for c in twin.criteria if c.code == criterion.code]
    if twins and len(same) == len(twins) and all(c.status is criterion.status for c in same):
        return criterion
    unknown = msgspec.structs.replace(criterion, status=UNKNOWN, notes=_noted(criterion.notes))
    return unknown if twins else msgspec.structs.replace(unknown, value=None, at=None)


def _staged(found: Staging, others: list[Staging]) -> Staging:
    """Every stage that one of them leaves possible."""
    return msgspec.structs.replace(
        found,
        cnlc=_stage(found.cnlc, [other.cnlc for other in others]),
        bclc=_stage(found.bclc, [other.bclc for other in others]),
        child_pugh=_class(found.child_pugh, [other.child_pugh for other in others]),
    )


def _stage(found: Stage, others: list[Stage]) -> Stage:
    possible = {stage for one in (found, *others) for stage in one.possible}
    if possible == set(found.possible):
        return found
    order = CNLC if possible <= set(CNLC) else BCLC
    return msgspec.structs.replace(found, possible=tuple(s for s in order if s in possible), notes=_noted(found.notes))


def _class(found: ChildPugh, others: list[ChildPugh]) -> ChildPugh:
    possible = {name for one in (found, *others) for name in one.possible}
    if possible == set(found.possible):
        return found
    points = [one.points for one in (found, *others) if one.points is not None]
    hull = (min(low for low, _ in points), max(high for _, high in points)) if points else None
    return msgspec.structs.replace(found, possible=tuple(sorted(possible)), points=hull, notes=_noted(found.notes))


def _noted(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*notes, IMPRECISE)))


Evaluate = Callable[[Timeline], Assessment]


def over_partial_dates(timeline: Timeline, as_of: AsOf, evaluate: Evaluate) -> Assessment:
    """The assessment of a timeline, taken back where another possible day of an observation says otherwise."""
    found = evaluate(timeline)
    if not timeline.imprecise:
        return found
    others = [evaluate(other) for other in possible_timelines(timeline, as_of)]
    return doubted(found, others) if others else found
