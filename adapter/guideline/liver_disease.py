"""Cirrhosis and chronic liver disease, three-valued (guideline.md 3.7)."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case, doubts
from adapter.guideline.hepatitis_status import quantitative, serology
from adapter.guideline.model import Criterion
from adapter.guideline.problems import active, active_confirmed
from adapter.values import Truth, all_of, any_of, negate, truth
from adapter.values.truth import MET, NOT_MET, UNKNOWN

ASSUME = "assume-no-cirrhosis-when-conditions-read"


class Disease(msgspec.Struct, frozen=True, gc=False):
    """Whether a liver disease is there, with what says so."""

    status: Truth
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def criterion(self, code: str) -> Criterion:
        """The disease as a criterion: met when it is present."""
        value = None if self.status is UNKNOWN else self.status is MET
        return Criterion(code=code, status=self.status, value=value, evidence=self.evidence, notes=self.notes)


def cirrhosis(case: Case) -> Disease:
    """Present, absent or unknown; present beside absent is a contradiction that takes the higher bound."""
    found = case.latest_word("cirrhosis")
    words = {f.value for f in found.facts}
    conditions = active_confirmed(case, "cirrhosis")
    sure = [p for p in conditions if active(case, p) is MET]
    refuted = [p for p in case.view.diagnosed("cirrhosis") if p.refuted]
    evidence = tuple(dict.fromkeys([*found.sources, *(p.source for p in (*conditions, *refuted))]))
    present = bool(sure) or ("present" in words and not found.imprecise)
    absent = bool(refuted) or "absent" in words
    notes = [] if found.missing and not found.blocked else doubts(found)
    if present:
        return Disease(MET, evidence, tuple(dict.fromkeys([*notes, *(["contradiction"] if absent else [])])))
    if absent and not found.blocked and not found.imprecise and not conditions:
        return Disease(NOT_MET, evidence, tuple(notes))
    return _unrecorded(case, evidence, tuple(notes))


def _unrecorded(case: Case, evidence: tuple[str, ...], notes: tuple[str, ...]) -> Disease:
    """Nothing says so: unknown, or absent by the site's choice where the Conditions were read."""
    doubtful = evidence or case.view.diagnosed("cirrhosis") or case.unusable("cirrhosis")
    if case.option(ASSUME) and case.view.conditions_read and not doubtful:
        return Disease(NOT_MET, evidence, (*notes, ASSUME))
    return Disease(UNKNOWN, evidence, notes or ("missing",))


def chronic_liver_disease(case: Case) -> Disease:
    """Cirrhosis, chronic hepatitis B or C, or fatty liver."""
    scarred = case.once(cirrhosis)
    conditions = [p for group in _CONDITIONS for p in active_confirmed(case, group)]
    hbv, hcv = case.latest_word("hbsag"), case.latest_word("anti_hcv")
    amount = case.latest_number("hbsag_quant")
    positive = (
        hbv.alert(serology),
        hcv.alert(serology),
        amount.alert(quantitative),
        *(active(case, p) for p in conditions),
        scarred.status,
    )
    evidence = tuple(dict.fromkeys([*scarred.evidence, *(p.source for p in conditions), *hbv.sources, *hcv.sources]))
    if any_of(positive) is MET:
        return Disease(MET, evidence, scarred.notes)
    none = all_of(
        (
            negate(scarred.status),
            hbv.favourable(lambda f: negate(serology(f))),
            hcv.favourable(lambda f: negate(serology(f))),
            truth(not conditions),
            truth(True if _fatty_liver_excluded(case) else None),
        )
    )
    notes = scarred.notes if none is MET else ("missing",)
    return Disease(NOT_MET if none is MET else UNKNOWN, evidence, notes)


def _fatty_liver_excluded(case: Case) -> bool:
    """Conditions were read and none, not even an unconfirmed or unusable one, may be fatty liver."""
    doubtful = [p for p in case.view.diagnosed("fatty_liver") if not p.refuted and not p.confirmed]
    return case.view.conditions_read and not doubtful and not case.unusable("fatty_liver")


_CONDITIONS = ("chronic_hepatitis_b", "chronic_hepatitis_c", "fatty_liver")
