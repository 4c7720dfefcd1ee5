"""Numbers with their units: quantities, texts that are quantities, scores."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from msgspec import Raw

from adapter.normalize.times import later
from adapter.normalize.vocabulary import NO_LIMITS, NO_NOTES, Asked, Limits, Reading, Vocabulary
from adapter.resources.datatypes import CodeableConcept, Quantity, ReferenceRange
from adapter.resources.repair import MALFORMED_NUMBER, given, read, read_list
from adapter.terminology import Question, Unit
from adapter.timeline.events import Person
from adapter.values import Interval, When

ZERO = Decimal(0)
NOTHING = Interval.exact(0)
BY_SITE = ("site-factor",)
COMPARATORS = ("<", "<=", ">", ">=")
_DOUBLE = sys.float_info.max_10_exp
_TEXT = re.compile(r"(<=|>=|<|>|≤|≥|＜|＞)?\s*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)\s*(\S.*)?")
_SIGNS = {"≤": "<=", "≥": ">=", "＜": "<", "＞": ">"}
_TEN = Decimal(1).scaleb(1)


def amount(raw: Raw, question: Question, vocabulary: Vocabulary) -> Reading | str:
    """A Quantity of a question as a reading, or the reason why it is not used."""
    quantity = read(raw, Quantity)
    if quantity is None:
        return "malformed: no Quantity" if given(raw) else "no-value"
    if quantity.value is None:
        return "no-value"
    return quantified(quantity, question, vocabulary)


def quantified(quantity: Quantity, question: Question, vocabulary: Vocabulary) -> Reading | str:
    """A Quantity that was read; its unit by the concept's list, its value exact."""
    value = quantity.value
    if value is None:
        return "no-value"
    if not value.is_finite():
        return "malformed: no number"
    if abs(value.adjusted()) > _DOUBLE and value:
        return MALFORMED_NUMBER if value.adjusted() > 0 else "implausible: not a measurable number"
    comparator = (quantity.comparator or "").strip()
    if comparator and comparator not in COMPARATORS:
        return "malformed: unknown comparator"
    unit = vocabulary.terminology.unit(question.concept, quantity.system, quantity.code, quantity.unit)
    if isinstance(unit, str):
        return unit
    return _reading(value, comparator, unit, question, vocabulary)


def text_amount(text: str, question: Question, vocabulary: Vocabulary) -> Reading | str:
    """A text that is wholly a comparator, number and unit, or says "not detected"."""
    if question.word_of_text(text) == "not-detected":
        return undetected(question, vocabulary)
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return "no-value"
    sign, number, unit = found.groups()
    try:
        value = Decimal(number)
    except InvalidOperation:
        return "no-value"
    quantity = Quantity(value, _SIGNS.get(sign, sign), unit or question.bare or None)
    return quantified(quantity, question, vocabulary)


def undetected(question: Question, vocabulary: Vocabulary) -> Reading:
    """The reading of "not detected": 0, in the canonical unit of the fact's concept."""
    unit = vocabulary.terminology.units.canonical(question.target) or ""
    return Reading(NOTHING, unit, NOTHING, unit, detected=False)


def detected_amount(question: Question, vocabulary: Vocabulary) -> Reading:
    """The reading of "detected" without a number: more than 0."""
    unit = vocabulary.terminology.units.canonical(question.target) or ""
    above = Interval(ZERO, None, True, False)
    return Reading(above, unit, above, unit, detected=True)


def _reading(value: Decimal, comparator: str, unit: Unit, question: Question, vocabulary: Vocabulary) -> Reading | str:
    if value < 0:
        return "implausible: negative"
    least = None if question.reading == "power" else ZERO
    reported = Interval.compared(comparator, value, least) if comparator else Interval.exact(value)
    if question.reading == "power":
        if value > _DOUBLE:
            return "implausible: not an exponent"
        canonical = vocabulary.terminology.units.canonical(question.target) or ""
        return Reading(_power(reported), canonical, reported, unit.ucum, notes=("log10",))
    converted = unit.convert(reported)
    notes = BY_SITE if unit.by_site else NO_NOTES
    return _bounded(Reading(converted, unit.canonical, reported, unit.ucum, notes=notes), question)


def _power(exponent: Interval) -> Interval:
    """10 to the power of every number; what has no lower bound is at least 0."""
    low = ZERO if exponent.low is None else _TEN**exponent.low
    high = None if exponent.high is None else _TEN**exponent.high
    return Interval(low, high, exponent.low_open, exponent.high_open)


