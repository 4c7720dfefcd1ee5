"""The oncological routes to surgery after conversion (guideline.md 3.8; C24-9, C24-10, C21-11, C21-fig2)."""

from __future__ import annotations

from itertools import pairwise

from adapter.guideline.case import Case
from adapter.guideline.ehm_control import ehm_resectable, initial_spread
from adapter.guideline.model import Criterion, Stage
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.remnant import adequate
from adapter.guideline.response import BEST_FIRST, NE, PD, RESPONSE, SD, Evaluation, responses
from adapter.guideline.response_findings import evaluations_incomplete
from adapter.guideline.staging import CNLC, NOTHING, baseline_cnlc, bclc, burden, cnlc, liver_part
from adapter.values import Truth, add_months, all_of, any_of, day_text, negate, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "surgery"
_CNLC_ONE = frozenset({NOTHING, "Ia", "Ib"})
_BCLC_EARLY = frozenset({NOTHING, "0", "A"})
_REMNANT_STAGES = frozenset({"Ia", "Ib", "IIa"})
_RESPONSE_STAGES = {"2021": frozenset({"IIb", "IIIa"})}
_RESPONSE_STAGES_C24 = frozenset({"IIb"})


def routes(case: Case) -> list[Criterion]:
    """Every route as a criterion; that of extrahepatic metastasis only where there was one at the start."""
    found = [_downstaged(case), _plateau_route(case)]
    if case.once(initial_spread) is not NOT_MET:
        found.append(_ehm_route(case))
    return [*found, _response_route(case), _remnant_route(case)]


def within(possible: tuple[str, ...] | frozenset[str], wanted: frozenset[str]) -> Truth:
    """Whether a set of possible stages lies in another."""
    inside = {stage in wanted for stage in possible}
    return truth(inside.pop() if len(inside) == 1 else None)


def _initial(case: Case) -> tuple[str, ...]:
    stage = case.once(baseline_cnlc)
    return stage.possible if stage is not None else CNLC


def _downstaged(case: Case) -> Criterion:
    now, other = case.once(cnlc), case.once(bclc)
    above = negate(within(_initial(case), _CNLC_ONE))
    reached = any_of((within(now.possible, _CNLC_ONE), within(other.possible, _BCLC_EARLY)))
    initial = case.once(baseline_cnlc)
    return Criterion(
        code="route-downstaged",
        status=all_of((above, reached)),
        value=f"{'/'.join(_initial(case))} -> CNLC {'/'.join(now.possible)}, BCLC {'/'.join(other.possible)}",
        threshold="CNLC I, BCLC 0-A or no viable tumour",
        at=now.at,
        evidence=tuple(dict.fromkeys((*now.evidence, *(initial.evidence if initial else ())))),
        notes=now.notes,
        statements=("C24-9", "C24-s3.1"),
    )


def _plateau_route(case: Case) -> Criterion:
    resectable = (case.once(thrombus_cleared), ehm_cleared(case))
    return _plateau_criterion(case, "route-plateau", all_of((case.once(plateau), *resectable)), ("C24-9", "C24-s3.1"))


def _plateau_criterion(case: Case, code: str, status: Truth, statements: tuple[str, ...]) -> Criterion:
    done = case.once(responses).decided
    parts = case.once(burden)
    resectable = [case.latest_word(c, "imaging") for c in ("thrombus_resectable", "ehm_resectable")]
    evidence = [r for e in done for r in e.mrecist.sources] + [r for one in resectable for r in one.sources]
    return Criterion(
        code=code,
        status=status,
        value=", ".join(e.mrecist.outcome for e in done) or None,
        at=day_text(done[-1].day) if done else None,
        evidence=tuple(dict.fromkeys([*evidence, *parts.vessels.evidence, *parts.metastasis.evidence])),
        statements=statements,
    )


def responded(case: Case) -> Truth:
    """Best mRECIST PR or better."""
    found = case.once(responses)
    if found.best in RESPONSE:
        return MET
    doubtful = not found.all or any(e.mrecist.outcome == NE for e in found.all) or evaluations_incomplete(case)
    return UNKNOWN if doubtful else NOT_MET


def plateau(case: Case) -> Truth:
    """A response that the last two evaluations no longer improved."""
    done = case.once(responses).decided
    if not case.once(responses).all:
        return UNKNOWN
    needed = case.limit(TOPIC, "plateau-evaluations").days
    if evaluations_incomplete(case) and len(done) < needed:
        return UNKNOWN
    if sum(1 for e in done if e.mrecist.sum is not None) < needed:
        return NOT_MET
    steps = list(pairwise(done))[-2:]
    return all_of((responded(case), *(negate(_improved(case, earlier, later)) for earlier, later in steps)))


