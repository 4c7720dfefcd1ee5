"""Immune-related liver toxicity, bleeding risk and monitoring (guideline.md 3.10; C24-s3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from adapter.guideline import ctcae
from adapter.guideline.bleeding import no_recent_bleeding
from adapter.guideline.case import Case, criterion
from adapter.guideline.gaps import treatment_possible, unusable_since
from adapter.guideline.hepatic import (
    BANDS,
    BILIRUBIN,
    NONE,
    STEROID_BANDS,
    STOP,
    TOPIC,
    Hepatic,
    Test,
    band_before,
    banded_days,
    hepatic_now,
    ici_given,
    ici_possible,
    now_under_ici,
)
from adapter.guideline.hepatitis_status import medication_incomplete
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.problems import active
from adapter.guideline.response import PD, responses
from adapter.guideline.treatment import course, last_exposed, last_sure, ordered
from adapter.timeline.events import Measurement
from adapter.values import Truth, all_of, day_text, truth
from adapter.values.interval import rounded
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-s3.6", "C24-17")
_HUNDREDTH = Decimal(1).scaleb(-2)
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


def _criterion(test: Test, code: str) -> Criterion:
    notes = ["assumed-uln"] if test.assumed else []
    number = test.ratio.number if test.ratio is not None else None
    text = test.ratio.shown() if test.ratio is not None and number is None else None
    status = truth(True if test.normal else (False if test.raised else None))
    return criterion(
        code,
        status,
        test.found,
        value=text if number is None else rounded(number, _HUNDREDTH),
        unit="xULN",
        threshold="<= 1 xULN",
        notes=notes,
    )


def _hepatic(case: Case) -> Finding | None:
    under = case.once(now_under_ici)
    if under is NOT_MET:
        return None
    found = case.once(hepatic_now)
    criteria = [_criterion(t, t.concept) for t in found.tests] + [_criterion(found.bilirubin, "bilirubin")]
    if under is UNKNOWN:
        criteria = [_under(case), *criteria]
    if found.band is None or under is UNKNOWN:
        return case.finding("toxicity.hepatic", "unknown", STATEMENTS, criteria)
    notes = [*_causes(case), *(["at-least"] if found.at_least else []), *_before(case, found.band)]
    tests = (*found.tests, found.bilirubin)
    return case.finding(
        "toxicity.hepatic",
        found.band,
        STATEMENTS,
        criteria,
        notes=notes,
        advice=_advice(found),
        causes=tuple([n for n in notes if n.startswith("cause-")]),
        preliminary=any(f.preliminary for t in tests if t.ratio is not None for f in t.found.facts),
    )


def _advice(found: Hepatic) -> tuple[str, ...]:
    """What is said beside the band: that it may be a higher one, and that the ICI may have to be withheld."""
    open_top = ("band-at-least",) if found.at_least else ()
    return (*open_top, *(("individual-or-withhold",) if found.band in STEROID_BANDS - {STOP} else ()))


def _under(case: Case) -> Criterion:
    """An ICI that may have been given recently: imprecise, unusable, or not given by the source."""
    limit = case.limit(TOPIC, "under-ici")
    unusable = unusable_since(case, "ici", case.day - limit.days)
    notes = ["incomplete"] if treatment_possible(case, "ici") else [f"unusable: {u.reason}" for u in unusable]
    return Criterion(
        code="under-ici",
        status=UNKNOWN,
        threshold=f"<= {limit.days} {limit.unit}",
        evidence=(*(e.source for e in case.once(ici_given)), *(u.source for u in unusable)),
        notes=tuple(dict.fromkeys(notes)) or ("date-imprecise",),
    )


def _before(case: Case, band: str) -> list[str]:
    """Pre-treatment values that lay in the band already are named; the band stays."""
    before = case.once(band_before)
    if band == NONE or before is None or BANDS.index(before) < BANDS.index(band):
        return []
    return ["raised-before-treatment"]


def _causes(case: Case) -> list[str]:
    """Competing causes on record."""
    newest = [f.when.first for t in case.once(hepatic_now).tests for f in t.found.facts]
    day = max(newest, default=case.day)
    reach = case.limit(TOPIC, "embolisation-days").days
    causes = [
        f"cause-{group}"
        for group in ("tace", "haic")
        if any(p.when.first <= day and day - (p.end or p.when).last <= reach for p in case.view.done(group))
    ]
    if _viral_rise(case):
        causes.append("cause-hbv")
    last = case.once(responses).latest
    if last is not None and last.mrecist.outcome == PD:
        causes.append("cause-progression")
    duct = case.latest_word("bile_duct_intact", "imaging")
    if duct.fresh and duct.agreed(lambda f: truth(f.value == "absent")) is MET:
        causes.append("cause-biliary")
    return causes


def _viral_rise(case: Case) -> bool:
    values = case.view.measurements("hbv_dna")
    if len(values) < 2:
        return False
    before, now = values[-2].value, values[-1].value
    if before.number == 0:
        return now.above(0) is MET
    rise = case.limit(TOPIC, "viral-rise").value
    return now.minus(before.scaled(rise)).at_least(0) is MET


def _isolated(case: Case) -> Finding | None:
    """Bilirubin alone above its limit, while both transaminases are known to be normal."""
    under = case.once(now_under_ici)
    if under is NOT_MET:
        return None
    found = case.once(hepatic_now)
    if not found.bilirubin.raised or any(t.raised for t in found.tests):
        return None
    known = all(t.normal for t in found.tests)
    on_record = all(t.found.facts or t.found.blocked for t in found.tests)
    if not known and not on_record:
        return None
    criteria = [_criterion(t, t.concept) for t in found.tests] + [_criterion(found.bilirubin, "bilirubin")]
    criteria = [*([] if under is MET else [_under(case)]), *criteria]
    outcome = "look-for-other-cause" if known and under is MET else "unknown"
    return case.finding("toxicity.bilirubin-isolated", outcome, STATEMENTS, criteria)


def stop_day(case: Case) -> int | None:
    """The first day with a value that asked for permanent discontinuation under an ICI."""
    return next((day for day, one in case.once(banded_days).items() if one.band == STOP), None)


def _after_stop(case: Case) -> Finding | None:
    stop = case.once(stop_day)
    if stop is None:
        return None
    later = [e for e in case.once(ici_given) if e.start.first > stop or last_sure(case, e) > stop]
    perhaps = [e for e in case.once(ici_given) if e not in later and last_exposed(case, e) > stop]
    doubtful = perhaps or treatment_possible(case, "ici") or unusable_since(case, "ici", stop)
    orders = ordered(case, "ici")
    if not later and not orders and not doubtful:
        return None
    value = case.once(banded_days)[stop]
    tested = Criterion(
        code="no-ici-after-stop",
        status=NOT_MET if later or orders else UNKNOWN,
        value=day_text(max(last_sure(case, e) for e in later)) if later else None,
        threshold=f"none after {day_text(stop)}",
        at=day_text(stop),
        evidence=(*value.sources, *(e.source for e in later or perhaps), *(p.source for p in orders)),
        notes=("ordered",) if later and orders else (),
    )
    outcome = "given" if later else ("ordered" if orders else "unknown")
    day = day_text(stop)
    return case.finding(
        "toxicity.ici-after-stop", outcome, STATEMENTS, [tested], preliminary=value.preliminary, stop=day
    )


def _steroid(case: Case) -> Finding | None:
    under, wait = case.once(now_under_ici), case.limit(TOPIC, "steroid-wait").days
    days = [day for day in case.once(banded_days) if case.day - day >= wait]
    if under is NOT_MET or not days:
        return None
    day = days[-1]
    value = case.once(banded_days)[day]
    taken = [e for e in case.view.of_group("steroid") if e.ending != "on-hold" and last_exposed(case, e) >= day]
    given = [e for e in taken if e.start.first >= day or last_sure(case, e) >= day]
    doubtful = taken or medication_incomplete(case) or unusable_since(case, "steroid", day)
    unclear = under is UNKNOWN or (not given and bool(doubtful))
    tested = Criterion(
        code="steroid-since",
        status=UNKNOWN if unclear else truth(bool(given)),
        threshold=f"from {day_text(day)}",
        at=day_text(day),
        evidence=(*value.sources, *(e.source for e in given or taken)),
    )
    if unclear:
        return case.finding("toxicity.steroid", "unknown", STATEMENTS, [tested], since=day_text(day))
    grave = value.band == STOP and not given
    return case.finding(
        "toxicity.steroid",
        "seen" if given else "not-seen",
        STATEMENTS,
        [tested],
        kind="issue" if grave else "assessment",
        severity="warning" if grave else "info",
        since=day_text(day),
        preliminary=value.preliminary,
    )


def _bleeding(case: Case) -> Finding | None:
    window = case.limit(TOPIC, "bleeding-window").days
    floor = case.once(course).floor
    given = [e for e in case.view.of_group("anti_vegf") if e.start.first >= floor]
    recent = [e for e in given if case.day - last_exposed(case, e) <= window]
    orders = ordered(case, "anti_vegf")
    sure = bool(recent or orders)
    since = case.day - window
    if not sure and not treatment_possible(case, "anti_vegf") and not unusable_since(case, "anti_vegf", since):
        return None
    problems = case.view.diagnosed("gi_bleeding")
    if not problems and not case.unusable("gi_bleeding") and "Condition" not in case.view.incomplete:
        return None
    tested = no_recent_bleeding(case)
    if tested.status is MET:
        return None
    evidence = [e.source for e in recent] + [p.source for p in orders]
    if tested.status is UNKNOWN or not sure:
        doubt = [] if sure else [Criterion(code="anti-vegf-given", status=UNKNOWN, notes=("missing",))]
        return case.finding("toxicity.bleeding-risk", "unknown", STATEMENTS, [*doubt, tested], evidence=evidence)
    lasting = any(p.confirmed and active(case, p) is MET for p in problems)
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
    # The last dose first: it is the one that usually decides.
    sure = any(case.day - last_sure(case, e) <= window for e in reversed(case.once(ici_given)))
    if not sure and ici_possible(case, window) is NOT_MET:
        return None
    criteria = [*([] if sure else [_under(case)]), *(_monitored(case, *row) for row in MONITORED)]
    together = all_of([c.status for c in criteria])
    outcome = {MET: "complete", NOT_MET: "missing"}[together] if sure and not together.unknown else "unknown"
    missing = tuple([c.code for c in criteria if c.status is not MET])
    return case.finding("toxicity.monitoring", outcome, STATEMENTS, criteria, tests=missing)


def _monitored(case: Case, code: str, parts: tuple[tuple[str, ...], ...], limit: str) -> Criterion:
    window = case.limit(TOPIC, limit)
    oldest: Measurement | None = None
    done: list[Truth] = []
    evidence: list[str] = []
    notes: list[str] = []
    for concepts in parts:
        histories = [facts for c in concepts if (facts := case.view.measurements(c))]
        newest = _newest(histories)
        evidence += [one.source for one in newest]
        if newest and (oldest is None or newest[0].when.first < oldest.when.first):
            oldest = newest[0]
        done.append(_within(case, concepts, histories, window.days))
        if done[-1] is not MET:
            notes.append(f"missing: {'/'.join(concepts)}")
    return Criterion(
        code=f"monitored-{code}",
        status=all_of(done),
        threshold=f"<= {window.days} {window.unit}",
        at=oldest.when.iso if oldest is not None else None,
        evidence=tuple(evidence),
        notes=tuple(notes),
    )


def _newest(histories: list[Sequence[Measurement]]) -> list[Measurement]:
    """The newest value of any of some tests; several where they say the same."""
    if len(histories) == 1:
        facts = histories[0]
        if len(facts) == 1 or facts[-2].when.first != facts[-1].when.first:
            return [facts[-1]]
    day = max([facts[-1].when.first for facts in histories], default=None)
    newest = []
    for facts in histories:
        for fact in reversed(facts):
            if fact.when.first != day:
                break
            newest.append(fact)
    if len(newest) > 1:
        concept = max([m.concept for m in newest])
        newest = [m for m in newest if m.concept == concept]
    if len(newest) > 1:
        said = max([repr(m.value) for m in newest])
        newest = [m for m in newest if repr(m.value) == said]
    return newest


def _within(case: Case, concepts: tuple[str, ...], histories: list[Sequence[Measurement]], days: int) -> Truth:
    """Whether any of some tests was done in the window; an imprecise, unusable or missing record leaves it open."""
    since = case.day - days
    for facts in histories:
        if facts[-1].when.first >= since:
            return MET
    unusable = case.unusable(*concepts)
    possible = any(u.when is None or u.when.last >= since for u in unusable)
    possible = possible or any(m.when.last >= since for facts in histories for m in facts)
    return UNKNOWN if possible or "Observation" in case.view.incomplete else NOT_MET
