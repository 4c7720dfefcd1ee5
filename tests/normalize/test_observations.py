"""Observations become numbers and words, or say why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapter.timeline.events import AdverseEvent, Coded, Measurement
from adapter.values import Interval
from tests.normalize.reading import (
    INTERPRETATION,
    LOINC,
    OWN,
    SNOMED,
    UCUM,
    accounts,
    coded,
    fact,
    facts,
    lab,
    observation,
    only,
    read,
    reasons,
)


def local(key: str, identity: str = "o1", **members: Any) -> dict[str, Any]:
    return observation(coded(OWN, key), identity, **members)


def test_a_value_is_exact_and_canonical_and_keeps_what_was_reported() -> None:
    found = fact(Measurement, lab("1975-2", 1.20, "mg/dL"))
    assert (found.concept, found.unit, found.value.number) == ("bilirubin_total", "umol/L", Decimal("20.52"))
    assert (found.reported_unit, found.reported.number) == ("mg/dL", Decimal("1.2"))


def test_a_reference_range_is_read_in_the_canonical_unit() -> None:
    ranges = [{"low": {"value": 0.2, "unit": "mg/dL"}, "high": {"value": 1.2, "unit": "mg/dL"}}]
    found = fact(Measurement, lab("1975-2", 1, "mg/dL", referenceRange=ranges))
    assert (found.low, found.high) == (Decimal("3.42"), Decimal("20.52"))


def test_a_limit_without_unit_has_the_unit_of_its_value() -> None:
    ranges = [{"high": {"value": 40}}]
    both = lab("1742-6", 1, "U/L", referenceRange=ranges), lab("1920-8", 1, "U/L", "o2", referenceRange=ranges)
    assert [m.high for m in facts(Measurement, *both)] == [40, 40]


MEANING = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


@pytest.mark.parametrize(
    "range_",
    [
        {"high": {"value": 1.2}},
        {"high": {"value": 1.2}, "type": coded(MEANING, "normal")},
        {"low": {"value": 0.01, "unit": "mg/dL"}, "high": {"value": 1.2}},
        {"high": {"value": 1.2, "extension": [{"url": "unit", "valueCode": "code"}]}},
    ],
    ids=["bare", "with a type", "only the low has a unit", "the words stand elsewhere"],
)
@pytest.mark.parametrize("units", [("mg/dL", "umol/L"), ("umol/L", "mg/dL")])
def test_the_same_range_beside_values_in_two_units_is_read_in_the_unit_of_each(
    range_: dict[str, Any], units: tuple[str, str]
) -> None:
    values = {"mg/dL": 1, "umol/L": 17}
    several = [
        lab("1975-2", values[unit], unit, f"o{number}-{unit[0]}", referenceRange=[range_])
        for number in range(2)
        for unit in units
    ]
    found = {m.source: m.high for m in facts(Measurement, *several)}
    assert len(found) == len(several)
    for source, high in found.items():
        assert high == (Decimal("20.52") if source.endswith("m") else Decimal("1.2")), found


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", "sNaN", "inf"])
def test_a_text_that_stands_for_no_number_is_no_value(value: str) -> None:
    quantity = {"value": value, "unit": "U/L"}
    assert facts(Measurement, observation(coded(LOINC, "1742-6"), valueQuantity=quantity)) == []


def test_ranges_are_told_apart_by_sex_and_else_not_used() -> None:
    def high(value: int, sex: str) -> dict[str, Any]:
        return {"high": {"value": value}, "appliesTo": [coded("http://hl7.org/fhir/administrative-gender", sex)]}

    told = lab("1742-6", 1, "U/L", referenceRange=[high(50, "male"), high(40, "female")])
    untold = lab("1742-6", 1, "U/L", referenceRange=[{"high": {"value": 50}}, {"high": {"value": 40}}])
    assert fact(Measurement, told).high == 50
    assert fact(Measurement, untold).high is None


def test_a_range_that_is_not_of_type_normal_is_not_used() -> None:
    meaning = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"
    ranges = [
        {"type": coded(meaning, kind), "high": {"value": high}} for kind, high in (("treatment", 9), ("normal", 40))
    ]
    assert fact(Measurement, lab("1742-6", 1, "U/L", referenceRange=ranges)).high == 40


@pytest.mark.parametrize(
    ("comparator", "value", "expected"),
    [
        ("<", 20, Interval(Decimal(0), Decimal(20), False, True)),
        ("<=", 20, Interval(Decimal(0), Decimal(20))),
        (">", 9, Interval(Decimal(9), None, True, False)),
        (">=", 9, Interval(Decimal(9), None)),
    ],
)
def test_a_comparator_makes_an_interval(comparator: str, value: int, expected: Interval) -> None:
    quantity = {"value": value, "comparator": comparator, "unit": "IU/mL"}
    assert fact(Measurement, lab("42595-9", 0, valueQuantity=quantity)).value == expected


@pytest.mark.parametrize(
    ("loinc", "text", "value", "detected"),
    [
        ("42595-9", "<20 IU/mL", Interval(Decimal(0), Decimal(20), False, True), None),
        ("42595-9", "<20", Interval(Decimal(0), Decimal(20), False, True), None),
        ("42595-9", "TND", Interval.exact(0), False),
        ("42595-9", "未检出", Interval.exact(0), False),
        ("42595-9", "低于检测下限", Interval.exact(0), False),
        ("11011-4", "Not detected", Interval.exact(0), False),
        ("48398-2", "3", Interval.exact(1000), None),
        ("1742-6", "> 40.5 U/L", Interval(Decimal("40.5"), None, True, False), None),
        ("6301-6", "1.1", Interval.exact(Decimal("1.1")), None),
    ],
)
def test_a_text_that_is_wholly_a_quantity_is_one(loinc: str, text: str, value: Interval, detected: bool | None) -> None:
    found = fact(Measurement, observation(coded(LOINC, loinc), valueString=text))
    assert (found.value, found.detected) == (value, detected)


def test_a_logarithm_is_the_amount_of_its_own_concept() -> None:
    found = fact(Measurement, lab("48398-2", 4, "log IU/mL"))
    assert (found.concept, found.unit) == ("hbv_dna", "[IU]/mL")
    assert found.value.number == 10000
    below = {"value": 1, "comparator": "<", "unit": "{log_IU}/mL"}
    assert fact(Measurement, lab("48398-2", 0, valueQuantity=below)).value == Interval(
        Decimal(0), Decimal(10), False, True
    )


@pytest.mark.parametrize(
    ("members", "detected", "number"),
    [
        ({"valueQuantity": {"value": 20, "comparator": "<", "unit": "IU/mL"}}, None, None),
        (
            {
                "valueQuantity": {"value": 20, "comparator": "<", "unit": "IU/mL"},
                "interpretation": [coded(INTERPRETATION, "ND")],
            },
            False,
            0,
        ),
        ({"valueQuantity": None, "valueCodeableConcept": coded(SNOMED, "260415000")}, False, 0),
        ({"valueQuantity": None, "valueCodeableConcept": coded(INTERPRETATION, "DET")}, True, None),
    ],
)
def test_hbv_dna_is_not_detected_only_when_the_laboratory_says_so(
    members: dict[str, Any], detected: bool | None, number: int | None
) -> None:
    found = fact(Measurement, lab("42595-9", 0, **members))
    assert (found.detected, found.value.number) == (detected, number)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"valueCodeableConcept": coded(INTERPRETATION, "POS")}, "present"),
        ({"valueCodeableConcept": coded(SNOMED, "260385009")}, "absent"),
        ({"valueCodeableConcept": coded(LOINC, "LA6576-8")}, "present"),
        ({"valueCodeableConcept": coded(INTERPRETATION, "IND")}, "indeterminate"),
        ({"valueString": "阳性"}, "present"),
        ({"valueString": "Negative"}, "absent"),
        ({"interpretation": [coded(INTERPRETATION, "NEG")]}, "absent"),
        ({"valueQuantity": {"value": 250, "unit": "S/CO"}, "referenceRange": [{"high": {"value": 1}}]}, "present"),
    ],
)
def test_serology_is_present_or_absent_in_every_way_that_it_comes(members: dict[str, Any], word: str) -> None:
    found = fact(Coded, observation(coded(LOINC, "5196-1"), **members))
    assert (found.concept, found.value) == ("hbsag", word)


def test_a_quantity_of_hbsag_above_its_limit_is_positive() -> None:
    found = lab("63557-3", 12, "IU/mL", referenceRange=[{"high": {"value": 0.05}}])
    assert [f.value for f in facts(Coded, found) if f.concept == "hbsag"] == ["present"]
    assert fact(Measurement, found).concept == "hbsag_quant"


@pytest.mark.parametrize(
    ("key", "members", "concept", "word"),
    [
        ("ascites_grade", {"valueCodeableConcept": coded(OWN, "refractory")}, "ascites_grade", "refractory"),
        ("cnlc_stage", {"valueCodeableConcept": {"text": "IIIa"}}, "cnlc_stage", "IIIa"),
        ("cnlc_stage", {"valueString": "iiia"}, "cnlc_stage", "IIIa"),
        ("pvtt_vp_class", {"valueCodeableConcept": coded(OWN, "vp3")}, "pvtt_vp_class", "vp3"),
        ("child_pugh_class", {"valueCodeableConcept": coded(SNOMED, "710066005")}, "child_pugh_class", "B"),
        ("child_pugh_class", {"valueString": "A"}, "child_pugh_class", "A"),
        ("surgically_resectable", {"valueBoolean": False}, "surgically_resectable", "absent"),
        ("cirrhosis", {"valueCodeableConcept": coded(SNOMED, "52101004")}, "cirrhosis", "present"),
        ("progression_site", {"valueCodeableConcept": coded(OWN, "thrombus")}, "progression_site", "thrombus"),
    ],
)
def test_words_are_read_under_their_own_question(key: str, members: dict[str, Any], concept: str, word: str) -> None:
    found = fact(Coded, local(key, **members))
    assert (found.concept, found.value) == (concept, word)


def test_an_answer_of_another_question_is_no_answer() -> None:
    assert reasons(local("pvtt_vp_class", valueCodeableConcept=coded(OWN, "vv1"))) == {"Observation/o1": "no-value"}


def test_two_different_answers_are_a_conflict() -> None:
    both = {"coding": [*coded(OWN, "vp1")["coding"], *coded(OWN, "vp2")["coding"]]}
    assert reasons(local("pvtt_vp_class", valueCodeableConcept=both)) == {"Observation/o1": "code-conflict"}


@pytest.mark.parametrize(
    "members",
    [
        {"valueInteger": 1},
        {"valueInteger": "1"},
        {"valueQuantity": {"value": 1, "unit": "{score}"}},
        {"valueQuantity": {"value": "1"}},
        {"valueCodeableConcept": coded(LOINC, "LA9623-5")},
        {"valueCodeableConcept": coded(SNOMED, "422512005")},
    ],
)
def test_performance_status_is_a_number_in_every_way_that_it_comes(members: dict[str, Any]) -> None:
    found = fact(Measurement, observation(coded(LOINC, "89247-1"), **members))
    assert found.concept == "ecog_ps"
    assert found.value.number == 1


@pytest.mark.parametrize(
    ("method", "concept"),
    [
        (coded(OWN, "response_method_mrecist"), "response_mrecist"),
        (coded("http://dicom.nema.org/resources/ontology/DCM", "112022"), "response_recist"),
        (None, "response_current"),
    ],
)
def test_a_response_has_the_criteria_of_its_method(method: dict[str, Any] | None, concept: str) -> None:
    nci = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
    code = coded("http://dicom.nema.org/resources/ontology/DCM", "112048")
    found = fact(Coded, observation(code, valueCodeableConcept=coded(nci, "C18058"), method=method))
    assert (found.concept, found.value) == (concept, "PR")


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (lab("1742-6", 12), "no-unit"),
        (lab("1742-6", 12, "mg/dL"), "unit"),
        (lab("1742-6", -1, "U/L"), "implausible"),
        (lab("1742-6", 1e200 * 10, "U/L"), ""),
        (observation(coded(LOINC, "1742-6")), "no-value"),
        (observation(coded(LOINC, "1742-6"), valueString="see report"), "no-value"),
        (lab("1742-6", 12, "U/L", dataAbsentReason=coded("x", "error")), "no-value"),
        (lab("1742-6", 12, "U/L", effectiveDateTime=None), "no-time"),
        (lab("1742-6", 12, "U/L", effectiveDateTime="soon"), "no-time"),
        (lab("1742-6", 12, "U/L", effectiveDateTime=None, issued="2024-04-01T00:00:00Z"), "no-time"),
        (lab("1742-6", 12, "U/L", modifierExtension=[{"url": "http://x.example"}]), "modifier-extension"),
        (lab("1742-6", 12, "U/L", status=None), "malformed"),
        (lab("1742-6", 0, valueQuantity="240 U/L"), "malformed"),
        ({**lab("1742-6", 12, "U/L"), "code": "alt"}, "malformed"),
        (observation(coded(LOINC, "5196-1"), valueCodeableConcept="positive"), "malformed"),
        (lab("1742-6", 0, valueQuantity={"value": 1, "comparator": "about", "unit": "U/L"}), "malformed"),
        (observation(coded(LOINC, "1742-6", "1920-8"), valueQuantity={"value": 1, "unit": "U/L"}), "code-conflict"),
        (observation(coded(LOINC, "89247-1"), valueInteger=7), "implausible"),
        (observation(coded(LOINC, "89247-1"), valueQuantity={"value": 1.5}), "implausible"),
    ],
)
def test_what_cannot_be_used_says_why(resource: dict[str, Any], reason: str) -> None:
    assert reasons(resource) == ({"Observation/o1": reason} if reason else {})


def test_what_cannot_be_used_blocks_its_own_concepts() -> None:
    torn = observation(coded(LOINC, "1742-6", "1920-8"), valueQuantity={"value": 1, "unit": "U/L"})
    found = only(read(torn)).timeline.unusable
    assert [(u.concepts, u.when is not None) for u in found] == [(frozenset({"alt", "ast"}), True)]


def test_issued_stands_in_only_where_the_site_chose_so() -> None:
    resource = lab("1742-6", 12, "U/L", effectiveDateTime=None, issued="2024-04-01T00:00:00Z")
    found = fact(Measurement, resource, options=frozenset({"use-issued"}))
    assert (found.when.iso, found.notes) == ("2024-04-01", ("use-issued",))


@pytest.mark.parametrize(
    ("status", "used", "preliminary"),
    [
        ("final", 2, False),
        ("amended", 2, False),
        ("corrected", 2, False),
        ("preliminary", 2, True),
        ("registered", 1, None),
        ("cancelled", 1, None),
        ("entered-in-error", 1, None),
        ("unknown", 1, None),
    ],
)
def test_the_status_decides_whether_a_value_counts(status: str, used: int, preliminary: bool | None) -> None:
    found = accounts(lab("1742-6", 12, "U/L", status=status))
    assert (found.used, found.not_counted) == (used, 2 - used)
    events = facts(Measurement, lab("1742-6", 12, "U/L", status=status))
    assert [e.preliminary for e in events] == ([] if preliminary is None else [preliminary])


def test_components_that_are_facts_are_observations_of_their_own() -> None:
    def part(loinc: str, value: int, **members: Any) -> dict[str, Any]:
        return {"code": coded(LOINC, loinc), "valueQuantity": {"value": value, "unit": "U/L"}, **members}

    parts = [part("1742-6", 31), part("1920-8", 32), part("6768-6", 33, modifierExtension=[{"url": "x"}])]
    panel = observation(coded("http://hospital.example", "LIVER"), component=parts)
    assert {m.concept: m.value.shown() for m in facts(Measurement, panel)} == {"alt": "31", "ast": "32"}
    assert accounts(panel).used == 2
    assert reasons(panel) == {"Observation/o1": "modifier-extension"}


@pytest.mark.parametrize(("code", "reason"), [("99999-9", "unknown")])
def test_an_unknown_code_is_listed_with_its_count(code: str, reason: str) -> None:
    found = accounts(lab(code, 1, "U/L", "o1"), lab(code, 2, "U/L", "o2"))
    assert [(u.code, u.count, u.reason) for u in found.unmapped] == [(code, 2, reason)]
    assert found.unmapped_count == 2


def test_an_adverse_event_has_name_grade_cause_and_end() -> None:
    parts = [
        {"code": coded(OWN, "ctcae_grade"), "valueInteger": 3},
        {"code": coded(OWN, "treatment_related"), "valueBoolean": True},
        {"code": coded(OWN, "resolved"), "valueBoolean": False},
    ]
    period = {"start": "2024-03-01", "end": "2024-03-09"}
    resource = local(
        "adverse_event", valueString="Rash", component=parts, effectiveDateTime=None, effectivePeriod=period
    )
    found = fact(AdverseEvent, resource)
    assert (found.name, found.grade, found.related, found.resolved) == ("Rash", 3, True, False)
    assert (found.when.iso, found.end and found.end.iso) == ("2024-03-01", "2024-03-09")


def test_units_count_as_code_only_in_ucum() -> None:
    quantity = {"value": 1, "unit": "mg/dL", "system": UCUM, "code": "umol/L"}
    assert reasons(lab("1975-2", 0, valueQuantity=quantity)) == {"Observation/o1": "unit"}


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2024", 738886, 739251), ("2024-02", 738917, 738945), ("2024-04-28T23:30:00-05:00", 739005, 739005)],
)
def test_dates_are_as_precise_as_they_were_recorded(text: str, first: int, last: int) -> None:
    when = fact(Measurement, lab("1742-6", 1, "U/L", effectiveDateTime=text)).when
    assert (when.first, when.last) == (first, last)
