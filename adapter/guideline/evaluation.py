"""The pure evaluation of one patient: timeline, as-of and policy in, assessment out."""

from __future__ import annotations

from adapter.guideline.agenda import agenda
from adapter.guideline.case import Case
from adapter.guideline.catalogue import EVALUATORS
from adapter.guideline.child_pugh import child_pugh
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


def evaluate(timeline: Timeline, as_of: AsOf, policy: Policy) -> Assessment:
    """The assessment of one patient; nothing in it depends on anything but the arguments."""
    case = Case(timeline, as_of, policy)
    now = case.once(phase)
    silent = now in SILENT
    return Assessment(
        patient=timeline.person.reference,
        as_of=as_of.text,
        edition=policy.edition,
        phase=now,
        staging=Staging() if silent else _staging(case),
        course=None if silent else _course(case),
        findings=() if silent else _findings(case),
        notes=tuple(sorted(policy.options)),
        agenda={} if silent else agenda(case),
    )


def _findings(case: Case) -> tuple[Finding, ...]:
    return tuple(finding for evaluator in EVALUATORS for finding in evaluator(case))


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
        cycles=len(cycles(case)),
        regimen=regimen_at(case, _last_treated(case, known.start)).name,
        local=tuple(sorted(local_in_course(case))),
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
    days += [p.when.first for done in local_in_course(case).values() for p in done]
    return min(max(days, default=start), end)