def _improved(case: Case, earlier: Evaluation, later: Evaluation) -> Truth:
    """A better category, or a clearly smaller sum; from nothing to nothing is no further response."""
    better = BEST_FIRST.index(later.mrecist.outcome) < BEST_FIRST.index(earlier.mrecist.outcome)
    before, now = earlier.mrecist.sum, later.mrecist.sum
    if before is None or now is None:
        return MET if better else UNKNOWN
    if before.number == 0:
        return truth(better)
    share = case.limit(TOPIC, "plateau-decrease").value / PERCENT
    return any_of((truth(better), before.scaled(1 - share).minus(now).at_least(0)))


def thrombus_cleared(case: Case) -> Truth:
    """No viable thrombus, or one recorded resectable."""
    found = case.latest_word("thrombus_resectable", "imaging")
    resectable = found.favourable(lambda f: truth({"present": True, "absent": False}.get(f.value)))
    return any_of((negate(case.once(burden).vessels.viable), resectable))


def ehm_cleared(case: Case) -> Truth:
    """No viable metastasis, or one recorded resectable."""
    return any_of((negate(case.once(burden).metastasis.viable), case.once(ehm_resectable)))


def _ehm_route(case: Case) -> Criterion:
    liver = any_of((within(liver_part(case), _CNLC_ONE), all_of((case.once(plateau), case.once(thrombus_cleared)))))
    status = all_of((case.once(initial_spread), responded(case), case.once(ehm_resectable), liver))
    return _plateau_criterion(case, "route-ehm-resectable", status, ("C24-10",))


def _response_route(case: Case) -> Criterion:
    """Response or lasting stability of an initial CNLC IIb (edition 2021: IIb or IIIa)."""
    wanted = _RESPONSE_STAGES.get(case.edition, _RESPONSE_STAGES_C24)
    ways = [case.once(lasting_control)]
    if case.edition == "2021":
        ways.append(all_of((_below_initial(case), negate(case.once(burden).vessels.viable))))
    done = case.once(responses).decided
    months = case.limit(TOPIC, "stable-months")
    return Criterion(
        code="route-c21-response",
        status=all_of((within(_initial(case), wanted), any_of(ways))),
        value=", ".join(f"{day_text(e.day)} {e.mrecist.outcome}" for e in done) or None,
        threshold=f"CR, PR, or SD for {months.days} {months.unit}; initially CNLC {'/'.join(sorted(wanted))}",
        at=day_text(done[-1].day) if done else None,
        evidence=tuple(dict.fromkeys(r for e in done for r in e.mrecist.sources)),
        statements=("C21-11", "C21-fig2"),
    )


def lasting_control(case: Case) -> Truth:
    """CR or PR at the latest decided evaluation, or nothing but SD over the months that the edition asks for."""
    done = case.once(responses).decided
    if not done:
        return UNKNOWN
    if done[-1].mrecist.outcome in RESPONSE:
        return MET
    if any(e.mrecist.outcome != SD for e in done):
        return NOT_MET
    months = case.limit(TOPIC, "stable-months").days
    if add_months(done[0].day, months) <= done[-1].day:
        return MET
    return UNKNOWN if evaluations_incomplete(case) else NOT_MET


def _below_initial(case: Case) -> Truth:
    now, initial = case.once(cnlc).possible, _initial(case)
    if not now or not initial:
        return UNKNOWN
    highest, lowest = CNLC.index(now[-1]), CNLC.index(now[0])
    if highest < CNLC.index(initial[0]):
        return MET
    return NOT_MET if lowest >= CNLC.index(initial[-1]) else UNKNOWN


def _remnant_route(case: Case) -> Criterion:
    """Initially too small a remnant: now large enough, without progression since start."""
    initial: Stage | None = case.once(baseline_cnlc)
    status = all_of((within(_initial(case), _REMNANT_STAGES), case.once(adequate), case.once(no_progression)))
    return Criterion(
        code="route-c21-remnant",
        status=status,
        value="/".join(_initial(case)),
        threshold="initially CNLC Ia-IIa",
        evidence=initial.evidence if initial else (),
        statements=("C21-fig2",),
    )


def no_progression(case: Case) -> Truth:
    """No PD since conversion start; unknown while the latest evaluation is NE or none exists."""
    found = case.once(responses)
    if any(e.mrecist.outcome == PD for e in found.all):
        return NOT_MET
    return UNKNOWN if found.latest is None or found.latest.mrecist.outcome == NE else MET
