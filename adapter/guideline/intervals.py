"""Drug and treatment intervals before a hepatectomy (guideline.md 3.9; C24-16, C21-12)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.gaps import treatment_possible, unusable_since
from adapter.guideline.interval_spans import Planned, Span, planned_doses, span_of
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import operation_ahead
from adapter.guideline.thresholds import Limit
from adapter.guideline.treatment import alpps_stages, course, operation_day, overdue_plans, planned_operations
from adapter.values import Interval, Truth, When, day_text, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "intervals"
GROUPS = {"tki": "tki", "bevacizumab": "anti_vegf", "ici": "ici", "tace": "tace", "radiotherapy": "radiotherapy"}
WITHOUT_NUMBER = ("haic", "sirt")
LIVER_TESTS = ("alt", "ast", "bilirubin_total")
STATEMENTS = ("C24-16", "C21-12")
LOCAL_STATEMENTS = ("C21-12",)


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What one class is judged by: its limits, its last exposure, doses ahead, and the day of the operation."""

    name: str
    span: Span | None
    doses: list[Planned]
    minimum: Limit
    preferred: Limit
    operation: When | None


def findings(case: Case) -> Iterator[Finding]:
    """One finding for each class of treatment with an exposure, or a dose ahead, in the course."""
    if not operation_ahead(case):
        return
    for name in GROUPS:
        found = _drug_finding(case, name)
        if found is not None:
            yield found
    for name in WITHOUT_NUMBER:
        span = span_of(case, name)
        if span is not None:
            yield _without_number(case, name, span)


def _plan_notes(case: Case) -> list[str]:
    if case.once(operation_day) is not None:
        return []
    second = overdue_plans(case, "alpps") if alpps_stages(case) else []
    return ["plan-overdue"] if overdue_plans(case, "hepatectomy") or second else []


def _gaps(case: Case, group: str, span: Span | None) -> tuple[str, ...]:
    """Why a later dose may be missing: its types were not given in full, or a record of it cannot be used."""
    if not case.view.incomplete and not case.view.unusable:
        return ()
    since = case.once(course).floor if span is None else span.first
    notes = [f"unusable: {u.reason}" for u in unusable_since(case, group, since)]
    return tuple(dict.fromkeys([*(["incomplete"] if treatment_possible(case, group) else []), *notes]))


def _drug_finding(case: Case, name: str) -> Finding | None:
    operation = case.once(operation_day)
    span = span_of(case, GROUPS[name])
    doses = planned_doses(case, GROUPS[name], operation)
    if span is None and (operation is None or not doses):
        return _undecided(case, name, operation)
    if not case.policy.thresholds.has(TOPIC, f"{name}-minimum"):
        return _ici_beside_aatd(case, name, span, doses)
    minimum = case.limit(TOPIC, f"{name}-minimum")
    has_preferred = case.policy.thresholds.has(TOPIC, f"{name}-preferred")
    preferred = case.limit(TOPIC, f"{name}-preferred") if has_preferred else minimum
    facts = Judged(name, span, doses, minimum, preferred, operation)
    return _earliest(case, facts) if operation is None else _judged(case, facts, operation)


def _undecided(case: Case, name: str, operation: When | None) -> Finding | None:
    """No dose on record, and the record may not show all of them: said where an operation is planned."""
    gaps = _gaps(case, GROUPS[name], None)
    if operation is None or not gaps:
        return None
    evidence = [u.source for u in unusable_since(case, GROUPS[name], case.once(course).floor)]
    tested = Criterion(code=f"{name}-exposure", status=UNKNOWN, evidence=tuple(evidence), notes=gaps)
    return case.finding(f"interval.{name}", "unknown", _statements(name), [tested], evidence=_plan_sources(case, None))


def least_days(limit: Limit) -> int:
    """Whole days that satisfy a limit: one more where the source says "more than"."""
    return limit.days + 1 if limit.exclusive else limit.days


def _due(facts: Judged) -> Due:
    """First dates after the last exposure, else after the last dose ahead."""
    last = facts.span.last if facts.span is not None else max(d.last for d in facts.doses)
    least = least_days(facts.minimum)
    return Due(earliest=day_text(last + least), preferred=day_text(last + max(least_days(facts.preferred), least)))


def _moving(case: Case, facts: Judged) -> dict[str, Any]:
    """Marks dates that count to as-of's day because a date has no day, or a dose ahead none at all."""
    if facts.span is not None:
        cut = facts.span.first < facts.span.last == case.day
    else:
        cut = any(dose.last == case.day for dose in facts.doses)
    return {"until_today": True} if cut else {}


def _threshold(limit: Limit) -> str:
    return f"{'>' if limit.exclusive else '>='} {limit.value} {limit.unit}"


