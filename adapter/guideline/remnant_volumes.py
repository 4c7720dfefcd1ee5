"""The future liver remnant in percent of the standard liver volume, from what was recorded (guideline.md 3.7)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.progression_clauses import PERCENT
from adapter.timeline.events import Measurement
from adapter.timeline.latest import Latest
from adapter.values import Interval
from adapter.values.interval import rounded

TOPIC = "remnant"
WINDOW = "liver-volumes"
RATIO, VOLUME, STANDARD = "future_liver_remnant_ratio", "future_liver_remnant_volume", "standard_liver_volume"
REPORTED, BY_VOLUME, ESTIMATED = "reported-ratio", "reported-volumes", "estimated"
_TENTH = Decimal(1).scaleb(-1)


class Share(msgspec.Struct, frozen=True, gc=False):
    """The remnant in percent: values that stay possible, how they were found, what blocks a favourable reading."""

    values: tuple[Interval, ...] = ()
    contradiction: bool = False
    blocked: bool = False
    source: str | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> Decimal | str | None:
        """The percentage for display, one decimal."""
        if not self.values:
            return None
        number = self.values[-1].number
        return self.values[-1].shown() if number is None else rounded(number, _TENTH)


def remnant_share(case: Case) -> Share:
    """A reported ratio first, then volume by reported standard volume, then by the estimated one."""
    shares = [s for s in (_reported(case), _by_standard(case), _by_estimate(case)) if s is not None]
    used = next((s for s in shares if s.values), None)
    notes = tuple(dict.fromkeys(n for s in shares for n in s.notes if s is used or not s.values))
    evidence = tuple(dict.fromkeys(r for s in shares for r in s.evidence if s is used or not s.values))
    if used is None:
        return Share(blocked=any(s.blocked for s in shares), evidence=evidence, notes=notes or ("missing",))
    newer_unusable = used.source != REPORTED and any(s.blocked for s in shares if not s.values)
    differing = _differing(case, used, [s for s in shares if s is not used and s.values])
    return msgspec.structs.replace(
        used, blocked=used.blocked or newer_unusable, evidence=evidence, notes=(*notes, *differing)
    )


def _differing(case: Case, used: Share, others: list[Share]) -> tuple[str, ...]:
    """Estimates that lie further from the one used than the site wants to hear of."""
    bound = case.limit(TOPIC, "ratio-difference").value
    mine = used.values[-1].number
    notes = []
    for other in others:
        number = other.values[-1].number
        if mine is not None and number is not None and abs(mine - number) > bound:
            notes.append(f"ratios-differ: {used.shown} % / {other.shown} %")
    return tuple(notes)


def _reported(case: Case) -> Share | None:
    found = case.latest_number(RATIO, WINDOW)
    if found.missing and not found.blocked:
        return None
    values = tuple(f.value for f in found.facts) if found.fresh else ()
    return _share(found, values, REPORTED)


def _share(found: Latest[Measurement], values: tuple[Interval, ...], source: str) -> Share:
    newest = found.newest
    return Share(
        values=values,
        contradiction=found.contradiction,
        blocked=bool(found.blocked),
        source=source,
        at=newest.when.iso if newest else None,
        evidence=found.sources,
        notes=tuple(doubts(found)),
    )


def _by_standard(case: Case) -> Share | None:
    volume, standard = case.latest_number(VOLUME, WINDOW), case.latest_number(STANDARD, WINDOW)
    if (volume.missing and not volume.blocked) or standard.missing:
        return None
    if not (volume.fresh and standard.fresh):
        return _share(volume, (), BY_VOLUME)
    values = tuple(v for a in volume.facts for b in standard.facts if (v := _percent(a.value, b.value)) is not None)
    share = _share(volume, values, BY_VOLUME)
    return msgspec.structs.replace(
        share,
        contradiction=volume.contradiction or standard.contradiction,
        blocked=bool(volume.blocked or standard.blocked),
        evidence=(*volume.sources, *standard.sources),
        notes=tuple(dict.fromkeys((*share.notes, *doubts(standard)))),
    )


def _by_estimate(case: Case) -> Share | None:
    """Urata's standard volume from the body surface by Du Bois; named as estimated."""
    volume = case.latest_number(VOLUME, WINDOW)
    weight, height = case.latest_number("body_weight"), case.latest_number("body_height")
    if (volume.missing and not volume.blocked) or weight.missing or height.missing:
        return None
    standard = _urata(case, weight, height)
    if not volume.fresh or standard is None:
        return _share(volume, (), ESTIMATED)
    values = tuple(v for f in volume.facts if (v := _percent(f.value, Interval.exact(standard))) is not None)
    share = _share(volume, values, ESTIMATED)
    return msgspec.structs.replace(
        share,
        blocked=bool(volume.blocked or weight.blocked or height.blocked),
        evidence=(*volume.sources, *weight.sources, *height.sources),
        notes=(*share.notes, "estimated"),
    )


def _urata(case: Case, weight: Latest[Measurement], height: Latest[Measurement]) -> Decimal | None:
    """Standard liver volume in mL; None when weight or height is no single number."""
    kilograms, centimetres = _one(weight), _one(height)
    if kilograms is None or centimetres is None:
        return None
    factor = case.limit(TOPIC, "du-bois-factor").value
    by_weight = kilograms ** case.limit(TOPIC, "du-bois-weight").value
    by_height = centimetres ** case.limit(TOPIC, "du-bois-height").value
    surface = factor * by_weight * by_height
    return case.limit(TOPIC, "urata-slope").value * surface + case.limit(TOPIC, "urata-constant").value


def _one(found: Latest[Measurement]) -> Decimal | None:
    numbers = {f.value.number for f in found.facts}
    number = numbers.pop() if len(numbers) == 1 else None
    return number if number is not None and number > 0 else None


def _percent(part: Interval, whole: Interval) -> Interval | None:
    """`part` in percent of `whole`, both possibly intervals; None when nothing can be said."""
    if whole.low is None or whole.low <= 0:
        return None
    low = None if part.low is None or whole.high is None else part.low / whole.high * PERCENT
    high = None if part.high is None else part.high / whole.low * PERCENT
    return Interval(low if low is not None else Decimal(0), high, part.low_open, part.high_open)
