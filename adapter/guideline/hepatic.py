"""The bands of immune-related liver toxicity, now and on the day of any earlier value (guideline.md 3.10)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.gaps import treatment_possible, unusable_since
from adapter.guideline.treatment import course, last_exposed, last_sure
from adapter.timeline.events import Exposure, Measurement, Unusable
from adapter.timeline.latest import Latest, latest
from adapter.values import Interval, Truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "toxicity"
NONE, CONTINUE = "none", "continue"
LOW_STEROID = "continue-individually-prednisone-0.5-1"
HIGH_STEROID = "continue-individually-prednisone-1-2"
UNDEFINED = "band-not-defined"
STOP = "discontinue-permanently-prednisone-1-2"
BANDS = (NONE, CONTINUE, LOW_STEROID, HIGH_STEROID, UNDEFINED, STOP)
STEROID_BANDS = frozenset({LOW_STEROID, HIGH_STEROID, UNDEFINED, STOP})
TRANSAMINASES = ("alt", "ast")
BILIRUBIN = "bilirubin_total"


class Test(msgspec.Struct, frozen=True, gc=False):
    """One test over its upper limit: `ratio` None when nothing usable and fresh is on record."""

    concept: str
    ratio: Interval | None
    found: Latest[Measurement]
    assumed: bool

    @property
    def normal(self) -> bool:
        """Surely not above the upper limit, and nothing newer that cannot be used."""
        return self.ratio is not None and self.ratio.above(1) is NOT_MET and not self.found.blocked

    @property
    def raised(self) -> bool:
        """Surely above the upper limit."""
        return self.ratio is not None and self.ratio.above(1) is MET


class Hepatic(msgspec.Struct, frozen=True, gc=False):
    """Transaminases and bilirubin at one day, and the band (None: unknown); `at_least` when more may be true."""

    tests: tuple[Test, ...]
    bilirubin: Test
    band: str | None
    at_least: bool


class Banded(msgspec.Struct, frozen=True, gc=False):
    """A day with a value in a steroid or discontinuation band."""

    band: str
    sources: tuple[str, ...]
    preliminary: bool


def ici_given(case: Case) -> list[Exposure]:
    """Exposures to an ICI since the course's floor."""
    floor = case.once(course).floor
    return [e for e in case.view.of_group("ici") if e.start.first >= floor]


def first_ici(case: Case) -> int | None:
    """Day of the first ICI dose."""
    return min([e.start.first for e in case.once(ici_given)], default=None)


def under_ici(case: Case, day: int, window: int) -> bool:
    """Whether an ICI was given at most `window` days before a day."""
    # The last dose first: it is the one that usually decides.
    for exposure in reversed(case.once(ici_given)):
        if exposure.start.first <= day and last_sure(case, exposure) >= day - window:
            return True
    return False


def now_under_ici(case: Case) -> Truth:
    """Whether an ICI was given in the window before as-of; open when a dose is imprecise, unusable or not given."""
    window = case.limit(TOPIC, "under-ici").days
    return MET if under_ici(case, case.day, window) else ici_possible(case, window)


def ici_possible(case: Case, window: int) -> Truth:
    """Whether an ICI may have been given at most `window` days before as-of although no dose surely was."""
    possible = any(case.day - last_exposed(case, e) <= window for e in case.once(ici_given))
    doubtful = treatment_possible(case, "ici") or bool(unusable_since(case, "ici", case.day - window))
    return UNKNOWN if possible or doubtful else NOT_MET


def hepatic_now(case: Case) -> Hepatic:
    """The band at as-of."""
    return _hepatic_at(case, case.day, case.as_of.instant)


def _hepatic_at(case: Case, day: int, instant: int) -> Hepatic:
    """The band at an instant of a day (ordinal), from values after the first ICI dose that began by then."""
    tests = tuple(_test(case, concept, day, instant) for concept in TRANSAMINASES)
    bilirubin = _test(case, BILIRUBIN, day, instant)
    band, at_least = _band(case, tests, bilirubin)
    return Hepatic(tests, bilirubin, band, at_least)


def band_before(case: Case) -> str | None:
    """The band of the last values before the first ICI dose; None without any."""
    first = case.once(first_ici)
    if first is None:
        return None
    each = []
    for concept in (*TRANSAMINASES, BILIRUBIN):
        facts = [m for m in case.view.measurements(concept) if m.when.last <= first]
        each.append(_judged(case, concept, latest(facts, (), first, case.timeline.reach)))
    *tests, bilirubin = each
    return _band(case, tuple(tests), bilirubin)[0]


def _since_first(case: Case) -> dict[str, list[Measurement]]:
    """Values that are or may be after the first ICI dose, oldest first."""
    first = case.once(first_ici)
    tests = (*TRANSAMINASES, BILIRUBIN)
    return {c: [m for m in case.view.measurements(c) if first is not None and first < m.when.last] for c in tests}


def _test(case: Case, concept: str, day: int, instant: int) -> Test:
    facts = case.once(_since_first)[concept]
    if facts and facts[-1].when.start > instant:
        facts = facts[: bisect_right(facts, instant, key=lambda m: m.when.start)]
    unusable: list[Unusable] = [u for u in case.unusable(concept) if u.when is None or u.when.first <= day]
    found = latest(facts, unusable, day, case.timeline.reach, case.window("labs"))
    first = case.once(first_ici)
    # A partial date that reaches back before the first dose may be a value of before it.
    after = first is not None and [f for f in found.facts if f.when.first > first]
    return _judged(case, concept, found) if after else Test(concept, None, found, False)


