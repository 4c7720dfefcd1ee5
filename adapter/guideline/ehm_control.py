"""Control of extrahepatic metastasis that was there at conversion start (guideline.md 3.8; C24-10)."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.guideline.metastasis import extrahepatic_lesions
from adapter.guideline.model import Criterion
from adapter.guideline.staging import baseline_burden, baseline_case, burden
from adapter.values import Truth, all_of, any_of, negate, truth
from adapter.values.interval import total
from adapter.values.truth import NOT_MET


def initial_spread(case: Case) -> Truth:
    """Whether metastasis was on record at conversion start; nothing ever recorded about it means no."""
    found = case.once(baseline_burden)
    if found is None:
        return NOT_MET
    metastasis = found.metastasis
    return metastasis.present if metastasis.evidence else NOT_MET


def ehm_resectable(case: Case) -> Truth:
    """Metastasis recorded resectable."""
    found = case.latest_word("ehm_resectable", "imaging")
    return found.favourable(lambda f: truth({"present": True, "absent": False}.get(f.value)))


def ehm_criterion(case: Case) -> Criterion | None:
    """`ehm-inactive-or-resectable`, where metastasis was there at the start."""
    initial = case.once(initial_spread)
    if initial is NOT_MET:
        return None
    now = case.once(burden).metastasis
    resectable = all_of((case.once(ehm_resectable), negate(_active_and_not_smaller(case))))
    controlled = any_of((negate(now.present), negate(now.viable), resectable))
    found, activity = case.latest_word("ehm_resectable", "imaging"), case.latest_word("ehm_activity", "imaging")
    newest = activity.newest
    return Criterion(
        code="ehm-inactive-or-resectable",
        status=any_of((negate(initial), controlled)),
        value=newest.value if newest else None,
        at=now.at,
        evidence=tuple(dict.fromkeys((*now.evidence, *activity.sources, *found.sources))),
        notes=now.notes,
        statements=("C24-10",),
    )


def _active_and_not_smaller(case: Case) -> Truth:
    """Recorded active, with measured lesions not smaller than at the start (C24-10 says reduced)."""
    activity = case.latest_word("ehm_activity", "imaging")
    active = activity.alert(lambda f: truth(f.value == "active"))
    if activity.missing or active is NOT_MET:
        return NOT_MET
    return all_of((active, _not_smaller(case)))


def _not_smaller(case: Case) -> Truth:
    """Whether the lesions measured at both times are, together, not smaller now; unmeasured ones say nothing."""
    then = case.once(baseline_case)
    before = {} if then is None else {s.lesion: s for s in extrahepatic_lesions(then) if s.lesion is not None}
    now = {s.lesion: s for s in extrahepatic_lesions(case) if s.lesion in before}
    pairs = [(before[name], lesion) for name, lesion in now.items()]
    whole = [(a.diameter, b.diameter) for a, b in pairs if a.diameter is not None and b.diameter is not None]
    if not whole:
        return NOT_MET
    return total(b for _, b in whole).minus(total(a for a, _ in whole)).at_least(0)
