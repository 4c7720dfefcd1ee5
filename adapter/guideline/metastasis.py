"""Extrahepatic metastasis: whether it is on record, and after conversion start whether it is still viable."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.lesions import enhancement_on, one_evaluation, staging_size
from adapter.guideline.problems import active_confirmed, began
from adapter.timeline.events import Coded, Lesion, Problem
from adapter.timeline.latest import Latest
from adapter.values import Truth, any_of, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN


class Spread(msgspec.Struct, frozen=True, gc=False):
    """Extrahepatic metastasis (EHM) at a date: present, and present as viable tumour."""

    present: Truth
    viable: Truth
    day: int | None = None
    at: str | None = None
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def spread(case: Case, viable_only: bool) -> Spread:
    """EHM at as-of; with `viable_only`, what lost its activity is told apart."""
    return case.once(_viable_spread if viable_only else _whole_spread)


def _viable_spread(case: Case) -> Spread:
    return _spread(case, True)


def _whole_spread(case: Case) -> Spread:
    return _spread(case, False)


def _spread(case: Case, viable_only: bool) -> Spread:
    """EHM from its status, from lesions at extrahepatic sites and from Conditions, newest first."""
    status = case.latest_word("distant_metastasis_status", "imaging")
    lesions = extrahepatic_lesions(case)
    conditions = active_confirmed(case, "metastasis")
    said = _said(case, viable_only, status, lesions, conditions)
    present = any_of(said) if said else UNKNOWN
    times = [f.when for f in status.facts] + [s.when for s in lesions]
    days = [when.first for when in times] if status.fresh else [s.when.first for s in lesions]
    newest = max(days) if days else None
    unread = [u for u in case.unusable("metastasis") if u.when is None or u.when.last >= (newest or 0)]
    if present is NOT_MET and unread:
        present = UNKNOWN
    since = [when.first for p in conditions if (when := began(p)) is not None]
    inactive, sources = _inactive(case, max([*days, *since], default=0))
    viable = present
    if viable_only and present is not NOT_MET:
        viable = NOT_MET if inactive is MET else _both(present, inactive)
    evidence = [*status.sources, *[s.source for s in lesions], *[p.source for p in conditions]]
    evidence += [*[u.source for u in unread], *sources]
    at = next((when.iso for when in times if when.first == newest), None) if days else None
    notes = ([] if status.missing else doubts(status)) + [f"unusable: {u.reason}" for u in unread]
    return Spread(present, viable, newest, at, tuple(dict.fromkeys(evidence)), tuple(notes))


def _both(present: Truth, inactive: Truth) -> Truth:
    return UNKNOWN if inactive is UNKNOWN else present


def _said(
    case: Case, viable_only: bool, status: Latest[Coded], lesions: list[Lesion], conditions: list[Problem]
) -> list[Truth]:
    """One verdict per kind of record; a record beside an equally new contrary one stays open."""
    by_lesion = any_of([_there(case, s, viable_only) for s in lesions]) if lesions else None
    by_status = None
    if status.blocked:
        by_status = UNKNOWN
    elif status.fresh:
        by_status = status.agreed(lambda f: truth(f.value == "present" if f.value != "indeterminate" else None))
    if conditions:
        since = [began(p) for p in conditions]
        none_newer = by_status is NOT_MET and all(s is not None and s.last <= status.facts[0].when.first for s in since)
        return [UNKNOWN if none_newer and by_lesion is not MET else MET]
    return _newer_of(by_status, status.facts[-1].when.first if status.facts else 0, by_lesion, lesions)


def _newer_of(by_status: Truth | None, status_day: int, by_lesion: Truth | None, lesions: list[Lesion]) -> list[Truth]:
    if by_status is None or by_lesion is None or by_status is by_lesion:
        return [one for one in (by_status, by_lesion) if one is not None][:1]
    lesion_day = max(s.when.first for s in lesions)
    if lesion_day == status_day:
        return [UNKNOWN]
    if by_lesion is NOT_MET:
        # A known metastasis that is gone does not say that no other one is there.
        return [by_status]
    return [by_status if status_day > lesion_day else by_lesion]


def extrahepatic_lesions(case: Case) -> list[Lesion]:
    """The newest measurement of each lesion at an extrahepatic site, not stale."""
    newest: dict[str, Lesion] = {}
    for lesion in case.view.lesions:
        if lesion.extrahepatic:
            newest[lesion.lesion or f"{lesion.site}"] = lesion
    window = case.window("imaging")
    return [s for s in newest.values() if case.day - s.when.first <= window]


def _there(case: Case, lesion: Lesion, viable_only: bool) -> Truth:
    if viable_only and lesion.viable is None and enhancement_on(case, lesion) is None:
        # EHM without enhancement information counts as viable (guideline.md 2).
        return MET if lesion.diameter is None else lesion.diameter.above(0)
    if lesion.diameter is None and lesion.viable is None and not viable_only:
        return MET
    return staging_size(lesion, enhancement_on(case, lesion), viable_only).above(0)


def _inactive(case: Case, since: int) -> tuple[Truth, tuple[str, ...]]:
    """EHM recorded inactive, in the evaluation of the newest record of its presence or later."""
    found = case.latest_word("ehm_activity", "imaging")
    if not found.fresh:
        return NOT_MET, ()
    earliest = one_evaluation(case, since)
    verdicts = {f.value == "inactive" for f in found.facts if f.when.last >= earliest}
    if not verdicts:
        return NOT_MET, ()
    if verdicts == {True} and not found.blocked:
        return MET, found.sources
    return (NOT_MET if verdicts == {False} else UNKNOWN), found.sources
