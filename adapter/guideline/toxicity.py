"""Immune-related liver toxicity, bleeding risk and monitoring (guideline.md 3.10; C24-s3.6)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline import ctcae
from adapter.guideline.bleeding import no_recent_bleeding
from adapter.guideline.case import Case, criterion
from adapter.guideline.hepatic import (
    BILIRUBIN,
    STEROID_BANDS,
    STOP,
    TOPIC,
    Test,
    banded_days,
    hepatic_now,
    ici_given,
    ratio,
    under_ici,
)
from adapter.guideline.hepatitis_status import medication_incomplete
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.problems import active
from adapter.guideline.response import PD, responses
from adapter.guideline.treatment import course, last_exposed, last_sure, ordered
from adapter.timeline.events import Exposure
from adapter.values import Truth, day_text, truth

STATEMENTS = ("C24-s3.6", "C24-17")
_BLOOD = (("wbc", "neutrophils_abs"), ("hemoglobin",), ("platelets",))
_CARDIAC = (("ck", "troponin_i", "troponin_i_hs", "troponin_t", "troponin_t_hs"),)
MONITORED = (
    ("blood-count", _BLOOD, "monitoring-labs"),
    ("liver-panel", (("alt",), ("ast",), (BILIRUBIN,)), "monitoring-labs"),
    ("creatinine", (("creatinine",),), "monitoring-labs"),
    ("coagulation", (("inr", "prothrombin_time"),), "monitoring-labs"),
    ("thyroid", (("tsh",),), "monitoring-organs"),
    ("cardiac", _CARDIAC, "monitoring-organs"),
)


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic that apply."""
    for step in (_hepatic, _isolated, _after_stop, _steroid):
        found = step(case)
        if found is not None:
            yield found
    yield from ctcae.findings(case)
    for step in (_bleeding, _monitoring):
        found = step(case)
        if found is not None:
            yield found


def _judged(case: Case) -> bool:
    return under_ici(case, case.day, case.limit(TOPIC, "under-ici").days)


def _criterion(test: Test, code: str) -> Criterion:
    notes = ["assumed-uln"] if test.assumed else []
    number = test.ratio.number if test.ratio is not None else None
    text = test.ratio.shown() if test.ratio is not None and number is None else None
    status = Truth.UNKNOWN if test.ratio is None else (Truth.MET if test.normal else test.ratio.at_most(1))
    return criterion(
        code,
        status,
        test.found,
        value=text if number is None else round(number, 2),
        unit="xULN",
        threshold="<= 1 xULN",
        notes=notes,
    )


def _hepatic(case: Case) -> Finding | None:
    if not _judged(case):
        return None
    found = case.once(hepatic_now)
    criteria = [_criterion(t, t.concept) for t in found.tests] + [_criterion(found.bilirubin, "bilirubin")]
    if found.band is None:
        return case.finding("toxicity.hepatic", "unknown", STATEMENTS, criteria)
    notes = [*_causes(case), *(["at-least"] if found.at_least else []), *_before(case, found.band)]
    tests = (*found.tests, found.bilirubin)
    return case.finding(
        "toxicity.hepatic",
        found.band,
        STATEMENTS,
        criteria,
        notes=notes,
        advice=("individual-or-withhold",) if found.band in STEROID_BANDS - {STOP} else (),
        causes=tuple(n for n in notes if n.startswith("cause-")),
        preliminary=any(f.preliminary for t in tests if t.ratio is not None for f in t.found.facts),
    )


def _before(case: Case, band: str) -> list[str]:
    """A pre-treatment value that was raised already is named; the band stays."""
    first = min((e.start.first for e in case.once(ici_given)), default=case.day)
    for concept in ("alt", "ast"):
        earlier = [m for m in case.view.measurements(concept) if m.when.first <= first]
        value = ratio(case, earlier[-1]) if earlier else None
        if band != "none" and value is not None and value.above(1) is Truth.MET:
            return [f"raised-before-treatment: {concept}"]
    return []


def _causes(case: Case) -> list[str]:
    """Competing causes on record."""
    newest = [m.when.first for c in ("alt", "ast") for m in case.view.measurements(c)]
    day = max(newest, default=case.day)
    reach = case.limit(TOPIC, "embolisation-days").days
    causes = [
        f"cause-{group}"
        for group in ("tace", "haic")
        if any(0 <= day - p.when.first <= reach for p in case.view.done(group))
    ]
    if _viral_rise(case):
        causes.append("cause-hbv")
    last = case.once(responses).latest
    if last is not None and last.mrecist.outcome == PD:
        causes.append("cause-progression")
    duct = case.latest_word("bile_duct_intact", "imaging")
    if duct.fresh and duct.agreed(lambda f: truth(f.value == "absent")) is Truth.MET:
        causes.append("cause-biliary")
    return causes


def _viral_rise(case: Case) -> bool:
    values = case.view.measurements("hbv_dna")
    if len(values) < 2:
        return False
    before, now = values[-2].value, values[-1].value
    if before.number == 0:
        return now.above(0) is Truth.MET
    rise = case.limit(TOPIC, "viral-rise").value
    return now.minus(before.scaled(rise)).at_least(0) is Truth.MET