def _bounded(found: Reading, question: Question) -> Reading | str:
    """A reading within the question's plausible bounds; a whole number where only that makes sense."""
    number = found.value.number
    if question.whole and number is not None and number != number.to_integral_value():
        return "implausible: not a whole number"
    if question.low is not None and found.value.high is not None and found.value.high < question.low:
        return "implausible: below the scale"
    if question.high is not None and found.value.low is not None and found.value.low > question.high:
        return "implausible: above the scale"
    return found


def score(value: Decimal | None, question: Question) -> Reading | str:
    """A number without unit (valueInteger, an answer) as a reading."""
    if value is None:
        return "no-value"
    if not value.is_finite():
        return "malformed: no number"
    if value and abs(value.adjusted()) > _DOUBLE:
        return MALFORMED_NUMBER
    if value < 0:
        return "implausible: negative"
    exact = Interval.exact(value)
    return _bounded(Reading(exact, "", exact, ""), question)


def limits(raw: Raw, asked: Asked, own: Raw, person: Person, when: When, vocabulary: Vocabulary) -> Limits:
    """Limits of normal that stand beside a value; none when several cannot be told apart.

    A limit without unit has the unit of its value.
    """
    question = asked.question
    if question is None:
        return NO_LIMITS
    ranges = [r for r in read_list(raw, ReferenceRange) if _is_normal(r.type, vocabulary)]
    if len(ranges) > 1:
        ranges = _apart(ranges, person, when, vocabulary)
    quantity = read(own, Quantity) or Quantity()
    found = {_limit(r, quantity, question, vocabulary) for r in ranges}
    return found.pop() if len(found) == 1 else NO_LIMITS


def _is_normal(kind: CodeableConcept | None, vocabulary: Vocabulary) -> bool:
    if kind is None or not kind.coding:
        return True
    systems = vocabulary.terminology.systems
    return any(
        (systems.canonical(c.system or ""), c.code or "") in systems.normal_range for c in kind.coding
    )  # fmt: skip


def _apart(
    ranges: Sequence[ReferenceRange], person: Person, when: When, vocabulary: Vocabulary
) -> list[ReferenceRange]:
    """Those of several ranges that may be for this person."""
    return [r for r in ranges if _for_sex(r, person.sex, vocabulary) and _for_age(r, person.birth, when, vocabulary)]


def _for_sex(found: ReferenceRange, sex: str | None, vocabulary: Vocabulary) -> bool:
    systems = vocabulary.terminology.systems
    codings = [c for concept in found.appliesTo or () for c in concept.coding or ()]
    named = {systems.sexes.get((systems.canonical(c.system or ""), c.code or "")) for c in codings} - {None}
    return not named or sex is None or sex in named


def _for_age(found: ReferenceRange, birth: When | None, when: When, vocabulary: Vocabulary) -> bool:
    """Whether the person may be as old as the range says, both ages included, in completed units."""
    if found.age is None or birth is None:
        return True
    reached = _birthday(birth.first, found.age.low, 0, vocabulary)
    passed = _birthday(birth.last, found.age.high, 1, vocabulary)
    return (reached is None or when.last >= reached) and (passed is None or when.first < passed)


def _birthday(birth: int, age: Quantity | None, more: int, vocabulary: Vocabulary) -> int | None:
    """The day on which an age, and so many units more, is reached."""
    if age is None or age.value is None:
        return None
    months, days = vocabulary.terminology.systems.calendar.get((age.code or age.unit or "").strip(), (0, 0))
    units = int(age.value) + more
    return later(birth, months * units, days * units) if months or days else None


def _limit(found: ReferenceRange, own: Quantity, question: Question, vocabulary: Vocabulary) -> Limits:
    low, high = (_one_limit(q, own, question, vocabulary) for q in (found.low, found.high))
    return NO_LIMITS if low is not None and high is not None and low > high else Limits(low, high)


def _one_limit(limit: Quantity | None, own: Quantity, question: Question, vocabulary: Vocabulary) -> Decimal | None:
    if limit is None or limit.value is None:
        return None
    if not (limit.unit or limit.code):
        limit = Quantity(limit.value, None, own.unit, own.system, own.code)
    found = quantified(Quantity(limit.value, None, limit.unit, limit.system, limit.code), question, vocabulary)
    return None if isinstance(found, str) else found.value.number
