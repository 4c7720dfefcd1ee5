"""The phase of the course, the first that holds (guideline.md 2, Phase)."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.guideline.problems import began
from adapter.guideline.treatment import after_operation, course, last_sure, planned_operations
from adapter.values.truth import MET

DECEASED, NO_HCC, TRANSPLANTED, RECURRENCE = "deceased", "no-hcc", "transplanted", "recurrence"
ADJUVANT, SURVEILLANCE, POSTOPERATIVE = "adjuvant", "surveillance", "postoperative"
AWAITING, CONVERSION, BASELINE = "awaiting-surgery", "conversion", "baseline"
PHASES = (
    DECEASED,
    NO_HCC,
    TRANSPLANTED,
    RECURRENCE,
    ADJUVANT,
    SURVEILLANCE,
    POSTOPERATIVE,
    AWAITING,
    CONVERSION,
    BASELINE,
)
BEFORE_SURGERY = frozenset({BASELINE, CONVERSION, AWAITING})
UNDER_CONVERSION = frozenset({CONVERSION, AWAITING})
AFTER_SURGERY = frozenset({RECURRENCE, ADJUVANT, SURVEILLANCE, POSTOPERATIVE})
_RELAPSED = frozenset({"recurrence", "relapse"})


def phase(case: Case) -> str:
    """The phase at as-of."""
    if _deceased(case):
        return DECEASED
    known = case.once(course)
    if known.diagnosis is None:
        return NO_HCC
    if case.view.done("liver_transplantation"):
        return TRANSPLANTED
    if known.resected:
        return _after_surgery(case)
    if case.once(planned_operations):
        return AWAITING
    return CONVERSION if known.start is not None else BASELINE


def under_conversion(case: Case) -> bool:
    """Phases conversion and awaiting-surgery."""
    return case.once(phase) in UNDER_CONVERSION


def operation_ahead(case: Case) -> bool:
    """Phases conversion and awaiting-surgery, and recurrence with a hepatectomy planned."""
    now = case.once(phase)
    return now in UNDER_CONVERSION or (now == RECURRENCE and bool(case.once(planned_operations)))


def _deceased(case: Case) -> bool:
    dead = case.view.person.deceased
    if dead is True:
        return True
    if dead and dead.start <= case.as_of.instant:
        return True
    worst = case.limit("phase", "ecog-dead").value
    return MET in [f.value.at_least(worst) for f in case.view.measurements("ecog_ps")]


def _after_surgery(case: Case) -> str:
    if case.once(recurrence_sources):
        return RECURRENCE
    given = [*after_operation(case, "ici"), *after_operation(case, "aatd")]
    if not given:
        return POSTOPERATIVE
    window = case.limit("course", "adjuvant-window").days
    last = max(last_sure(case, e) for e in given)
    return ADJUVANT if case.day - last <= window else SURVEILLANCE


def recurrence_sources(case: Case) -> tuple[str, ...]:
    """References of what proves recurrence after the hepatectomy; a rising marker alone never does."""
    known = case.once(course)
    if known.end is None:
        return ()
    relapsed = [p.source for p in known.hcc if p.clinical in _RELAPSED]
    recorded = [
        f.source
        for concept in ("response_mrecist", "response_recist")
        for f in case.view.coded(concept)
        if f.value == "PD" and f.when.first > known.end
    ]
    return tuple(dict.fromkeys([*relapsed, *recorded, *_new_lesions(case, known.end), *_new_spread(case, known.end)]))


def _new_lesions(case: Case, operation: int) -> list[str]:
    bound = case.limit("course", "new-lesion").value
    found = []
    for lesion in case.view.lesions:
        if lesion.role != "new_lesion" or lesion.when.first <= operation:
            continue
        size = lesion.diameter
        if size is None:
            proven = lesion.extrahepatic
        else:
            proven = (size.above(0) if lesion.extrahepatic else size.at_least(bound)) is MET
        if proven:
            found.append(lesion.source)
    return found


def _new_spread(case: Case, operation: int) -> list[str]:
    """A metastasis first recorded after the operation: by Condition, status, or a lesion at an extrahepatic site."""
    conditions = [p for p in case.confirmed("metastasis") if (when := began(p)) is not None and when.first > operation]
    known_before = {p.concept for p in case.confirmed("metastasis") if p not in conditions}
    found = [p.source for p in conditions if p.concept not in known_before]
    status = [f for f in case.view.coded("distant_metastasis_status") if f.value == "present"]
    outside = [s for s in case.view.lesions if s.extrahepatic and (s.diameter is None or s.diameter.above(0) is MET)]
    earlier = {s.lesion or s.site for s in outside if s.when.first <= operation}
    had_any = bool(known_before or earlier) or any(f.when.first <= operation for f in status)
    if not had_any:
        found += [f.source for f in status if f.when.first > operation]
    found += [s.source for s in outside if s.when.first > operation and (s.lesion or s.site) not in earlier]
    return found
