"""The regimen at a date: what was given or taken in the window before it (guideline.md 2, Course)."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.treatment import LOCAL, course, last_exposed, last_sure
from adapter.timeline.events import Exposure


class Regimen(msgspec.Struct, frozen=True, gc=False):
    """Drug concept keys by class, and local modalities, in the window before a day."""

    ici: tuple[str, ...] = ()
    aatd: tuple[str, ...] = ()
    chemotherapy: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """`ICI+AATD`, `ICI`, `AATD`, `chemotherapy`, `local`, or None when nothing was given."""
        systemic = [word for word, drugs in (("ICI", self.ici), ("AATD", self.aatd)) if drugs]
        if systemic:
            return "+".join(systemic)
        if self.chemotherapy:
            return "chemotherapy"
        return "local" if self.local else None


def regimen_at(case: Case, day: int) -> Regimen:
    """The regimen at a day (ordinal, not after as-of)."""
    known = case.once(_by_day)
    if day not in known:
        known[day] = _regimen(case, day)
    return known[day]


def _by_day(_: Case) -> dict[int, Regimen]:
    """The regimens that were asked for, each made once."""
    return {}


def _regimen(case: Case, day: int) -> Regimen:
    first, floor = day - case.limit("course", "regimen-window").days, case.once(course).floor
    running = [e for e in case.view.exposures if floor <= e.start.first <= day and last_sure(case, e) >= first]
    icis = _together(case, [e for e in running if "ici" in e.groups], day)
    aatds = _not_replaced(case, [e for e in running if "aatd" in e.groups], icis)
    chemo = [e for e in running if "chemotherapy" in e.groups]
    local = {}
    for group in LOCAL:
        done = case.view.done(group)
        if done and (mine := [p for p in done if first <= p.when.last and p.when.first <= day]):
            local[group] = mine
    return Regimen(
        ici=_drugs(icis),
        aatd=_drugs(aatds),
        chemotherapy=_drugs(chemo),
        local=tuple(local),
        sources=tuple(
            dict.fromkeys(
                [e.source for e in (*icis, *aatds, *chemo)] + [p.source for mine in local.values() for p in mine]
            )
        ),
    )


def _drugs(exposures: list[Exposure]) -> tuple[str, ...]:
    return tuple(sorted({e.drug for e in exposures}))


def _last(case: Case, exposure: Exposure, day: int) -> int:
    return min(last_sure(case, exposure), day)


def _together(case: Case, icis: list[Exposure], day: int) -> list[Exposure]:
    """Two ICIs far apart are a switch: only those given close to the latest one count."""
    if len({e.drug for e in icis}) < 2:
        return icis
    apart = case.limit("course", "ici-together").days
    newest = max((_last(case, e, day), e.start.first) for e in icis)
    keep = {e.drug for e in icis if (_last(case, e, day), e.start.first) == newest}
    mine = [e for e in icis if e.drug in keep]
    for other in icis:
        if any(_gap(case, other, one, day) <= apart for one in mine):
            keep.add(other.drug)
    return [e for e in icis if e.drug in keep]


def _gap(case: Case, one: Exposure, two: Exposure, day: int) -> int:
    """Days between two exposures, 0 when they overlap."""
    return max(one.start.first - _last(case, two, day), two.start.first - _last(case, one, day), 0)


def _not_replaced(case: Case, aatds: list[Exposure], icis: list[Exposure]) -> list[Exposure]:
    """An AATD that ended before the first dose of the latest ICI belongs to an earlier line."""
    if not icis:
        return aatds
    newest = max(e.start.first for e in icis)
    latest = {e.drug for e in icis if e.start.first == newest}
    # Of two ICIs given last on one day the one that came later began the present line; ids decide nothing.
    first = max(_first_dose(case, drug) for drug in latest)
    return [e for e in aatds if last_exposed(case, e) >= first]


def _first_dose(case: Case, drug: str) -> int:
    floor = case.once(course).floor
    doses = [e.start.first for e in case.view.of_group("ici") if e.drug == drug and e.start.first >= floor]
    return min(doses, default=floor)
