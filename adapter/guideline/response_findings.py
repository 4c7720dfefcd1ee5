"""Findings on the latest response to conversion therapy (guideline.md 3.5; C24-11, C21-11)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from adapter.guideline.case import Case
from adapter.guideline.imaging import IMAGING_WORDS, RESPONSES
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.response import NE, PD, Evaluation, Verdict, responses
from adapter.guideline.treatment import course
from adapter.timeline.events import Unusable
from adapter.values import Interval, Truth, day_text, truth
from adapter.values.interval import rounded
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-11", "C21-11")
_SETS = (("response.mrecist", "mrecist"), ("response.recist", "recist"))
UNSHOWN = "\N{EN DASH}"
_IMAGED = ("tumor_size", "tumor_longest_dimension", *RESPONSES, *IMAGING_WORDS)
_TENTH = Decimal(1).scaleb(-1)


def findings(case: Case) -> Iterator[Finding]:
    """The latest response by both criteria sets, and whether measurement and record agree."""
    if not under_conversion(case):
        return
    last = case.once(responses).latest
    if last is None:
        if case.once(course).start is not None and evaluations_incomplete(case):
            yield from (case.finding(code, "unknown", STATEMENTS, notes=("incomplete",)) for code, _ in _SETS)
        return
    for code, name in _SETS:
        yield _response(case, code, last, name)
    sets = tuple(name for _, name in _SETS if _verdict(last, name).discordant)
    if sets:
        yield _discordant(case, last, sets)


def evaluations_incomplete(case: Case) -> bool:
    """The source did not give the Observations in full: an absent evaluation is unknown."""
    return "Observation" in case.view.incomplete


def latest_age(case: Case) -> int | None:
    """Whole days from the latest evaluation to as-of; None without one."""
    last = case.once(responses).latest
    return None if last is None else case.day - last.day


def latest_stale(case: Case) -> bool:
    """The latest evaluation is too old to describe the present state."""
    age = case.once(latest_age)
    return age is not None and age > case.window("imaging")


def newer_unusable(case: Case) -> tuple[Unusable, ...]:
    """Imaging records as new as the latest evaluation that cannot be used: nothing favourable rests on it then."""
    last = case.once(responses).latest
    if last is None:
        return ()
    since = last.imaging.days[0]
    return tuple(u for u in case.unusable(*_IMAGED) if u.when is None or u.when.last >= since)


def latest_unusable(case: Case) -> bool:
    """There is no latest evaluation that decides: none, not evaluable, stale, or a newer one that cannot be used."""
    last = case.once(responses).latest
    doubtful = case.once(latest_stale) or bool(case.once(newer_unusable))
    return last is None or last.mrecist.outcome == NE or doubtful


def age_notes(case: Case) -> tuple[str, ...]:
    """Notes on a stale latest evaluation, with its age, and on newer imaging that cannot be used."""
    stale = (f"stale: {case.once(latest_age)} d",) if case.once(latest_stale) else ()
    return (*stale, *dict.fromkeys(f"unusable: {u.reason}" for u in case.once(newer_unusable)))


def latest_outcome(case: Case, *wanted: str) -> Truth:
    """Whether the latest mRECIST is one of `wanted`; `NE` is none of them, a stale one does not decide."""
    last = case.once(responses).latest
    if last is None:
        return UNKNOWN if evaluations_incomplete(case) and case.once(course).start is not None else NOT_MET
    if last.mrecist.outcome not in wanted:
        return NOT_MET
    return UNKNOWN if case.once(latest_stale) else MET


def latest_criterion(case: Case, code: str, status: Truth) -> Criterion:
    """A criterion on the latest mRECIST outcome."""
    last = case.once(responses).latest
    if last is None:
        return Criterion(code=code, status=status, notes=("missing",))
    return Criterion(
        code=code,
        status=status,
        value=last.mrecist.outcome,
        at=day_text(last.day),
        evidence=(*last.mrecist.sources, *(u.source for u in case.once(newer_unusable))),
        notes=(*last.mrecist.reasons, *case.once(age_notes)),
    )


def _verdict(last: Evaluation, name: str) -> Verdict:
    return last.mrecist if name == "mrecist" else last.recist


def _response(case: Case, code: str, last: Evaluation, name: str) -> Finding:
    verdict, found = _verdict(last, name), case.once(responses)
    base = found.baseline_viable if name == "mrecist" else found.baseline_whole
    change = _change(base, verdict.sum)
    criteria = [_measured(last, verdict), _decrease(case, last, base, verdict, change), _progression(last, verdict)]
    return case.finding(
        code,
        verdict.outcome,
        STATEMENTS,
        criteria,
        notes=(*verdict.reasons, *case.once(age_notes)),
        day=day_text(last.day),
        age=case.day - last.day,
        sum=UNSHOWN if verdict.sum is None else verdict.sum.shown(),
        change=UNSHOWN if change is None else change,
        reasons=verdict.reasons,
        grounds=tuple(f"reason-{r}" for r in verdict.reasons),
        aged=("evaluation-stale",) if case.once(latest_stale) else (),
    )


def _measured(last: Evaluation, verdict: Verdict) -> Criterion:
    return Criterion(
        code="targets-measured",
        status=UNKNOWN if verdict.sum is None else MET,
        value=None if verdict.sum is None else _shown(verdict.sum),
        unit="mm",
        at=day_text(last.day),
        evidence=verdict.sources,
        notes=tuple(r for r in verdict.reasons if r in ("no-baseline", "target-not-measured")),
    )


def _decrease(
    case: Case, last: Evaluation, base: Interval | None, verdict: Verdict, change: Decimal | None
) -> Criterion:
    limit = case.limit("response", "partial")
    known = base is not None and verdict.sum is not None
    status = UNKNOWN
    if base is not None and verdict.sum is not None:
        down = base.scaled(1 - limit.value / PERCENT).minus(verdict.sum).at_least(0)
        status = NOT_MET if base.number == 0 else down
    return Criterion(
        code="sum-decrease",
        status=status,
        value=change if known else None,
        unit="%",
        threshold=f"<= -{limit.value} %",
        at=day_text(last.day),
        evidence=verdict.compared,
    )


def _progression(last: Evaluation, verdict: Verdict) -> Criterion:
    return Criterion(
        code="progression",
        status=truth(None if verdict.outcome == NE else verdict.outcome == PD),
        value=verdict.outcome,
        at=day_text(last.day),
        evidence=(*verdict.sources, *verdict.compared),
        notes=verdict.reasons,
    )


def _change(base: Interval | None, now: Interval | None) -> Decimal | None:
    """Change of the sum from baseline in percent, negative when smaller."""
    if base is None or now is None or not base.number or now.number is None:
        return None
    return rounded((now.number - base.number) / base.number * PERCENT, _TENTH)


def _shown(interval: Interval) -> Decimal | str:
    return interval.number if interval.number is not None else interval.shown()


def _discordant(case: Case, last: Evaluation, sets: tuple[str, ...]) -> Finding:
    criteria = [
        Criterion(
            code=f"{name}-agrees",
            status=NOT_MET,
            value=f"{_verdict(last, name).computed} / {_verdict(last, name).recorded}",
            at=day_text(last.day),
            evidence=_verdict(last, name).sources,
        )
        for name in sets
    ]
    return case.finding(
        "response.discordant", "discordant", STATEMENTS, criteria, notes=sets, sets=sets, day=day_text(last.day)
    )