def _judged(case: Case, concept: str, found: Latest[Measurement]) -> Test:
    if not found.fresh:
        return Test(concept, None, found, False)
    ratios = []
    for fact in found.facts:
        limits = case.normal(fact)
        if not limits.high:
            return Test(concept, None, found, False)
        ratios.append((fact.value.divided(limits.high), limits.assumed))
    if found.imprecise and len({_transaminase_band(case, r) for r, _ in ratios}) > 1:
        return Test(concept, None, found, False)
    worst = ratios[0]
    if len(ratios) > 1:
        worst = max(ratios, key=lambda pair: (pair[0].low is not None, pair[0].low or 0))
    return Test(concept, worst[0], found, worst[1])


def ratio(case: Case, fact: Measurement) -> Interval | None:
    """A value over its upper limit of normal; None without a limit."""
    upper = case.normal(fact).high
    return None if not upper else fact.value.divided(upper)


def _band(case: Case, tests: tuple[Test, ...], bilirubin: Test) -> tuple[str | None, bool]:
    known = [t for t in tests if t.ratio is not None]
    raised = [t.ratio for t in known if t.ratio is not None and t.raised]
    if not raised:
        return (NONE, False) if all(t.normal for t in tests) else (None, False)
    by_transaminase = max((_transaminase_band(case, r) for r in raised), key=BANDS.index)
    by_bilirubin = _bilirubin_band(case, bilirubin.ratio)
    band = by_transaminase if by_bilirubin is None else max(by_transaminase, by_bilirubin, key=BANDS.index)
    open_top = any(r.high is None for r in raised) or (bilirubin.ratio is not None and bilirubin.ratio.high is None)
    doubtful = any(t.found.blocked for t in (*tests, bilirubin))
    missing = len(known) < len(tests) or by_bilirubin is None
    return band, (open_top or doubtful or missing) and band != STOP


def _transaminase_band(case: Case, value: Interval) -> str:
    """The band of a multiple; of a value with a comparator, of its lower bound."""
    for name, band in (("stop", STOP), ("steroid-high", HIGH_STEROID), ("steroid-low", LOW_STEROID)):
        if case.limit(TOPIC, f"transaminase-{name}").reached(value) is MET:
            return band
    above = value.above(case.limit(TOPIC, "transaminase-normal").value)
    return CONTINUE if above is MET else NONE


def _bilirubin_band(case: Case, value: Interval | None) -> str | None:
    if value is None:
        return None
    if case.limit(TOPIC, "bilirubin-stop").reached(value) is MET:
        return STOP
    if value.above(case.limit(TOPIC, "bilirubin-steroid").value) is MET:
        return UNDEFINED
    normal = value.above(case.limit(TOPIC, "bilirubin-normal").value)
    if normal is MET:
        return HIGH_STEROID
    return NONE if normal is NOT_MET else None


def banded_days(case: Case) -> dict[int, Banded]:
    """Every day with a value in a steroid or discontinuation band while under an ICI, oldest first."""
    window = case.limit(TOPIC, "under-ici").days
    found: dict[int, Banded] = {}
    judged: dict[tuple[int, int], Banded | None] = {}
    for fact in sorted(_high_values(case), key=lambda m: (m.when.start, m.source)):
        day, end = fact.when.first, fact.when.end
        if not under_ici(case, day, window):
            continue
        if (day, end) not in judged:  # the tests of one sample are one question
            judged[day, end] = _banded(_hepatic_at(case, day, end))
        one = judged[day, end]
        if one is not None and (day not in found or BANDS.index(one.band) >= BANDS.index(found[day].band)):
            found[day] = one
    return found


def _banded(found: Hepatic) -> Banded | None:
    if found.band not in STEROID_BANDS:
        return None
    facts = [f for t in (*found.tests, found.bilirubin) if t.raised for f in t.found.facts]
    return Banded(found.band, tuple(f.source for f in facts), any(f.preliminary for f in facts))


def _high_values(case: Case) -> Iterable[Measurement]:
    """Values on whose days such a band can begin: raised ones, transaminases alone only from the first steroid band."""
    yellow = [fact for fact, value in _perhaps_raised(case, BILIRUBIN) if value.above(1) is MET]
    yield from yellow
    lowest = case.limit(TOPIC, "transaminase-steroid-low")
    for concept in TRANSAMINASES:
        for fact, value in _perhaps_raised(case, concept, lowest.value > 1):
            if lowest.reached(value) is MET or (yellow and value.above(1) is MET):
                yield fact


def _perhaps_raised(case: Case, concept: str, skip_normal: bool = True) -> Iterator[tuple[Measurement, Interval]]:
    """Values with their multiple of the upper limit, without those that one look finds normal, which most are."""
    first = case.once(first_ici)
    facts = case.perhaps_raised(concept) if skip_normal else case.view.measurements(concept)
    for fact in [m for m in facts if first is not None and first < m.when.last]:
        value = ratio(case, fact)
        if value is not None:
            yield fact, value
