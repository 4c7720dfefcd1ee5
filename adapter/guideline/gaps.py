"""Plans, doses and treatments that may be there although the record shows none (guideline.md 1.2, 1.8)."""

from __future__ import annotations

from adapter.guideline.case import Case
from adapter.guideline.hepatitis_status import MEDICATION_TYPES
from adapter.guideline.treatment import LOCAL
from adapter.timeline.events import Unusable

PLAN_TYPES = frozenset({"ServiceRequest", "Appointment", "Procedure"})
INFUSION_TYPES = frozenset({"MedicationAdministration", "MedicationStatement"})
_ORDERED = ("ServiceRequest", "Appointment")


def plan_possible(case: Case, group: str) -> bool:
    """A plan of a procedure may be missing: its types were not given in full, or an order cannot be used."""
    unusable = any(u.source.startswith(_ORDERED) for u in case.unusable(group))
    return unusable or bool(PLAN_TYPES & case.view.incomplete)


def treatment_possible(case: Case, group: str) -> bool:
    """A dose or treatment of a group may be missing because the source did not give its types in full."""
    if group in LOCAL:
        return "Procedure" in case.view.incomplete
    types = INFUSION_TYPES if group in ("ici", "anti_vegf") else MEDICATION_TYPES
    return bool(types & case.view.incomplete)


def unusable_since(case: Case, group: str, day: int) -> tuple[Unusable, ...]:
    """Records of doses or treatments of a group on or after a day (ordinal), or undated, that cannot be used."""
    found = [u for u in case.unusable(group) if not u.source.startswith(_ORDERED)]
    return tuple(u for u in found if u.when is None or u.when.last >= day)
