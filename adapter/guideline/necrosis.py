"""Complete necrosis on imaging: enhancement lost everywhere, diffusion no longer restricted (C24-11)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.imaging import evaluations
from adapter.guideline.lesions import enhancement_on, one_evaluation
from adapter.guideline.metastasis import spread
from adapter.guideline.model import Criterion, Finding
from adapter.guideline.phase import under_conversion
from adapter.guideline.treatment import course
from adapter.guideline.vessels import VP_GRADES, VV_GRADES, invasion
from adapter.timeline.events import Lesion, Unusable
from adapter.values import Truth, all_of, any_of
from adapter.values.truth import MET, NOT_MET, UNKNOWN

STATEMENTS = ("C24-11",)
CODE = "response.complete-necrosis"
_SEEN_AFTER = ("arterial_phase_hyperenhancement", "thrombus_enhancement", "ehm_activity")
_THROMBUS_WORDS = frozenset({*VP_GRADES[1:], *VV_GRADES[1:], "present"})
_THROMBUS_CONCEPTS = (
    "pvtt_vp_class",
    "hepatic_vein_invasion_class",
    "portal_vein_tumor_thrombus",
    "hepatic_vein_tumor_thrombus",
    "ivc_tumor_thrombus",
    "macrovascular_invasion",
)


def findings(case: Case) -> Iterator[Finding]:
    """`response.complete-necrosis`, once something was imaged after conversion start."""
    if not under_conversion(case) or not _imaged(case):
        return
    newest = _newest(case)
    parts = [part for part in (_lesions(case, newest), _thrombus(case), _metastasis(case, newest)) if part is not None]
    if not parts:
        return
    lost = all_of(part.status for part in parts)
    diffusion = _diffusion(case)
    outcome = {NOT_MET: "not-shown", UNKNOWN: "unknown"}.get(lost, "likely")
    if lost is MET and diffusion.status is MET:
        outcome = "supported"
    yield case.finding(CODE, outcome, STATEMENTS, [*parts, diffusion])


def _imaged(case: Case) -> bool:
    start = case.once(course).start
    if start is None:
        return False
    days = [s.when.first for s in case.view.lesions]
    days += [w.when.first for concept in _SEEN_AFTER for w in case.view.coded(concept)]
    return any(day > start for day in days)


def _newest(case: Case) -> list[Lesion]:
    """The newest records of every lesion; those without an identity count on their newest day."""
    last: dict[str | None, int] = {}
    for lesion in case.view.lesions:
        last[lesion.lesion] = max(lesion.when.first, last.get(lesion.lesion, 0))
    return [s for s in case.view.lesions if s.when.first == last[s.lesion]]


def _lesions(case: Case, found: list[Lesion]) -> Criterion | None:
    if not found:
        return None
    status = all_of(_lost(case, s) for s in found)
    day = max(s.when.first for s in found)
    notes: list[str] = []
    if status is MET and _counted_viable(case, day):
        status, notes = NOT_MET, ["contradiction"]
    blocked = _unusable_since(case, day, "tumor_size", "arterial_phase_hyperenhancement")
    if status is MET and blocked:
        status, notes = UNKNOWN, [f"unusable: {blocked[0].reason}"]
    return Criterion(
        code="lesion-enhancement-lost",
        status=status,
        at=max(found, key=lambda s: s.when.first).when.iso,
        evidence=tuple(dict.fromkeys([s.source for s in found] + [u.source for u in blocked])),
        notes=tuple(dict.fromkeys([*notes, *(n for s in found for n in s.notes)])),
    )


def _unusable_since(case: Case, day: int, *concepts: str) -> list[Unusable]:
    return [u for u in case.unusable(*concepts) if u.when is None or u.when.last >= day]


def _unread(case: Case, code: str, *concepts: str) -> Criterion | None:
    """A record of something never seen before that cannot be used leaves it open whether it is there."""
    day = max((s.when.first for s in case.view.lesions), default=0)
    blocked = _unusable_since(case, day, *concepts)
    if not blocked:
        return None
    notes = tuple(dict.fromkeys(f"unusable: {u.reason}" for u in blocked))
    return Criterion(code=code, status=UNKNOWN, evidence=tuple(u.source for u in blocked), notes=notes)


def _lost(case: Case, lesion: Lesion) -> Truth:
    """Whether a lesion lost its enhancement; any sign of enhancement wins over its loss."""
    overall = case.latest_word("arterial_phase_hyperenhancement", "imaging")
    newer = [f.value for f in overall.facts if f.when.first > lesion.when.first and overall.fresh]
    if newer:
        return _said(newer)
    if case.day - lesion.when.first > case.window("imaging"):
        return UNKNOWN
    if lesion.diameter is not None and lesion.diameter.number == 0:
        return MET
    said = [word for word in (lesion.enhancement, _overall_on(case, lesion)) if word is not None]
    if lesion.viable is not None and lesion.viable.above(0) is not UNKNOWN:
        said.append("present" if lesion.viable.above(0) is MET else "absent")
    return _said(said)


def _overall_on(case: Case, lesion: Lesion) -> str | None:
    """The enhancement recorded for all lesions on the lesion's day."""
    if lesion.enhancement is None:
        return enhancement_on(case, lesion)
    facts = case.view.coded("arterial_phase_hyperenhancement")
    said = {f.value for f in facts if f.when.first == lesion.when.first}
    return "present" if "present" in said else ("absent" if "absent" in said else None)


