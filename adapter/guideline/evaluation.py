"""The pure evaluation of one patient: timeline, as-of and policy in, assessment out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adapter.guideline.agenda import agenda
from adapter.guideline.case import Case
from adapter.guideline.catalogue import EVALUATORS, Evaluator
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.doubt import over_partial_dates
from adapter.guideline.model import Assessment, CourseShown, EvaluationShown, Finding, Staging
from adapter.guideline.phase import DECEASED, NO_HCC, phase
from adapter.guideline.policy import Policy
from adapter.guideline.regimen_at import regimen_at
from adapter.guideline.response import depth, response_times, responses
from adapter.guideline.staging import baseline_bclc, baseline_case, baseline_cnlc, bclc, cnlc
from adapter.guideline.treatment import course, cycles, in_course, last_sure, local_in_course
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf, day_text

SILENT = frozenset({DECEASED, NO_HCC})
Part = TypeVar("Part")
Failed = Callable[[str, Exception], None]


def evaluate(timeline: Timeline, as_of: AsOf, policy: Policy, failed: Failed | None = None) -> Assessment:
    """The assessment of one patient; nothing in it depends on anything but the arguments.

    With `failed` a part that raises is told to it by name (an evaluator's module, `staging`, `course`, `agenda`) and
    left out of the assessment; without it the error is raised. Only a caller that shows what failed may give it.
    """
    return over_partial_dates(timeline, as_of, lambda possible: _evaluate(possible, as_of, policy, failed))


def _evaluate(timeline: Timeline, as_of: AsOf, policy: Policy, failed: Failed | None) -> Assessment:
    case = Case(timeline, as_of, policy)
    now = case.once(phase)
    silent = now in SILENT
    return Assessment(
        patient=timeline.person.reference,
        as_of=as_of.text,
        edition=policy.edition,
        phase=now,
        staging=Staging() if silent else _part("staging", lambda: _staging(case), Staging(), failed),
        course=None if silent else _part("course", lambda: _course(case), None, failed),
        findings=() if silent else _findings(case, failed),
        notes=(*sorted(policy.options), *policy.thresholds.by_site()),
        agenda={} if silent else _part("agenda", lambda: agenda(case), {}, failed),
    )


def _part(name: str, derive: Callable[[], Part], otherwise: Part, failed: Failed | None) -> Part:
    """A part of the assessment; one that raises costs itself alone where somebody is told."""
    if failed is None:
        return derive()
    try:
        return derive()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts still stand
        failed(name, error)
        return otherwise


def _findings(case: Case, failed: Failed | None) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for evaluator in EVALUATORS:
        try:
            found += tuple(evaluator(case))  # all or, when it raises, none
        except Exception as error:  # whatever it is, the other findings still stand
            if failed is None:
                raise
            failed(check_name(evaluator), error)
    return tuple(found)


def check_name(evaluator: Evaluator) -> str:
    """What an evaluator is called when it fails: its module's last name."""
    return evaluator.__module__.rpartition(".")[2]


def _staging(case: Case) -> Staging:
    then = case.once(baseline_case)
    return Staging(
        cnlc=case.once(cnlc),
        bclc=case.once(bclc),
        child_pugh=case.once(child_pugh),
        baseline_cnlc=case.once(baseline_cnlc),
        baseline_bclc=case.once(baseline_bclc),
        baseline_child_pugh=None if then is None else then.once(child_pugh),
    )


def _course(case: Case) -> CourseShown | None:
    known = case.once(course)
    if known.start is None:
        return None
    found = case.once(responses)
    to_response, duration = response_times(case, found, known.start)
    return CourseShown(
        start=day_text(known.start),
        cycles=len(case.once(cycles)),
        regimen=regimen_at(case, _last_treated(case, known.start)).name,
        local=tuple(sorted(case.once(local_in_course))),
        best_response=found.best,
        depth=depth(found),
        time_to_response=to_response,
        duration_of_response=duration,
        evaluations=tuple(EvaluationShown(day_text(e.day), e.mrecist.outcome, e.recist.outcome) for e in found.all),
    )


def _last_treated(case: Case, start: int) -> int:
    """The last day of the conversion course with a treatment: the regimen shown is the one of that day."""
    known = case.once(course)
    end = case.day if known.end is None else known.end - 1
    drugs = in_course(case, [*case.view.of_group("ici"), *case.view.of_group("aatd")])
    days = [last_sure(case, e) for e in drugs]
    days += [p.when.first for done in case.once(local_in_course).values() for p in done]
    return min(max(days, default=start), end)
