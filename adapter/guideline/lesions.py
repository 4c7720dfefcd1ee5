"""Lesions and their number on one date: how many there can be and how large (guideline.md 2, Tumour burden)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from adapter.guideline.case import Case
from adapter.timeline.events import Lesion, Measurement
from adapter.values import Interval
from adapter.values.truth import MET, NOT_MET

ZERO = Interval.exact(0)


class Lesions(msgspec.Struct, frozen=True, gc=False):
    """Liver lesions on their newest date: sizes in mm (0 = none left), and the counts that stay possible.

    `most` None: no upper bound. `known` False: nothing fresh and usable is on record.
    """

    known: bool
    sizes: tuple[Interval, ...] = ()
    fewest: int = 0
    most: int | None = None
    day: int | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sure(self) -> list[Interval]:
        """Sizes of lesions that are surely there."""
        return [s for s in self.sizes if s.above(0) is MET]

    @property
    def maybe(self) -> list[Interval]:
        """Sizes of lesions that are or may be there."""
        return [s for s in self.sizes if s.above(0) is not NOT_MET]

    def counts(self, beyond: int) -> Iterable[int]:
        """The possible counts, up to `beyond` which stands for itself and more."""
        top = beyond if self.most is None else min(self.most, beyond)
        return range(min(self.fewest, beyond), top + 1)

    def largest(self, count: int) -> Interval:
        """The largest diameter when `count` lesions are there (count at least 1)."""
        there = [(s, s.above(0)) for s in self.sizes]
        sure, maybe = [s for s, v in there if v is MET], [s for s, v in there if v is not NOT_MET]
        highs = [s.high for s in (sure if count == len(sure) else maybe)]
        known = [h for h in highs if h is not None]
        open_top = count > len(maybe) or not highs or len(known) < len(highs)
        lows = [s.low for s in sure if s.low is not None]
        return Interval(max(lows) if lows else Decimal(0), None if open_top else max(known), not lows, False)


def viable_size(lesion: Lesion, enhancement: str | None) -> Interval | None:
    """The viable diameter: the recorded one, 0 when nothing is left or nothing enhances, else None (unknown)."""
    if lesion.viable is not None:
        return lesion.viable
    if lesion.diameter is not None and lesion.diameter.number == 0:
        return ZERO
    return ZERO if enhancement == "absent" else None


def staging_size(lesion: Lesion, enhancement: str | None, viable_only: bool) -> Interval:
    """The diameter that counts for staging; after conversion start only viable tumour does."""
    whole = lesion.diameter
    if not viable_only:
        return whole if whole is not None else Interval(_low(lesion.viable), None, lesion.viable is None, False)
    viable = viable_size(lesion, enhancement)
    if viable is not None:
        return viable
    high = None if whole is None else whole.high
    return Interval(Decimal(0), high, enhancement == "present", False)


def _low(interval: Interval | None) -> Decimal:
    return interval.low if interval is not None and interval.low is not None else Decimal(0)


def one_evaluation(case: Case, since: int) -> int:
    """The first day (ordinal) whose imaging can be one evaluation with that of a day."""
    return since - case.limit("response", "evaluation-days").days


def enhancement_on(case: Case, lesion: Lesion) -> str | None:
    """The lesion's own enhancement, else the one recorded for all lesions on its date."""
    if lesion.enhancement is not None:
        return lesion.enhancement
    facts = case.view.coded("arterial_phase_hyperenhancement")
    if not facts:
        return None
    day = lesion.when.first
    said = {f.value for f in facts if f.when.first == day}
    if "present" in said:
        return "present"
    return "absent" if "absent" in said else None


def liver_lesions(case: Case, viable_only: bool) -> Lesions:
    """Lesions and number of the newest date on which either was recorded, not stale."""
    lesions = [s for s in case.view.lesions if not s.extrahepatic]
    numbers = case.view.measurements("tumor_number")
    if not lesions and not numbers:
        return Lesions(False, notes=("missing",))
    day = max([*[s.when.first for s in lesions], *[n.when.first for n in numbers]])
    blocked = [
        u
        for u in case.unusable("tumor_size", "tumor_number", "tumor_longest_dimension")
        if u.when is None or u.when.last >= day
    ]
    mine, counted = [s for s in lesions if s.when.last >= day], [n for n in numbers if n.when.last >= day]
    newest: list[Lesion | Measurement] = [*mine, *counted]
    evidence = tuple(dict.fromkeys([f.source for f in newest] + [u.source for u in blocked]))
    at = newest[0].when.iso
    age = case.day - day
    stale = age > case.window("imaging")
    if stale or blocked:
        note = f"stale: {age} d" if stale else f"unusable: {blocked[0].reason}"
        return Lesions(False, day=day, at=at, evidence=evidence, notes=(note,))
    return _combined(case, mine, counted, viable_only, day, at, evidence)


def _combined(
    case: Case,
    mine: list[Lesion],
    counted: list[Measurement],
    viable_only: bool,
    day: int,
    at: str,
    evidence: tuple[str, ...],
) -> Lesions:
    sizes = _sizes(case, mine, viable_only)
    sure = len([s for s in sizes if s.above(0) is MET])
    facts: list[Lesion | Measurement] = [*mine, *counted]
    notes = [n for fact in facts for n in fact.notes]
    if [f for f in facts if f.preliminary]:
        notes.append("preliminary")
    if not counted:
        return Lesions(True, sizes, sure, None, day, at, evidence, (*notes, "number-missing"))
    fewest = min([0 if n.value.low is None else int(n.value.low) for n in counted])
    highest = [n.value.high for n in counted]
    most = None if None in highest else max([int(high) for high in highest if high is not None])
    if fewest != most:
        notes.append("contradiction")
    if most is not None and most < sure:
        notes.append("number-below-measured")
    if most == 0:
        sizes = tuple(s if s.above(0) is MET else ZERO for s in sizes)
    return Lesions(
        True, sizes, max(fewest, sure), None if most is None else max(most, sure), day, at, evidence, tuple(notes)
    )


def _sizes(case: Case, lesions: list[Lesion], viable_only: bool) -> tuple[Interval, ...]:
    """One size per lesion; a lesion measured twice on the date keeps both as possible."""
    by_name: dict[str, Interval] = {}
    for lesion in lesions:
        name = lesion.lesion if lesion.lesion is not None else lesion.source
        size = staging_size(lesion, enhancement_on(case, lesion), viable_only)
        by_name[name] = by_name[name].hull(size) if name in by_name else size
    return tuple(by_name[name] for name in sorted(by_name))