def _said(words: list[str]) -> Truth:
    if "present" in words:
        return NOT_MET
    return MET if words and all(word == "absent" for word in words) else UNKNOWN


def _counted_viable(case: Case, day: int) -> bool:
    """A viable lesion was counted at the time when all measured ones had lost their enhancement."""
    number = case.latest_number("tumor_number", "imaging")
    facts = [f for f in number.facts if f.when.last >= day]
    return number.fresh and any(f.value.at_least(1) is MET for f in facts)


def _thrombus(case: Case) -> Criterion | None:
    vessels = case.once(invasion)
    known = [f for concept in _THROMBUS_CONCEPTS for f in case.view.coded(concept) if f.value in _THROMBUS_WORDS]
    if vessels.present is NOT_MET or not known:
        return _unread(case, "thrombus-enhancement-lost", *_THROMBUS_CONCEPTS)
    since = max(vessels.vp.day or 0, vessels.vv.day or 0)
    found = case.latest_word("thrombus_enhancement", "imaging")
    said = [f.value for f in found.facts if found.fresh and f.when.last >= one_evaluation(case, since)]
    status = _said(said)
    if status is MET and found.blocked:
        status = UNKNOWN
    return criterion(
        "thrombus-enhancement-lost", status, found, evidence=[*vessels.evidence, *(f.source for f in known)]
    )


def _metastasis(case: Case, newest: list[Lesion]) -> Criterion | None:
    ever = [f for f in case.view.coded("distant_metastasis_status") if f.value == "present"]
    outside = [s for s in newest if s.extrahepatic]
    conditions = case.confirmed("metastasis")
    now = spread(case, True)
    if now.present is NOT_MET or not (ever or outside or conditions):
        return _unread(case, "ehm-enhancement-lost", "distant_metastasis_status", "ehm_activity", "metastasis")
    activity = case.latest_word("ehm_activity", "imaging")
    said = [{"active": "present", "inactive": "absent"}.get(f.value, "") for f in activity.facts if activity.fresh]
    by_lesions = all_of(_lost(case, s) for s in outside) if outside else UNKNOWN
    status = any_of((_said(said), by_lesions))
    if NOT_MET in (_said(said), by_lesions):
        status = NOT_MET
    if status is MET and activity.blocked:
        status = UNKNOWN
    return criterion("ehm-enhancement-lost", status, activity, evidence=now.evidence)


def _diffusion(case: Case) -> Criterion:
    """Restricted diffusion recorded absent, at the time of the latest evaluation or later."""
    found = case.latest_word("restricted_diffusion", "imaging")
    groups = case.once(evaluations).after
    since = groups[-1].days[0] if groups else 0
    facts = [f for f in found.facts if f.when.last >= since]
    status = found.favourable(lambda f: _said([f.value])) if facts else UNKNOWN
    return criterion("diffusion-not-restricted", status, found)