def _isolated(case: Case) -> Finding | None:
    """Bilirubin alone above its limit, while both transaminases are known to be normal."""
    if not _judged(case):
        return None
    found = case.once(hepatic_now)
    if not found.bilirubin.raised or any(t.raised for t in found.tests):
        return None
    known = all(t.normal for t in found.tests)
    on_record = all(t.found.facts or t.found.blocked for t in found.tests)
    if not known and not on_record:
        return None
    criteria = [_criterion(t, t.concept) for t in found.tests] + [_criterion(found.bilirubin, "bilirubin")]
    outcome = "look-for-other-cause" if known else "unknown"
    return case.finding("toxicity.bilirubin-isolated", outcome, STATEMENTS, criteria)


def stop_day(case: Case) -> int | None:
    """The first day with a value that asked for permanent discontinuation under an ICI."""
    return next((day for day, band in case.once(banded_days).items() if band == STOP), None)


def _after_stop(case: Case) -> Finding | None:
    stop = case.once(stop_day)
    if stop is None:
        return None
    later = [e for e in case.once(ici_given) if e.start.first > stop or last_sure(case, e) > stop]
    orders = ordered(case, "ici")
    if not later and not orders:
        return None
    tested = Criterion(
        code="no-ici-after-stop",
        status=Truth.NOT_MET,
        value=day_text(max(last_sure(case, e) for e in later)) if later else None,
        threshold=f"none after {day_text(stop)}",
        at=day_text(stop),
        evidence=tuple([e.source for e in later] + [p.source for p in orders]),
        notes=("ordered",) if later and orders else (),
    )
    return case.finding(
        "toxicity.ici-after-stop", "given" if later else "ordered", STATEMENTS, [tested], stop=day_text(stop)
    )


def _steroid(case: Case) -> Finding | None:
    if not _judged(case):
        return None
    wait = case.limit(TOPIC, "steroid-wait").days
    days = [day for day in case.once(banded_days) if case.day - day >= wait]
    if not days:
        return None
    day = days[-1]
    stopped = case.once(banded_days)[day] == STOP
    given = [e for e in case.view.of_group("steroid") if e.ending != "on-hold" and _overlaps(case, e, day)]
    unclear = not given and medication_incomplete(case)
    tested = Criterion(
        code="steroid-since",
        status=Truth.UNKNOWN if unclear else truth(bool(given)),
        threshold=f"from {day_text(day)}",
        at=day_text(day),
        evidence=tuple(e.source for e in given),
    )
    if unclear:
        return case.finding("toxicity.steroid", "unknown", STATEMENTS, [tested])
    grave = stopped and not given
    return case.finding(
        "toxicity.steroid",
        "seen" if given else "not-seen",
        STATEMENTS,
        [tested],
        kind="issue" if grave else "assessment",
        severity="warning" if grave else "info",
        since=day_text(day),
    )


def _overlaps(case: Case, exposure: Exposure, day: int) -> bool:
    return last_sure(case, exposure) >= day


def _bleeding(case: Case) -> Finding | None:
    window = case.limit(TOPIC, "bleeding-window").days
    floor = case.once(course).floor
    given = [e for e in case.view.of_group("anti_vegf") if e.start.first >= floor]
    recent = [e for e in given if case.day - last_exposed(case, e) <= window]
    orders = ordered(case, "anti_vegf")
    if not recent and not orders:
        return None
    tested = no_recent_bleeding(case)
    problems = case.view.diagnosed("gi_bleeding")
    doubtful = problems or case.unusable("gi_bleeding") or "Condition" in case.view.incomplete
    if tested.status is Truth.MET or not doubtful:
        return None
    evidence = [e.source for e in recent] + [p.source for p in orders]
    if tested.status is Truth.UNKNOWN:
        return case.finding("toxicity.bleeding-risk", "unknown", STATEMENTS, [tested], evidence=evidence)
    lasting = any(p.confirmed and active(case, p) is Truth.MET for p in problems)
    return case.finding(
        "toxicity.bleeding-risk",
        "caution",
        STATEMENTS,
        [tested],
        kind="issue",
        severity="critical" if lasting else "warning",
        evidence=evidence,
    )


def _monitoring(case: Case) -> Finding | None:
    window = case.limit(TOPIC, "monitoring-ici").days
    if not any(case.day - last_exposed(case, e) <= window for e in case.once(ici_given)):
        return None
    criteria = [_monitored(case, *row) for row in MONITORED]
    missing = tuple(c.code for c in criteria if c.status is not Truth.MET)
    unclear = "Observation" in case.view.incomplete
    outcome = "complete" if not missing else ("unknown" if unclear else "missing")
    return case.finding("toxicity.monitoring", outcome, STATEMENTS, criteria, tests=missing)


def _monitored(case: Case, code: str, parts: tuple[tuple[str, ...], ...], limit: str) -> Criterion:
    window = case.limit(TOPIC, limit)
    newest = [_newest(case, concepts) for concepts in parts]
    done = [n is not None and case.day - n[0] <= window.days for n in newest]
    known = [n for n in newest if n is not None]
    return Criterion(
        code=f"monitored-{code}",
        status=truth(all(done)),
        threshold=f"<= {window.days} {window.unit}",
        at=day_text(min(n[0] for n in known)) if known else None,
        evidence=tuple(n[1] for n in known),
        notes=tuple(f"missing: {'/'.join(part)}" for part, ok in zip(parts, done, strict=True) if not ok),
    )


def _newest(case: Case, concepts: tuple[str, ...]) -> tuple[int, str] | None:
    """Day and source of the newest value of any of some tests; of an imprecise date the earliest day."""
    facts = [m for c in concepts for m in case.view.measurements(c)]
    newest = max(facts, key=lambda m: (m.when.first, m.source), default=None)
    return (newest.when.first, newest.source) if newest else None
