"""Findings on tumour markers and blood-count ratios (guideline.md 3.5; C24-12, C24-s3.2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from adapter.guideline.case import Case, criterion
from adapter.guideline.marker_trends import AFP, PIVKA, TOPIC, Marker, Trend, fallen, newer_elsewhere, normal, trends
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.progression_clauses import PERCENT
from adapter.guideline.response_findings import UNSHOWN
from adapter.guideline.treatment import course
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest
from adapter.values import Interval, Truth, all_of, any_of, day_text, negate
from adapter.values.interval import rounded
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TREND = ("C24-12", "C24-s3.2.3")
TEXT = ("C24-s3.2.3",)
_RATIOS = (("markers.nlr", "neutrophils_abs"), ("markers.plr", "platelets"))
_LYMPHOCYTES = "lymphocytes_abs"
_DECREASES = ("decreased", "partial")
_HUNDREDTH = Decimal(1).scaleb(-2)
_TENTH = Decimal(1).scaleb(-1)


class Ratio(msgspec.Struct, frozen=True, gc=False):
    """The ratio of two counts of one day (ordinal)."""

    day: int
    value: Interval
    sources: tuple[str, ...]


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic, once conversion treatment has started."""
    if not under_conversion(case) or case.once(course).start is None:
        return
    for marker in (AFP, PIVKA):
        yield _trend_finding(case, marker)
    yield from _early(case)
    yield from _before_surgery(case)
    for code, concept in _RATIOS:
        yield from _ratio_finding(case, code, concept)


def _trend_finding(case: Case, marker: Marker) -> Finding:
    found = case.once(trends)[marker.code]
    change = _change(found)
    unit = case.limit(TOPIC, marker.normal).unit
    bound = _normal_text(case, marker)
    criteria = [
        criterion(
            "pre-treatment-elevated",
            negate(found.before.favourable(lambda f: normal(case, marker, f))),
            found.before,
            threshold=bound,
        ),
        criterion(
            "latest-normal",
            found.now.favourable(lambda f: normal(case, marker, f)),
            found.now,
            threshold=bound,
            notes=found.notes,
        ),
        *[_decrease(found, name, case.limit(TOPIC, name).value, change) for name in _DECREASES],
    ]
    return case.finding(
        marker.code,
        found.outcome,
        TREND,
        criteria,
        notes=found.notes,
        before=_number(found.before),
        now=_number(found.now),
        unit=unit.strip("{}").replace("}", ""),
        change=UNSHOWN if change is None else change,
        gaps=tuple(["gap-" + note.partition(":")[0] for note in found.notes]),
    )


def _normal_text(case: Case, marker: Marker) -> str:
    limit = case.limit(TOPIC, marker.normal)
    return f"<= {limit.value} {limit.unit}"


def _decrease(found: Trend, name: str, share: Decimal, change: Decimal | None) -> Criterion:
    status = UNKNOWN
    if found.before.facts and found.now.fresh and not found.notes:
        verdicts = {fallen(n.value, b.value, share) for n in found.now.facts for b in found.before.facts}
        status = verdicts.pop() if len(verdicts) == 1 and not found.now.blocked else UNKNOWN
    decided = status is not UNKNOWN
    notes = [note for fact in (*found.before.facts, *found.now.facts) for note in fact.notes] if decided else []
    return Criterion(
        code=f"decrease-{name}",
        status=status,
        value=change if decided else None,
        unit="%",
        threshold=f"< -{share} %",
        notes=tuple(dict.fromkeys(notes)) if notes else (),
    )


def _change(found: Trend) -> Decimal | None:
    before, now = found.before.newest, found.now.newest
    if before is None or now is None:
        return None
    was, is_now = before.value.number, now.value.number
    if not was or is_now is None:
        return None
    return rounded((is_now - was) / was * PERCENT, _TENTH)


def _number(found: Latest[Measurement]) -> str | None:
    return None if found.newest is None else found.newest.value.shown()


def _early(case: Case) -> Iterator[Finding]:
    """`markers.afp-early-response`, where AFP was elevated before treatment."""
    before = case.once(trends)[AFP.code].before
    elevated = negate(before.favourable(lambda f: normal(case, AFP, f)))
    if elevated is NOT_MET or (before.missing and not before.blocked):
        return
    start = case.once(course).start or 0
    end = start + case.limit(TOPIC, "early-days").days
    inside = [m for m in case.view.measurements(AFP.concept) if m.when.last > start and m.when.first <= end]
    reached = _reached(case, before, inside, start, end)
    outcome = "unknown"
    if elevated is MET and reached is MET:
        outcome = "yes"
    elif elevated is MET and reached is NOT_MET and inside and case.day > end:
        outcome = "no"
    share = case.limit(TOPIC, "early-decrease").value
    criteria = [
        criterion("pre-treatment-elevated", elevated, before, threshold=_normal_text(case, AFP).replace("<=", ">")),
        Criterion(
            code="afp-fall-within-4-weeks",
            status={"yes": MET, "no": NOT_MET}.get(outcome, UNKNOWN),
            threshold=f"> {share} % within {end - start} d",
            evidence=tuple([m.source for m in inside]),
            notes=tuple(dict.fromkeys([n for m in inside for n in m.notes])) if inside else ("missing",),
        ),
    ]
    yield case.finding("markers.afp-early-response", outcome, TEXT, criteria, until=day_text(end))


