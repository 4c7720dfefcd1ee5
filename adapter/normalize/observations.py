"""Observations: laboratory values, scores, words and presence, each with its time."""

from __future__ import annotations

import math
from collections.abc import Callable

from adapter.normalize import answers
from adapter.normalize.adverse_events import read_event
from adapter.normalize.amounts import score, undetected
from adapter.normalize.answers import (
    ABSENT,
    MALFORMED,
    NO_VALUE,
    PRESENT,
    above_own_limit,
    interpreted,
    normal_limits,
    number,
)
from adapter.normalize.chart import Chart, Rejection
from adapter.normalize.desk import Desk, Place, Valued, modified
from adapter.normalize.lesions import read_lesion
from adapter.normalize.times import moment, timing, within
from adapter.normalize.vocabulary import NO_LIMITS, Asked, Limits, Reading
from adapter.resources.clinical import Observation
from adapter.resources.datatypes import ABSENT as ABSENT_RAW
from adapter.resources.datatypes import Component
from adapter.resources.repair import MALFORMED_NUMBER, given, outsized, read_list
from adapter.terminology import CONFLICT, UNKNOWN
from adapter.timeline.events import Coded, Measurement
from adapter.values import When
from adapter.values.truth import MET
from adapter.values.truth import UNKNOWN as UNDECIDED


def read_observation(o: Observation, source: str, chart: Chart, desk: Desk) -> None:
    """Put an Observation, and the components that are facts of their own, on the chart."""
    asked = desk.vocabulary.known.get(bytes(o.code)) or desk.vocabulary.asked(o.code)
    put = _USUAL.get(asked.reading)
    if (
        put is None
        or o.effectiveDateTime is None
        or o.component is not ABSENT_RAW
        or o.contained is not ABSENT_RAW
        or o.modifierExtension is not ABSENT_RAW
        or o.dataAbsentReason is not ABSENT_RAW
        or o.valueString is not None
        or o.valueBoolean is not None
        or desk.observation_statuses.get(o.status) != "used"  # type: ignore[arg-type]  # None is no key, which is meant
    ):
        return _read_any(o, source, asked, chart, desk)
    when = desk.moments.known.get(o.effectiveDateTime) or desk.moments.of(o.effectiveDateTime)
    if when is None or not put(o, source, asked, when, chart):
        return _read_any(o, source, asked, chart, desk)
    return None


def _usual_amount(o: Observation, source: str, asked: Asked, when: When, chart: Chart) -> bool:
    """The usual laboratory value, all of whose parts were met before; False when anything is out of the usual."""
    if o.valueCodeableConcept is not ABSENT_RAW or o.valueInteger is not None or asked.concept in _DERIVED:
        return False
    if o.interpretation != asked.silent and not asked.answers_nothing(o.interpretation):
        return False
    found = asked.values.get(bytes(o.valueQuantity))
    last, bounds = asked.bounded
    if o.referenceRange != last:
        bounds = asked.limits_met(o.referenceRange)
    if not isinstance(found, Reading) or bounds is None:
        return False
    chart.events.append(
        Measurement(
            source, asked.concept, when, found.value, found.unit, found.reported, found.reported_unit,
            bounds.low, bounds.high, found.detected, False, found.notes,
        )
    )  # fmt: skip
    return True


def _usual_score(o: Observation, source: str, asked: Asked, when: When, chart: Chart) -> bool:
    """The usual score: a whole number and nothing beside it."""
    if (
        o.valueInteger is None
        or o.valueQuantity is not ABSENT_RAW
        or o.valueCodeableConcept is not ABSENT_RAW
        or o.referenceRange is not ABSENT_RAW
    ):
        return False
    found = score(o.valueInteger, asked.question)  # type: ignore[arg-type]  # a score is asked for
    if isinstance(found, str):
        return False
    chart.events.append(
        Measurement(source, asked.concept, when, found.value, "", found.reported, "", notes=asked.notes)
    )
    return True


def _usual_word(o: Observation, source: str, asked: Asked, when: When, chart: Chart) -> bool:
    """The usual coded answer: one that was met before, and nothing beside it."""
    if (
        o.interpretation is not ABSENT_RAW
        or o.valueQuantity is not ABSENT_RAW
        or o.valueInteger is not None
        or o.referenceRange is not ABSENT_RAW
    ):
        return False
    word = asked.words.get(bytes(o.valueCodeableConcept))
    if word is None or word in _NO_WORDS:
        return False
    chart.events.append(Coded(source, asked.concept, when, word, False, asked.notes))
    return True


_USUAL: dict[str, Callable[[Observation, str, Asked, When, Chart], bool]] = {
    "amount": _usual_amount,
    "score": _usual_score,
    "presence": _usual_word,
    "serology": _usual_word,
    "word": _usual_word,
}
_NO_WORDS = (CONFLICT, MALFORMED, answers.CONTRADICTORY)