def _earliest(case: Case, facts: Judged) -> Finding | None:
    """No day of operation: the first dates that would satisfy the limits."""
    if facts.span is None:
        return None
    notes = [*(["ongoing"] if facts.span.ongoing else []), *_gaps(case, GROUPS[facts.name], facts.span)]
    tested = Criterion(
        code=f"{facts.name}-{facts.minimum.days}-days",
        status=UNKNOWN,
        unit=facts.minimum.unit,
        threshold=_threshold(facts.minimum),
        at=day_text(facts.span.last),
        evidence=facts.span.sources,
        notes=tuple(notes),
    )
    return case.finding(
        f"interval.{facts.name}",
        "earliest",
        _statements(facts.name),
        [tested, *_liver_since(case, facts.name, facts.span)],
        due=_due(facts),
        notes=[*_plan_notes(case), *notes],
        last=day_text(facts.span.last),
        evidence=[p.source for p in case.once(planned_operations)],
        **_moving(case, facts),
    )


def _judged(case: Case, facts: Judged, operation: When) -> Finding:
    """The worse of the last exposure and of the doses ahead, against the operation."""
    days = _days(facts, operation)
    minimum, preferred = _status(facts.minimum, days), _status(facts.preferred, days)
    planned = max(facts.doses, key=lambda d: (d.last, d.source), default=None)
    by_plan = None
    if planned is not None:
        by_plan = Interval.between(operation.first - planned.last, operation.last - planned.first)
    plan_minimum, plan_preferred = _status(facts.minimum, by_plan), _status(facts.preferred, by_plan)
    outcome = _outcome(minimum, preferred, plan_minimum, plan_preferred)
    gaps = _gaps(case, GROUPS[facts.name], facts.span) if outcome == "ok" else ()
    outcome = "unknown" if gaps else outcome
    notes = [*_notes(facts, operation, (minimum, preferred), outcome, plan_minimum, plan_preferred), *gaps]
    shown = _deciding(facts, days, planned, by_plan)
    shortest = _least(shown.days)
    criteria = _criteria(facts, shown, (minimum, plan_minimum), (preferred, plan_preferred), notes)
    kind, severity = _gravity(case, facts.name, outcome, int(shortest))
    return case.finding(
        f"interval.{facts.name}",
        outcome,
        _statements(facts.name),
        [*criteria, *_liver_since(case, facts.name, facts.span)],
        due=_due(facts),
        kind=kind,
        severity=severity,
        notes=notes,
        evidence=_plan_sources(case, planned),
        days=max(int(shortest), 0),  # a plan without a day begins before today, an operation does not
        minimum=facts.minimum.value,
        operation=operation.iso,
        last_permitted=day_text(operation.first - least_days(facts.minimum)),
        advice=tuple(f"interval-{n.partition(':')[0]}" for n in notes if n.partition(":")[0] in _ADVISED),
        **_moving(case, facts),
    )


_ADVISED = frozenset({"planned", "must-stop-by", "date-imprecise"})


class _Deciding(msgspec.Struct, frozen=True, gc=False):
    """What is nearest to the operation, the last dose or a dose ahead: its interval, day (ISO) and sources."""

    days: Interval
    at: str
    sources: tuple[str, ...]


def _deciding(facts: Judged, days: Interval | None, planned: Planned | None, by_plan: Interval | None) -> _Deciding:
    """At least one of the two is there."""
    found = []
    if days is not None and facts.span is not None:
        found.append(_Deciding(days, day_text(facts.span.last), facts.span.sources))
    if by_plan is not None and planned is not None:
        found.append(_Deciding(by_plan, day_text(planned.last), (planned.source,)))
    return min(found, key=lambda one: _least(one.days))


def _least(days: Interval) -> Decimal:
    """An interval between two days has a least number of them."""
    assert days.low is not None
    return days.low


def _days(facts: Judged, operation: When) -> Interval | None:
    span = facts.span
    return None if span is None else Interval.between(operation.first - span.last, operation.last - span.first)


def _status(limit: Limit, days: Interval | None) -> Truth:
    return MET if days is None else limit.reached(days)


def _outcome(minimum: Truth, preferred: Truth, plan_minimum: Truth, plan_preferred: Truth) -> str:
    """A date that straddles a bound gives the worse outcome."""
    if minimum is not MET or plan_minimum is not MET:
        return "violation"
    return "ok" if preferred is MET and plan_preferred is MET else "short"


def _notes(
    facts: Judged,
    operation: When,
    statuses: tuple[Truth, Truth],
    outcome: str,
    plan_minimum: Truth,
    plan_preferred: Truth,
) -> list[str]:
    notes = []
    vague = any(d.vague for d in facts.doses) and NOT_MET in (plan_minimum, plan_preferred)
    if vague or UNKNOWN in (*statuses, plan_minimum, plan_preferred):
        notes.append("date-imprecise")
    if plan_minimum is not MET or (outcome == "short" and plan_preferred is not MET):
        notes.append("planned")
    if facts.span is not None and facts.span.ongoing:
        notes.append(f"must-stop-by: {day_text(operation.first - least_days(facts.minimum))}")
    return notes