def _reached(case: Case, before: Latest[Measurement], inside: list[Measurement], start: int, end: int) -> Truth:
    """Whether one value of the window lies low enough; two at one instant decide only together."""
    share = case.limit(TOPIC, "early-decrease").value
    by_time: dict[int, list[Truth]] = {}
    for fact in inside:
        verdicts = {fallen(fact.value, b.value, share) for b in before.facts}
        said = verdicts.pop() if len(verdicts) == 1 else UNKNOWN
        surely_inside = fact.when.first > start and fact.when.last <= end
        if not surely_inside and said is MET:
            said = UNKNOWN
        by_time.setdefault(fact.when.start, []).append(said)
    together = [said[0] if len(set(said)) == 1 else UNKNOWN for said in by_time.values()]
    blocked = [u for u in case.unusable(AFP.concept) if u.when is None or (u.when.last > start and u.when.first <= end)]
    return any_of([*together, *([UNKNOWN] if blocked else [])])


def _before_surgery(case: Case) -> Iterator[Finding]:
    """`markers.afp-before-surgery`: AFP above normal before the hepatectomy."""
    found = case.once(trends)[AFP.code].now
    above = found.alert(lambda f: negate(normal(case, AFP, f)))
    if above is NOT_MET and newer_elsewhere(case, AFP, found):
        above = UNKNOWN
    if above is NOT_MET or (found.missing and not found.blocked):
        return
    tested = criterion(
        "afp-above-20", above, found, threshold="> " + str(case.limit(TOPIC, AFP.normal).value) + " ng/mL"
    )
    outcome = "above-20" if above is MET else "unknown"
    yield case.finding("markers.afp-before-surgery", outcome, TEXT, [tested], now=_number(found))


def _ratio_finding(case: Case, code: str, concept: str) -> Iterator[Finding]:
    start = case.once(course).start or 0
    first = start - case.limit(TOPIC, "pre-treatment-days").days
    counts, lymphocytes = _by_day(case, concept), case.once(_lymphocytes)
    # Oldest first, as the values are.
    days = [day for day in counts if day in lymphocytes]
    before = [day for day in days if first <= day <= start]
    after = [day for day in days if day > start]
    if not before or not after:
        return
    base, now = (_ratio(day, counts[day], lymphocytes[day]) for day in (before[-1], after[-1]))
    rose, fell = now.value.exceeds(base.value), base.value.exceeds(now.value)
    if all_of((negate(rose), negate(fell))) is MET:
        return
    stale = case.day - now.day > case.window("labs")
    blocked = [u for u in case.unusable(concept, _LYMPHOCYTES) if u.when is None or u.when.last >= now.day]
    outcome = "rose" if rose is MET else ("fell" if fell is MET else "unknown")
    if stale or (blocked and outcome == "fell"):
        outcome = "unknown"
    earlier, latest = _rounded(base.value), _rounded(now.value)
    tested = Criterion(
        code="ratio-fell",
        status={"fell": MET, "rose": NOT_MET}.get(outcome, UNKNOWN),
        value=latest,
        threshold=f"< {earlier} ({day_text(base.day)})",
        at=day_text(now.day),
        evidence=(*base.sources, *now.sources),
        notes=(f"stale: {case.day - now.day} d",) if stale else tuple(f"unusable: {u.reason}" for u in blocked),
    )
    yield case.finding(code, outcome, TEXT, [tested], before=earlier, now=latest)


def _rounded(value: Interval) -> Decimal | str:
    return value.shown() if value.number is None else rounded(value.number, _HUNDREDTH)


def _ratio(day: int, above: list[Measurement], below: list[Measurement]) -> Ratio:
    """The ratio of the counts of one day; several counts of a day leave all of them possible."""
    return Ratio(day, _divided(_hull(above), _hull(below)), tuple([f.source for f in (*above, *below)]))


def _lymphocytes(case: Case) -> dict[int, list[Measurement]]:
    """The counts that both ratios divide by."""
    return _by_day(case, _LYMPHOCYTES)


def _by_day(case: Case, concept: str) -> dict[int, list[Measurement]]:
    days: dict[int, list[Measurement]] = {}
    for fact in case.view.measurements(concept):
        day = fact.when.first
        if day != fact.when.last:
            continue
        if day in days:
            days[day].append(fact)
        else:
            days[day] = [fact]
    return days


def _hull(facts: list[Measurement]) -> Interval:
    result = facts[0].value
    for fact in facts[1:]:
        result = result.hull(fact.value)
    return result


def _divided(above: Interval, below: Interval) -> Interval:
    low = None if above.low is None or below.high is None or below.high == 0 else above.low / below.high
    high = None if above.high is None or below.low is None or below.low == 0 else above.high / below.low
    return Interval(low if low is not None else Decimal(0), high)