def _read_any(o: Observation, source: str, asked: Asked, chart: Chart, desk: Desk) -> None:
    """Any Observation, step by step."""
    if _outsized(o, asked):
        return desk.reject(chart, source, asked.translation.concepts, None, MALFORMED_NUMBER, "Observation")
    counts = desk.observation_statuses.get(o.status or "")
    if counts is None:
        return desk.reject(
            chart, source, asked.translation.concepts, None, "malformed: no known status", "Observation.status"
        )
    if counts == "no":
        chart.ignored.add(source)
        return None
    if asked.question is None and not (o.component and asked.translation.reason == UNKNOWN):
        return desk.unnamed(chart, source, asked, effective(o, desk)[0], "Observation.code")
    when, notes = effective(o, desk)
    if o.modifierExtension and modified(o.modifierExtension):
        return desk.reject(chart, source, _concepts(asked), when, "modifier-extension", "Observation.modifierExtension")
    if asked.question is None:
        return _panel(o, asked, source, when, notes, counts, chart, desk)
    if when is None:
        return desk.reject(chart, source, _concepts(asked), None, "no-time", "Observation.effective[x]")
    place = Place(source, when, counts == "preliminary", notes, "Observation")
    before = len(chart.events)
    if answers.several_values(o):
        rejection: Rejection | None = Rejection(answers.SEVERAL, "Observation.value[x]")
    else:
        rejection = _READERS[asked.reading](o, asked, place, chart, desk)
    if o.component and asked.reading not in ("lesion", "event"):
        _components(o, place, chart, desk)
    if rejection is not None:
        if rejection.reason == NO_VALUE and (len(chart.events) > before or given(o.hasMember)):
            if len(chart.events) == before:
                chart.ignored.add(source)
            return None
        desk.reject(chart, source, _concepts(asked), when, rejection.reason, rejection.path)
    return None


def _outsized(o: Observation, asked: Asked) -> bool:
    """Whether any number of it is beyond a double; what was met before is not."""
    if o.valueInteger is not None and math.isinf(o.valueInteger):
        return True
    known = o.valueQuantity is ABSENT_RAW or bytes(o.valueQuantity) in asked.values
    ranged = o.referenceRange is not ABSENT_RAW and bytes(o.referenceRange) not in asked.ranges
    return (
        (not known and outsized(o.valueQuantity))
        or (ranged and outsized(o.referenceRange))
        or (o.component is not ABSENT_RAW and outsized(o.component))
        or (o.contained is not ABSENT_RAW and outsized(o.contained))
    )


def effective(o: Observation, desk: Desk) -> tuple[When | None, tuple[str, ...]]:
    """The time of an Observation, with a note where `issued` had to stand in."""
    if o.effectiveDateTime:
        return desk.moments.of(o.effectiveDateTime), ()
    when = moment(o.effectiveInstant, desk.zone) or within(o.effectivePeriod, desk.zone)
    if when is None and o.effectiveTiming:
        when = timing(o.effectiveTiming, desk.zone, desk.calendar)[0]
    if when is None and "use-issued" in desk.options and o.issued:
        return moment(o.issued, desk.zone), ("use-issued",)
    return when, ()


def _concepts(asked: Asked) -> frozenset[str]:
    """What the Observation is about: the concept asked for, and the one that the fact would have had."""
    concepts = asked.translation.concepts
    return concepts if not asked.concept or asked.concept in concepts else concepts | {asked.concept}


def _panel(
    o: Observation,
    asked: Asked,
    source: str,
    when: When | None,
    notes: tuple[str, ...],
    counts: str,
    chart: Chart,
    desk: Desk,
) -> None:
    """An Observation whose code is unknown: only its components may say something."""
    known = any(desk.vocabulary.asked(c.code).reading not in ("", "part") for c in read_list(o.component, Component))
    if not known:
        return desk.unnamed(chart, source, asked, when, "Observation.code")
    if when is None:
        about = frozenset().union(
            *(desk.vocabulary.asked(c.code).translation.concepts for c in read_list(o.component, Component))
        )
        return desk.reject(chart, source, about, None, "no-time", "Observation.effective[x]")
    _components(o, Place(source, when, counts == "preliminary", notes, "Observation"), chart, desk)
    return None


def _components(o: Observation, place: Place, chart: Chart, desk: Desk) -> None:
    """Components that are facts of their own."""
    for index, component in enumerate(read_list(o.component, Component)):
        asked = desk.vocabulary.asked(component.code)
        if asked.reading in ("", "part", "lesion", "event", "panel"):
            continue
        path = f"Observation.component[{index}]"
        own = Place(place.source, place.when, place.preliminary, place.notes, path)
        if component.modifierExtension and modified(component.modifierExtension):
            rejection: Rejection | None = Rejection("modifier-extension", path)
        elif answers.several_values(component):
            rejection = Rejection(answers.SEVERAL, path)
        else:
            rejection = _READERS[asked.reading](component, asked, own, chart, desk)
        if rejection is not None:
            desk.reject(chart, place.source, _concepts(asked), place.when, rejection.reason, path)


