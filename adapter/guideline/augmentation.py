"""Augmentation of the liver remnant and what follows it (guideline.md 3.7; C21-8 text, C21-12 text)."""

from __future__ import annotations

from collections.abc import Iterator

from adapter.guideline.case import Case, criterion
from adapter.guideline.eligibility import child_pugh_a
from adapter.guideline.liver_disease import chronic_liver_disease
from adapter.guideline.local import high_portal_grade
from adapter.guideline.meld import meld
from adapter.guideline.metastasis import spread
from adapter.guideline.model import Criterion, Due, Finding
from adapter.guideline.phase import BEFORE_SURGERY, phase
from adapter.guideline.remnant import adequate
from adapter.guideline.remnant_volumes import RATIO, VOLUME, remnant_share
from adapter.guideline.thresholds import Limit
from adapter.guideline.treatment import alpps_stages, planned_operations, valid_plans
from adapter.guideline.vessels import invasion
from adapter.values import Interval, all_of, day_text, negate, truth, whole_years
from adapter.values.truth import MET, NOT_MET, UNKNOWN

TOPIC = "augmentation"
STATEMENTS = ("C21-8", "C21-8t")
_PRESENT = {"present": True, "absent": False}
_OUTCOMES = {MET: "candidate", NOT_MET: "not-candidate", UNKNOWN: "indeterminate"}


def findings(case: Case) -> Iterator[Finding]:
    """All findings of the topic that apply."""
    if case.once(phase) not in BEFORE_SURGERY:
        return
    if case.once(adequate) is NOT_MET:
        yield _augmentation(case)
    for step in (_reassessment, _meld):
        found = step(case)
        if found is not None:
            yield found


def _augmentation(case: Case) -> Finding:
    deciding = [_age(case), child_pugh_a(case), _icg(case), _small(case), _no_portal_hypertension(case)]
    embolization = _pve(case)
    outcome = _OUTCOMES[all_of(c.status for c in deciding)]
    advice: tuple[str, ...] = ()
    if outcome == "candidate":
        ways = {MET: "advice-alpps-pve", NOT_MET: "advice-alpps-only", UNKNOWN: "advice-pve-open"}
        advice = (ways[embolization.status],)
    return case.finding(
        "flr.augmentation", outcome, STATEMENTS, [*deciding, embolization], notes=("not-assessed",), advice=advice
    )


def _age(case: Case) -> Criterion:
    limit, birth = case.limit(TOPIC, "age"), case.view.person.birth
    ages = None if birth is None else (whole_years(birth.last, case.day), whole_years(birth.first, case.day))
    status = UNKNOWN if ages is None else limit.kept(Interval.between(*ages))
    return Criterion(
        code="age-under-65",
        status=status,
        value=ages[0] if ages and ages[0] == ages[1] else None,
        unit=limit.unit,
        threshold=f"< {limit.value} {limit.unit}",
        evidence=(case.view.person.reference,) if birth else (),
        notes=() if birth else ("missing",),
    )


def _icg(case: Case) -> Criterion:
    limit = case.limit("remnant", "icg-impaired")
    found = case.latest_number("icg_r15", "icg-r15")
    status = found.favourable(lambda f: negate(limit.reached(f.value)))
    return criterion("icg-r15-below-10", status, found, threshold=f"< {limit.value} %")


def _small(case: Case) -> Criterion:
    """Below the bound of a normal liver, or of chronic liver disease; unknown disease decides where both agree."""
    share, chronic = case.once(remnant_share), case.once(chronic_liver_disease)
    names = {MET: ["flr-chronic"], NOT_MET: ["flr-normal"]}
    limits = [case.limit(TOPIC, name) for name in names.get(chronic.status, ["flr-normal", "flr-chronic"])]
    verdicts = {limit.kept(value) for limit in limits for value in share.values}
    if share.blocked:
        verdicts.add(UNKNOWN)
    return Criterion(
        code="flr-below-30-or-40",
        status=verdicts.pop() if len(verdicts) == 1 else UNKNOWN,
        value=share.shown,
        unit="%",
        threshold=" / ".join(f"< {limit.value} %" for limit in limits),
        at=share.at,
        evidence=(*share.evidence, *chronic.evidence),
        notes=share.notes,
    )


