"""The pattern of progression and what it lets the team consider (guideline.md 3.5; C21-15 and its text)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.adverse_events import unresolved
from adapter.guideline.case import Case
from adapter.guideline.child_pugh import child_pugh
from adapter.guideline.local_advice import Limits, local_limits
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.progression_sites import NEW_LIVER, OUTSIDE, SITES, TARGETS, THROMBUS, Sites, progression_sites
from adapter.guideline.regimen_at import regimen_at
from adapter.guideline.response import PD, responses
from adapter.guideline.response_findings import latest_criterion, latest_outcome
from adapter.guideline.treatment import course
from adapter.guideline.vessels import invasion
from adapter.values import Truth, day_text, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

CODE, TOPIC = "progression.pattern", "progression_pattern"
STATEMENTS = ("C21-15", "C21-15t")
_NO_LIMITS = Limits((), (), ())


def findings(case: Case) -> Iterator[Finding]:
    """One finding for rapid progression and one for each site."""
    if not under_conversion(case):
        return
    status = latest_outcome(case, PD)
    if status is NOT_MET:
        return
    last = case.once(responses).latest
    if status is UNKNOWN or last is None:
        yield _finding(case, "unknown", UNKNOWN)
        return
    fast, outcomes = rapid(case), list(_site_outcomes(case.once(progression_sites)))
    if fast:
        yield _finding(case, "rapid", status)
    for outcome in outcomes:
        yield _finding(case, outcome, status, fast)
    if not fast and not outcomes:
        yield _finding(case, "unknown", status)


def rapid(case: Case) -> bool:
    """Progression at the first decided evaluation, soon after conversion start."""
    decided, start = case.once(responses).decided, case.once(course).start
    if not decided or start is None or decided[0].mrecist.outcome != PD:
        return False
    return decided[0].day - start <= case.limit(TOPIC, "rapid-days").days


def _site_outcomes(sites: Sites) -> Iterator[str]:
    inside = [site for site in (TARGETS, NEW_LIVER) if site in sites.found]
    if OUTSIDE in sites.found:
        yield "intra-and-extrahepatic" if inside else "extrahepatic"
    else:
        yield from ("intrahepatic-targets" if site == TARGETS else "new-intrahepatic" for site in inside)
    if THROMBUS in sites.found:
        yield "thrombus"


def _finding(case: Case, outcome: str, status: Truth, fast: bool = False) -> Finding:
    last = case.once(responses).latest
    advice = _advice(case, outcome, fast)
    limits = (
        case.once(local_limits)
        if set(advice) & {"advice-tace-haic", "advice-ablation", "advice-radiotherapy"}
        else _NO_LIMITS
    )
    criteria = [latest_criterion(case, "progression", status), *_grounds(case), *limits.criteria]
    return case.finding(
        CODE,
        outcome,
        STATEMENTS,
        criteria,
        cause=outcome,
        day=day_text(last.day) if last else None,
        advice=advice,
        limits=limits.named,
        holding=limits.holding,
    )


def _grounds(case: Case) -> list[Criterion]:
    """The sites with what shows them, and what leaves supportive treatment only."""
    sites = case.once(progression_sites)
    found = [
        Criterion(
            code=f"site-{site}",
            status=MET if site in sites.found else sites.measured[site],
            notes=("recorded",) if site in sites.recorded else (),
        )
        for site in SITES
    ]
    liver, events = case.once(child_pugh), _grave(case)
    found.append(
        Criterion(
            code="child-pugh-c",
            status=truth(liver.value == "C") if liver.value or "C" not in liver.possible else UNKNOWN,
            value="/".join(liver.possible),
            at=liver.at,
            evidence=liver.evidence,
        )
    )
    found.append(Criterion(code="grave-adverse-event", status=truth(bool(events)), evidence=tuple(events)))
    return found


def _grave(case: Case) -> list[str]:
    """References of unresolved adverse events grave enough to leave supportive treatment only."""
    bound = case.limit(TOPIC, "supportive-grade").days
    return [
        r for event in case.once(unresolved) if event.grade is not None and event.grade >= bound for r in event.sources
    ]


def _advice(case: Case, outcome: str, fast: bool) -> tuple[str, ...]:
    """Fragments of what may be considered; supportive treatment stands alone, rapid progression silences the sites."""
    if outcome == "unknown":
        return ()
    if case.once(child_pugh).value == "C" or _grave(case):
        return ("advice-supportive",)
    if outcome == "rapid":
        return (_drug_advice(case),)
    return ("advice-rapid-first",) if fast else (_site_advice(case, outcome),)


def _drug_advice(case: Case) -> str:
    last = case.once(responses).latest
    regimen = regimen_at(case, last.day if last else case.day)
    tki = {e.drug for e in case.view.of_group("tki")}
    if not regimen.ici or not regimen.aatd:
        return "advice-no-drug-named"
    if all(drug in tki for drug in regimen.aatd):
        return "advice-chemotherapy"
    return "advice-tki-or-chemotherapy" if regimen.aatd == ("bevacizumab",) else "advice-no-drug-named"


def _site_advice(case: Case, outcome: str) -> str:
    sites = case.once(progression_sites)
    if outcome in ("intra-and-extrahepatic", "extrahepatic"):
        return "advice-second-line"
    if outcome == "intrahepatic-targets":
        return "advice-tace-haic" if sites.stable(OUTSIDE) else "advice-not-stable"
    if outcome == "new-intrahepatic":
        return "advice-ablation" if all(sites.stable(s) for s in (TARGETS, OUTSIDE, THROMBUS)) else "advice-not-stable"
    portal = case.once(invasion).vp.invaded is not NOT_MET
    return "advice-radiotherapy" if portal and sites.stable(TARGETS) else "advice-not-stable"