def _read_amount(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    found = number(o, asked, desk)
    if isinstance(found, str):
        element = "valueQuantity" if o.valueQuantity else "value[x]"
        return Rejection(found, f"{place.path}.{element}")
    detected = found.detected
    if o.interpretation and detected is None:
        word = interpreted(o.interpretation, asked, desk)
        if word == "not-detected":
            if found.value.above(0) is MET:
                return Rejection(answers.CONTRADICTORY, place.path)
            found, detected = undetected(asked.question, desk.vocabulary), False  # type: ignore[arg-type]  # an amount is asked for
        elif word == "detected":
            detected = True
    bounds = normal_limits(o, asked, place, chart, desk) if o.referenceRange else NO_LIMITS
    chart.events.append(
        Measurement(
            place.source,
            asked.concept,
            place.when,
            found.value,
            found.unit,
            found.reported,
            found.reported_unit,
            bounds.low,
            bounds.high,
            detected,
            place.preliminary,
            place.notes + found.notes,
        )
    )
    derived = _DERIVED.get(asked.concept)
    if derived is not None:
        word = serology_of(o, found, bounds, asked, desk)
        if word is not None:
            chart.events.append(
                Coded(place.source, derived, place.when, word, place.preliminary, (*place.notes, "by-quantity"))
            )
    return None


def serology_of(o: Valued, found: Reading, bounds: Limits, asked: Asked, desk: Desk) -> str | None:
    """Presence that a quantity shows: above its own limit, or as the laboratory interprets it."""
    if bounds.high is not None:
        above = found.value.above(bounds.high)
        if above is not UNDECIDED:
            return PRESENT if above is MET else ABSENT
    return ABSENT if found.detected is False else None


_DERIVED = {"hbsag_quant": "hbsag"}


def _read_score(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    found = answers.scored(o, asked, desk)
    if isinstance(found, str):
        return Rejection(found, f"{place.path}.value[x]")
    notes = place.notes + asked.notes
    chart.events.append(
        Measurement(
            place.source,
            asked.concept,
            place.when,
            found.value,
            "",
            found.reported,
            "",
            preliminary=place.preliminary,
            notes=notes,
        )
    )
    return None


def _read_presence(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    word = answers.presence(o, asked, desk)
    return _put_word(word, asked, place, chart)


def _read_serology(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    word = answers.presence(o, asked, desk)
    if word is None and o.interpretation and not given(o.dataAbsentReason):
        word = interpreted(o.interpretation, asked, desk)
    if word is None and o.valueQuantity and not given(o.dataAbsentReason):
        word = above_own_limit(o)
    return _put_word(word, asked, place, chart)


def _read_word(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    return _put_word(answers.word(o, asked, desk), asked, place, chart)


def _read_response(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    """A response whose method says by which criteria."""
    word = answers.word(o, asked, desk)
    method = desk.vocabulary.named("method", o.method).concept if isinstance(o, Observation) and o.method else None
    concept = _BY_METHOD.get(method or "", asked.concept)
    return _put_word(word, asked, place, chart, concept)


_BY_METHOD = {"response_method_mrecist": "response_mrecist", "response_method_recist": "response_recist"}


def _put_word(
    word: str | None, asked: Asked, place: Place, chart: Chart, concept: str | None = None
) -> Rejection | None:
    if word is None or word in _NO_WORDS:
        return Rejection(word or NO_VALUE, f"{place.path}.value[x]")
    notes = place.notes + asked.notes
    chart.events.append(Coded(place.source, concept or asked.concept, place.when, word, place.preliminary, notes))
    return None


def _read_panel(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    return Rejection(NO_VALUE, f"{place.path}.component")


def _read_part(o: Valued, asked: Asked, place: Place, chart: Chart, desk: Desk) -> Rejection | None:
    return Rejection("no-value: a part that stands alone", place.path)


_READERS: dict[str, Callable[[Valued, Asked, Place, Chart, Desk], Rejection | None]] = {
    "amount": _read_amount,
    "power": _read_amount,
    "score": _read_score,
    "presence": _read_presence,
    "serology": _read_serology,
    "word": _read_word,
    "response": _read_response,
    "panel": _read_panel,
    "part": _read_part,
    "lesion": read_lesion,  # type: ignore[dict-item]  # of a whole Observation, which no component is: see `_components`
    "event": read_event,  # type: ignore[dict-item]  # the same
}
