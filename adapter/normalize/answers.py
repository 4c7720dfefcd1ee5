"""What the value of an Observation or component says under its question: a number, a word, presence."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from msgspec import Raw
from msgspec.structs import replace

from adapter.normalize.amounts import (
    amount,
    detected_amount,
    limits,
    score,
    text_amount,
    undetected,
)
from adapter.normalize.chart import Chart
from adapter.normalize.desk import Desk, Place, Valued
from adapter.normalize.vocabulary import UNMET, Asked, Limits, Reading, keep
from adapter.resources.datatypes import CodeableConcept, Quantity, ReferenceRange
from adapter.resources.repair import given, read, read_list
from adapter.terminology import CONFLICT

PRESENT, ABSENT = "present", "absent"
NO_VALUE = "no-value"
CONTRADICTORY = "implausible: the value and its interpretation contradict each other"
SEVERAL = "malformed: more than one value[x]"
MALFORMED = "malformed: no CodeableConcept"


def several_values(o: Valued) -> bool:
    """Whether more than one value[x] stands there: nobody can tell which is meant."""
    return (
        bool(o.valueCodeableConcept)
        + bool(o.valueQuantity)
        + (o.valueString is not None)
        + (o.valueInteger is not None)
        + (o.valueBoolean is not None)
    ) > 1


def number(o: Valued, asked: Asked, desk: Desk) -> Reading | str:
    """The number of an Observation; remembered by the bytes of its Quantity."""
    if o.dataAbsentReason and given(o.dataAbsentReason):
        return NO_VALUE
    question = asked.question
    assert question is not None
    if o.valueQuantity:
        key = bytes(o.valueQuantity)
        known = asked.values.get(key)
        if known is None:
            known = amount(o.valueQuantity, question, desk.vocabulary)
            if asked.notes and isinstance(known, Reading):
                known = replace(known, notes=asked.notes + known.notes)
            keep(asked.values, key, known)
        return known
    if o.valueString is not None:
        return text_amount(o.valueString, question, desk.vocabulary)
    if o.valueInteger is not None:
        return _unitless(o.valueInteger, asked, desk)
    if o.valueCodeableConcept:
        word = desk.vocabulary.words(question, read(o.valueCodeableConcept, CodeableConcept))
        if word == "not-detected":
            return undetected(question, desk.vocabulary)
        return detected_amount(question, desk.vocabulary) if word == "detected" else NO_VALUE
    return NO_VALUE


def _unitless(value: Decimal, asked: Asked, desk: Desk) -> Reading | str:
    """A number that came without a Quantity, so without a unit."""
    assert asked.question is not None
    return text_amount(format(value, "f"), asked.question, desk.vocabulary)


def normal_limits(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Limits:
    """The limits beside a value; remembered by the bytes of the range, and by the value's unit where that counts."""
    known = asked.ranges.get(bytes(o.referenceRange))
    if known is not None:
        return known
    ranges = read_list(o.referenceRange, ReferenceRange)
    key = bytes(o.referenceRange)
    if not all(_has_unit(r.low) and _has_unit(r.high) for r in ranges):
        own = read(o.valueQuantity, Quantity) or Quantity()
        key += repr((own.unit, own.system, own.code)).encode()
    known = asked.ranges.get(key)
    if known is not None:
        return known
    found = limits(o.referenceRange, asked, o.valueQuantity, chart.person, place.when, desk.vocabulary)
    if len(ranges) < 2:  # several are told apart by the person
        keep(asked.ranges, key, found)
    return found


def _has_unit(limit: Quantity | None) -> bool:
    """Whether a limit rests on no unit but its own."""
    return limit is None or limit.value is None or bool(limit.unit or limit.code)


def interpreted(raw: Raw, asked: Asked, desk: Desk) -> str | None:
    """What the interpretation answers, under the question's own answers."""
    key = bytes(raw)
    known = asked.interpreted.get(key, UNMET)
    if known is not UNMET:
        return known
    question = asked.question
    assert question is not None
    words = {desk.vocabulary.words(question, c) for c in read_list(raw, CodeableConcept)} - {None}
    found = words.pop() if len(words) == 1 else None
    keep(asked.interpreted, key, found)
    return found


def scored(o: Valued, asked: Asked, desk: Desk) -> Reading | str:
    if o.dataAbsentReason and given(o.dataAbsentReason):
        return NO_VALUE
    question = asked.question
    assert question is not None
    if o.valueInteger is not None:
        return score(o.valueInteger, question)
    if o.valueQuantity:
        return number(o, asked, desk)
    if o.valueCodeableConcept:
        word = desk.vocabulary.words(question, read(o.valueCodeableConcept, CodeableConcept))
        return CONFLICT if word == CONFLICT else score(_decimal(word), question)
    return score(_decimal(o.valueString), question)


def _decimal(text: str | None) -> Decimal | None:
    try:
        found = Decimal(text.strip()) if text else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def presence(o: Valued, asked: Asked, desk: Desk) -> str | None:
    """`present`, `absent`, `indeterminate`; None when the value says nothing, a reason when it says two things."""
    if o.dataAbsentReason and given(o.dataAbsentReason):
        return None
    read_as = interpreted(o.interpretation, asked, desk) if o.interpretation else None
    if o.valueBoolean is not None:
        said: str | None = PRESENT if o.valueBoolean else ABSENT
    elif o.valueCodeableConcept:
        said = coded_word(o.valueCodeableConcept, asked, desk)
    elif o.valueString is not None and asked.question is not None:
        said = asked.question.word_of_text(o.valueString)
    else:
        return read_as
    return CONTRADICTORY if read_as is not None and {said, read_as} == {PRESENT, ABSENT} else said


def word(o: Valued, asked: Asked, desk: Desk) -> str | None:
    if o.dataAbsentReason and given(o.dataAbsentReason):
        return None
    if o.valueCodeableConcept:
        return coded_word(o.valueCodeableConcept, asked, desk)
    text = o.valueString if o.valueString is not None else None
    if text is None and o.valueInteger is not None:
        text = format(o.valueInteger, "f")
    return asked.question.word_of_text(text) if text and asked.question else None


def coded_word(raw: Raw, asked: Asked, desk: Desk) -> str | None:
    key = bytes(raw)
    known = asked.words.get(key, UNMET)
    if known is not UNMET:
        return known
    concept = read(raw, CodeableConcept)
    broken = concept is None and given(raw)
    assert asked.question is not None
    found = MALFORMED if broken else desk.vocabulary.words(asked.question, concept)
    keep(asked.words, key, found)
    return found


def above_own_limit(o: Valued) -> str | None:
    """A quantity of a presence test against its own upper limit, when both are in one unit."""
    value, ranges = read(o.valueQuantity, Quantity), read_list(o.referenceRange, ReferenceRange)
    highs = [r.high for r in ranges if r.high is not None and r.high.value is not None]
    if value is None or value.value is None or len(highs) != 1 or value.value < 0 or value.comparator in ("<", "<="):
        return None
    high = highs[0]
    if (high.unit or high.code) and (high.unit, high.code) != (value.unit, value.code):
        return None
    if value.value > high.value:  # type: ignore[operator]  # no None is in `highs`
        return PRESENT
    return None if value.comparator else ABSENT