def _criteria(
    facts: Judged,
    shown: _Deciding,
    minimum: tuple[Truth, Truth],
    preferred: tuple[Truth, Truth],
    notes: list[str],
) -> list[Criterion]:
    """The minimum, and the preferred interval where the source has one of its own."""
    tests = [(f"{facts.name}-{facts.minimum.days}-days", facts.minimum, minimum)]
    if facts.preferred.value != facts.minimum.value:
        tests.append((f"{facts.name}-preferred-{facts.preferred.days}-days", facts.preferred, preferred))
    number = shown.days.number
    return [
        Criterion(
            code=code,
            status=UNKNOWN if _doubted(notes) and _worse(statuses) is MET else _worse(statuses),
            value=int(number) if number is not None else shown.days.shown(),
            unit=limit.unit,
            threshold=_threshold(limit),
            at=shown.at,
            evidence=shown.sources,
            notes=tuple(notes),
        )
        for code, limit, statuses in tests
    ]


def _doubted(notes: list[str]) -> bool:
    """Something newer than the last dose may be missing."""
    return any(note.partition(":")[0] in ("incomplete", "unusable") for note in notes)


def _worse(statuses: tuple[Truth, Truth]) -> Truth:
    return next((s for s in (NOT_MET, UNKNOWN) if s in statuses), MET)


def _gravity(case: Case, name: str, outcome: str, shortest: int) -> tuple[str | None, str | None]:
    """Kind and severity where the catalogue makes them depend on the case."""
    if outcome == "violation" and case.policy.thresholds.has(TOPIC, f"{name}-critical"):
        below = shortest < case.limit(TOPIC, f"{name}-critical").days
        return None, "critical" if below else "warning"
    if outcome == "short" and name == "ici":
        return "issue", "warning"
    return None, None


def _plan_sources(case: Case, planned: Planned | None) -> list[str]:
    operations = [p.source for p in case.once(planned_operations) if p.on is not None][:1]
    return [*operations, *([planned.source] if planned else [])]


def _statements(name: str) -> tuple[str, ...]:
    return LOCAL_STATEMENTS if name in ("tace", "radiotherapy", *WITHOUT_NUMBER) else STATEMENTS


def _ici_beside_aatd(case: Case, name: str, span: Span | None, doses: list[Planned]) -> Finding | None:
    """Edition 2024 has no interval for an ICI: it stops with the antiangiogenic drug."""
    operation = case.once(operation_day)
    last_permitted = _aatd_last_permitted(case, operation)
    given = [] if span is None else [span.last]
    late_plan = last_permitted is not None and any(d.last > last_permitted for d in doses)
    late = last_permitted is not None and (late_plan or any(day > last_permitted for day in given))
    gaps = () if late else _gaps(case, GROUPS[name], span)
    notes = ["stop-with-aatd", *_plan_notes(case), *(["planned"] if late_plan else []), *gaps]
    tested = Criterion(
        code="ici-stops-with-aatd",
        status=truth(None if last_permitted is None or gaps else not late),
        value=day_text(span.last) if span else None,
        threshold=f"<= {day_text(last_permitted)}" if last_permitted is not None else None,
        at=day_text(span.last) if span else None,
        evidence=span.sources if span else (),
        notes=tuple(notes),
    )
    return case.finding(
        f"interval.{name}",
        "short" if late else ("unknown" if gaps and operation else "ok"),
        STATEMENTS,
        [tested],
        kind="gap" if gaps and operation else "assessment",
        severity="info",
        notes=notes,
        evidence=[*_plan_sources(case, None), *(d.source for d in doses)],
        last_permitted=day_text(last_permitted) if last_permitted is not None else None,
    )


def _aatd_last_permitted(case: Case, operation: When | None) -> int | None:
    """The last permitted day of the antiangiogenic drug of the course that was there last."""
    if operation is None:
        return None
    spans = [(span.last, name) for name in ("tki", "bevacizumab") if (span := span_of(case, GROUPS[name]))]
    if not spans:
        return None
    return operation.first - least_days(case.limit(TOPIC, f"{max(spans)[1]}-minimum"))


def _without_number(case: Case, name: str, span: Span) -> Finding:
    return case.finding(
        f"interval.{name}",
        "none-in-sources",
        _statements(name),
        _liver_since(case, name, span),
        notes=_plan_notes(case),
        evidence=[*span.sources, *_plan_sources(case, None)],
        last=day_text(span.last),
    )


def _liver_since(case: Case, name: str, span: Span | None) -> list[Criterion]:
    """ALT, AST and bilirubin since an interventional treatment, named and not judged (C21-12 text)."""
    if span is None or name not in ("tace", *WITHOUT_NUMBER):
        return []
    return [_since(case, test, span.last) for test in LIVER_TESTS]


def _since(case: Case, test: str, day: int) -> Criterion:
    newest = max(
        (m for m in case.view.measurements(test) if m.when.first > day), key=lambda m: m.when.start, default=None
    )
    if newest is None:
        return Criterion(code=f"{test}-since", status=UNKNOWN, notes=("missing",))
    number = newest.value.number
    return Criterion(
        code=f"{test}-since",
        status=UNKNOWN,
        value=number if number is not None else newest.value.shown(),
        unit=newest.unit,
        at=newest.when.iso,
        evidence=(newest.source,),
        notes=("named-not-judged",),
    )
