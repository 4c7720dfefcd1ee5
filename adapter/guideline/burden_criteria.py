"""Milan, UCSF and up-to-seven over the tumour burdens that stay possible (guideline.md 2)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from adapter.guideline.case import Case
from adapter.guideline.lesions import Lesions
from adapter.guideline.staging import Burden
from adapter.values import Interval, Truth, all_of, negate, truth
from adapter.values.interval import total
from adapter.values.truth import NOT_MET, UNKNOWN

TOPIC = "transplant"
Fits = Callable[[Case, Lesions, int], Truth]


def milan(case: Case, burden: Burden) -> Truth:
    """One lesion up to 5 cm, or up to 3 of at most 3 cm each."""
    return _judged(case, burden, case.limit(TOPIC, "few").days, _milan)


def ucsf(case: Case, burden: Burden) -> Truth:
    """One lesion up to 6.5 cm, or up to 3 with the largest up to 4.5 cm and a sum up to 8 cm."""
    return _judged(case, burden, case.limit(TOPIC, "few").days, _ucsf)


def up_to_seven(case: Case, burden: Burden) -> Truth:
    """Largest diameter in cm plus number up to 7."""
    return _judged(case, burden, case.limit(TOPIC, "up-to-seven").days, _up_to_seven)


def _judged(case: Case, burden: Burden, most: int, fits: Fits) -> Truth:
    """The verdict that all possible counts share; macrovascular invasion or metastasis is always outside."""
    verdicts = {_by_count(case, burden, count, most, fits) for count in burden.lesions.counts(most + 1)}
    by_lesions = verdicts.pop() if len(verdicts) == 1 else UNKNOWN
    return all_of((negate(burden.invaded), negate(burden.spread), by_lesions))


def _by_count(case: Case, burden: Burden, count: int, most: int, fits: Fits) -> Truth:
    if count == 0:
        return truth(True if burden.nothing_possible else None)
    return NOT_MET if count > most else fits(case, burden.lesions, count)


def _milan(case: Case, lesions: Lesions, count: int) -> Truth:
    name = "milan-single" if count == 1 else "milan-several"
    return lesions.largest(count).at_most(case.limit(TOPIC, name).value)


def _ucsf(case: Case, lesions: Lesions, count: int) -> Truth:
    if count == 1:
        return lesions.largest(1).at_most(case.limit(TOPIC, "ucsf-single").value)
    largest = lesions.largest(count).at_most(case.limit(TOPIC, "ucsf-several").value)
    return all_of((largest, _sum(lesions, count).at_most(case.limit(TOPIC, "ucsf-sum").value)))


def _up_to_seven(case: Case, lesions: Lesions, count: int) -> Truth:
    bound = (case.limit(TOPIC, "up-to-seven").value - count) * case.limit(TOPIC, "centimetre").value
    return lesions.largest(count).at_most(bound)


def _sum(lesions: Lesions, count: int) -> Interval:
    """The sum of diameters when `count` lesions are there; unmeasured ones leave it open upwards."""
    low = total(lesions.sure).low
    largest = sorted((s.high for s in lesions.maybe if s.high is not None), reverse=True)[:count]
    open_top = count > len(lesions.maybe) or any(s.high is None for s in lesions.maybe)
    return Interval(low, None if open_top else sum(largest, Decimal(0)))