def _no_portal_hypertension(case: Case) -> Criterion:
    found = case.latest_word("severe_portal_hypertension")
    status = negate(found.favourable(lambda f: truth(_PRESENT.get(f.value))))
    return criterion("no-severe-portal-hypertension", status, found)


def _pve(case: Case) -> Criterion:
    """Whether portal vein embolization is not contraindicated; it does not decide candidacy."""
    limit: Limit = case.limit(TOPIC, "pve-inr")
    clotting = case.latest_number("inr", "labs")
    pressure = case.latest_word("severe_portal_hypertension")
    metastasis = spread(case, False)
    parts = {
        "vp3-4": high_portal_grade(case),
        "extrahepatic-metastasis": metastasis.present,
        "severe-portal-hypertension": pressure.alert(lambda f: truth(_PRESENT.get(f.value))),
        "inr": clotting.alert(lambda f: limit.reached(f.value)),
    }
    against = all_of(negate(status) for status in parts.values())
    named = [f"{name}: {status.value}" for name, status in parts.items() if status is not NOT_MET]
    evidence = [*case.once(invasion).vp.evidence, *metastasis.evidence, *pressure.sources, *clotting.sources]
    return Criterion(
        code="pve-not-contraindicated",
        status=against,
        threshold=f"no Vp3-4, EHM, severe portal hypertension, INR > {limit.value}",
        evidence=tuple(dict.fromkeys(evidence)),
        notes=tuple(named),
    )


def _reassessment(case: Case) -> Finding | None:
    """`flr.reassessment`: after portal vein embolization the remnant is measured again."""
    done = case.view.done("portal_vein_embolization")
    if not done:
        return None
    embolized = max((p.end or p.when for p in done), key=lambda w: w.start)
    measured = [m for concept in (RATIO, VOLUME) for m in case.view.measurements(concept)]
    after = [m for m in measured if m.when.end >= embolized.start]
    whens = [embolized, *(m.when for m in after)]
    since = max(whens, key=lambda w: (w.start, w.end))
    last = max(w.last for w in whens)
    fewest, most = max(case.day - last, 0), case.day - max(w.first for w in whens)
    limit = case.limit(TOPIC, "reassessment-days")
    status = Interval.between(fewest, most).above(limit.value)
    if status is NOT_MET:
        return None
    given = "Observation" not in case.view.incomplete
    sure = status is MET and given
    tested = Criterion(
        code="remnant-measured-within-2-weeks",
        status=NOT_MET if sure else UNKNOWN,
        value=most if fewest == most else None,
        unit="d",
        threshold=f"<= {limit.days} d",
        at=since.iso,
        evidence=tuple(dict.fromkeys([*(p.source for p in done), *(m.source for m in after)])),
        notes=() if sure else ("date-imprecise" if given else "incomplete",),
    )
    day = day_text(last + limit.days + 1)
    due = Due(earliest=day, preferred=day)
    outcome = "due" if sure else "unknown"
    return case.finding("flr.reassessment", outcome, ("C21-12t",), [tested], due=due, since=since.iso, days=most)


def _meld(case: Case) -> Finding | None:
    """`flr.meld`: a high MELD before the operation that follows augmentation."""
    plans = [*case.once(planned_operations), *valid_plans(case, "alpps")]
    before = [*case.view.done("portal_vein_embolization"), *alpps_stages(case)[:1]]
    if not plans or not before:
        return None
    score, limit = case.once(meld), case.limit(TOPIC, "meld")
    high = score.value.above(limit.value)
    blocked = any("unusable" in note for note in score.notes)
    if not score.on_record or (high is NOT_MET and not blocked):
        return None
    tested = Criterion(
        code="meld-up-to-10",
        status=NOT_MET if high is MET else UNKNOWN,
        value=score.shown,
        unit=limit.unit,
        threshold=f"<= {limit.value}",
        at=score.at,
        evidence=score.evidence,
        notes=score.notes,
    )
    evidence = [*(p.source for p in plans), *(p.source for p in before)]
    outcome = "postpone" if high is MET else "unknown"
    return case.finding("flr.meld", outcome, STATEMENTS, [tested], evidence=evidence, score=score.shown)
