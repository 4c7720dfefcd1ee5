"""order-select and order-sign: draft orders judged as plans, and what could not be judged said."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import AS_OF, Json, hook_request, patient_id
from tests.service.ordering import PATHS, SELECT, SIGN, by_topic, drug, order_request, ordered, procedure, told

Charts = dict[str, list[Json]]
SEROLOGY = {"5196-1", "13952-7", "13955-0"}
DNA = "42595-9"
HOOKS = pytest.mark.parametrize("hook", [SELECT, SIGN])


def codes(resource: Json) -> set[str]:
    return {str(coding.get("code")) for coding in resource.get("code", {}).get("coding", [])}


def without(chart: list[Json], wanted: set[str]) -> list[Json]:
    return [r for r in chart if not codes(r) & wanted]


def local(chart: list[Json], concept: str, **value: Any) -> Json:
    """An Observation of one of the project's own concepts, today."""
    coded = {"coding": [{"system": "https://hcc-conversion.org/fhir/CodeSystem/concept", "code": concept}]}
    made = {"resourceType": "Observation", "id": f"t-{concept}", "status": "final", "code": coded}
    return {**made, "subject": {"reference": f"Patient/{patient_id(chart)}"}, "effectiveDateTime": AS_OF, **value}


@HOOKS
def test_an_ici_with_unknown_viral_status_is_a_warning_that_names_the_tests(
    client: TestClient, charts: Charts, hook: str
) -> None:
    chart = without(charts["syn-01-eligible"], SEROLOGY)
    found = by_topic(ordered(client, order_request(chart, [drug("atezolizumab")], hook)))
    card = found["viral.screening"]
    assert card["indicator"] == "warning"
    assert all(name in card["summary"] for name in ("HBsAg", "anti-HBc", "anti-HCV"))


@HOOKS
def test_an_ici_with_hepatitis_b_and_no_viral_load_says_what_could_not_be_decided(
    client: TestClient, charts: Charts, hook: str
) -> None:
    chart = without(charts["syn-08-untreated-hepatitis-b"], {DNA})
    found = ordered(client, order_request(chart, [drug("sintilimab")], hook))
    assert told(found)["viral.hbv-antiviral"] == "missing"
    assert any("HBV DNA" in s["label"] for card in found for s in card.get("suggestions", []))


@HOOKS
def test_an_ici_after_a_stop_value_is_critical(client: TestClient, charts: Charts, hook: str) -> None:
    chart = charts["syn-07-immune-hepatitis"]
    high = {"value": 1200, "unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"}
    alt = {**local(chart, "alt"), "code": {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]}}
    found = ordered(client, order_request([*chart, {**alt, "valueQuantity": high}], [drug("camrelizumab")], hook))
    assert told(found)["toxicity.ici-after-stop"] == "ordered"
    assert found[0]["indicator"] == "critical"


@HOOKS
@pytest.mark.parametrize(("concept", "code"), [("bevacizumab", "interval.bevacizumab"), ("lenvatinib", "interval.tki")])
def test_an_antiangiogenic_drug_inside_the_interval_before_a_planned_hepatectomy_is_told(
    client: TestClient, charts: Charts, hook: str, concept: str, code: str
) -> None:
    found = ordered(client, order_request(charts["syn-05-bevacizumab-too-late"], [drug(concept)], hook))
    assert found[0]["source"]["topic"]["code"] == code
    assert told(found)[code] in ("violation", "short")


@HOOKS
def test_tace_with_vp3_or_vp4_is_a_caution(client: TestClient, charts: Charts, hook: str) -> None:
    found = ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")], hook))
    assert told(found)["local.tace-portal-vein"] == "caution"
    assert found[0]["source"]["topic"]["code"] == "local.tace-portal-vein", "what the order itself decided comes first"


@HOOKS
@pytest.mark.parametrize("date", [{}, {"occurrenceDateTime": "2024-05-02"}])
def test_a_hepatectomy_before_its_intervals_have_passed_is_critical_also_without_a_date(
    client: TestClient, charts: Charts, hook: str, date: Json
) -> None:
    chart = charts["syn-03-partial-response"]
    found = by_topic(ordered(client, order_request(chart, [procedure("hepatectomy", **date)], hook)))
    assert found["interval.tki"]["indicator"] == "critical"
    assert (f"judged as of {AS_OF}" in found["interval.tki"]["detail"]) is (not date)


@HOOKS
def test_a_hepatectomy_under_progression_is_critical(client: TestClient, charts: Charts, hook: str) -> None:
    chart, order = charts["syn-04-progression"], procedure("hepatectomy", occurrenceDateTime="2024-09-02")
    found = by_topic(ordered(client, order_request(chart, [order], hook)))
    assert found["surgery.readiness"]["indicator"] == "critical"
    assert "rogression" in found["surgery.readiness"]["summary"]


@HOOKS
def test_haic_with_child_pugh_c_is_unsuitable(client: TestClient, charts: Charts, hook: str) -> None:
    chart = charts["syn-03-partial-response"]
    worse = [
        local(chart, "child_pugh_class", valueCodeableConcept={"text": "C"}),
        local(chart, "ascites_grade", valueCodeableConcept={"coding": [{**_local("severe")}]}),
        local(chart, "hepatic_encephalopathy_grade", valueInteger=3),
        {**local(chart, "albumin"), **_lab("1751-7", 20, "g/L")},
        {**local(chart, "bilirubin_total"), **_lab("14631-6", 90, "umol/L")},
    ]
    found = ordered(client, order_request([*chart, *worse], [procedure("haic")], hook))
    assert told(found)["local.haic-liver"] == "unsuitable"


def _local(code: str) -> Json:
    return {"system": "https://hcc-conversion.org/fhir/CodeSystem/concept", "code": code}


def _lab(code: str, value: float, unit: str) -> Json:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": quantity}


def test_order_select_tells_only_what_concerns_the_selected_order(client: TestClient, charts: Charts) -> None:
    chart = charts["syn-16-tace-with-thrombus"]
    both = [procedure("tace"), drug("entecavir")]
    tace = ordered(client, order_request(chart, both, SELECT, ["ServiceRequest/procedure-1"]))
    other = ordered(client, order_request(chart, both, SELECT, ["MedicationRequest/drug-1"]))
    assert "local.tace-portal-vein" in told(tace)
    assert "local.tace-portal-vein" not in told(other)
    assert told(ordered(client, order_request(chart, both, SIGN))) == told(tace)


def test_nothing_selected_has_nothing_to_say(client: TestClient, charts: Charts) -> None:
    request = order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")], SELECT, [])
    assert ordered(client, request) == []


def test_a_selection_that_is_not_among_the_orders_is_said(client: TestClient, charts: Charts) -> None:
    request = order_request(charts["syn-01-eligible"], [drug("entecavir")], SELECT, ["MedicationRequest/other"])
    (card,) = ordered(client, request)
    assert card["indicator"] == "info" and "MedicationRequest/other: is selected, but not among" in card["detail"]


def test_orders_that_the_guideline_does_not_speak_of_have_nothing_to_say(client: TestClient, charts: Charts) -> None:
    test = {**procedure("x"), "code": {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]}}
    assert ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [test])) == []
    assert ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [])) == []


def test_an_order_of_a_patient_without_hcc_has_nothing_to_say(client: TestClient) -> None:
    chart: list[Json] = [{"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1980-01-01"}]
    assert ordered(client, order_request(chart, [drug("atezolizumab")])) == []


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"resourceType": "MedicationRequest", "id": "request-123"}, "names no drug"),
        ({"resourceType": "MedicationRequest", "id": "r", "medicationCodeableConcept": {}}, "names no drug"),
        ({"resourceType": "ServiceRequest", "id": "r"}, "names no procedure"),
        (drug("no-such-drug"), "its code is in no table"),
        ({**drug("nivolumab"), "doNotPerform": True}, "does not make it an order"),
        ({**drug("nivolumab"), "status": "cancelled"}, "does not make it an order"),
        (procedure("tace", occurrenceDateTime="2024-01-01"), "its day has passed"),
        ({"resourceType": "Task", "id": "n"}, "not checked"),
        ({"resourceType": "RequestGroup", "id": "n"}, "not checked"),
        (
            {"resourceType": "MedicationRequest", "id": "m", "medicationReference": {"reference": "Medication/gone"}},
            "points to was not given",
        ),
    ],
)
def test_an_order_that_could_not_be_judged_is_said_and_spoils_nothing(
    client: TestClient, charts: Charts, order: Json, reason: str
) -> None:
    chart = charts["syn-16-tace-with-thrombus"]
    judged = procedure("tace", "tace-1")
    found = by_topic(ordered(client, order_request(chart, [order, judged])))
    assert reason in found["orders"]["detail"]
    alone = ordered(client, order_request(chart, [judged]))
    assert {code: card["uuid"] for code, card in found.items() if code != "orders"} == {
        code: card["uuid"] for code, card in by_topic(alone).items() if code != "orders"
    }


@pytest.mark.parametrize("entry", [None, 1, {}, {"resource": None}, {"resource": "x"}, {"resource": {"id": "a"}}])
def test_an_entry_that_is_no_order_is_said(client: TestClient, charts: Charts, entry: Any) -> None:
    request = order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")])
    request["context"]["draftOrders"]["entry"].append(entry)
    found = by_topic(ordered(client, request))
    assert "context.draftOrders.entry\\[1\\]: cannot be read" in found["orders"]["detail"]
    assert "local.tace-portal-vein" in found


def test_the_orders_of_the_public_sandbox_are_read(client: TestClient, charts: Charts) -> None:
    """cds-49: no Bundle.type, category and reasonCode as objects, no intent."""
    odd = {"category": {"coding": [{"code": "outpatient"}]}, "reasonCode": {"coding": [{"code": "x"}], "text": "x"}}
    chart = charts["syn-16-tace-with-thrombus"]
    order = {k: v for k, v in {**procedure("tace"), **odd}.items() if k != "intent"}
    request = order_request(chart, [order], SELECT)
    assert "type" not in request["context"]["draftOrders"]
    assert "local.tace-portal-vein" in told(ordered(client, request))


def test_an_order_without_id_is_judged_and_not_offered_for_change(client: TestClient, charts: Charts) -> None:
    order = {k: v for k, v in procedure("tace").items() if k != "id"}
    found = ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [order]))
    assert "local.tace-portal-vein" in told(found)
    kinds = {a["type"] for card in found for s in card.get("suggestions", []) for a in s["actions"]}
    assert "delete" not in kinds and "update" not in kinds


def test_an_order_written_after_the_frozen_clock_counts(client: TestClient, charts: Charts) -> None:
    order = procedure("tace", authoredOn="2026-11-21T10:00:00Z")
    assert "local.tace-portal-vein" in told(
        ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [order]))
    )


def test_a_signed_order_that_is_signed_again_counts_once(client: TestClient, charts: Charts) -> None:
    chart = charts["syn-05-bevacizumab-too-late"]
    subject = {"reference": f"Patient/{patient_id(chart)}"}
    old = {**drug("bevacizumab", "b1"), "status": "active", "subject": subject}
    new = {**old, "medicationCodeableConcept": drug("entecavir")["medicationCodeableConcept"]}
    found = ordered(client, order_request([*chart, old], [new]))
    assert "interval.bevacizumab" not in told(found)


def test_a_medication_that_is_sent_among_the_orders_is_resolved(client: TestClient, charts: Charts) -> None:
    order = {k: v for k, v in drug("bevacizumab").items() if k != "medicationCodeableConcept"}
    order["medicationReference"] = {"reference": "Medication/m9"}
    request = order_request(charts["syn-05-bevacizumab-too-late"], [order])
    coded = {"resourceType": "Medication", "id": "m9", "code": drug("bevacizumab")["medicationCodeableConcept"]}
    request["context"]["draftOrders"]["entry"].append({"resource": coded})
    found = ordered(client, request)
    assert "interval.bevacizumab" in told(found)
    assert "MedicationRequest/drug-1" in str(found)


def test_an_oral_drug_whose_period_has_begun_is_judged_from_today(client: TestClient, charts: Charts) -> None:
    timing = {"repeat": {"boundsPeriod": {"start": "2024-01-01", "end": "2025-01-01"}}}
    order = drug("lenvatinib", dosageInstruction=[{"timing": timing}])
    assert "interval.tki" in told(ordered(client, order_request(charts["syn-05-bevacizumab-too-late"], [order])))


@pytest.mark.parametrize(
    ("hook", "member", "value"),
    [
        (SELECT, "draftOrders", None),
        (SELECT, "selections", None),
        (SIGN, "draftOrders", None),
        (SIGN, "draftOrders", []),
        (SIGN, "draftOrders", {"resourceType": "Patient"}),
        (SIGN, "draftOrders", {"resourceType": "Bundle", "entry": "x"}),
        (SELECT, "selections", "MedicationRequest/1"),
        (SELECT, "selections", [7]),
        (SIGN, "userId", None),
        (SIGN, "patientId", None),
    ],
)
def test_what_the_hook_requires_is_named_when_it_is_missing_or_wrong(
    client: TestClient, charts: Charts, hook: str, member: str, value: Any
) -> None:
    """cds-10"""
    request = order_request(charts["syn-01-eligible"], [drug("nivolumab")], hook)
    request["context"][member] = value
    if value is None:
        del request["context"][member]
    answer = client.post(PATHS[hook], json=request)
    assert answer.status_code == 400
    assert any(issue["details"]["text"].startswith(f"context.{member}") for issue in answer.json()["issue"])


def test_order_sign_needs_no_selections(client: TestClient, charts: Charts) -> None:
    request = order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")], SIGN)
    assert "selections" not in request["context"]
    assert ordered(client, request)


def test_draft_orders_without_entries_are_no_orders(client: TestClient, charts: Charts) -> None:
    request = order_request(charts["syn-16-tace-with-thrombus"], [])
    bundles: list[Json] = [{"resourceType": "Bundle"}, {"entry": []}, {"resourceType": "Bundle", "entry": []}]
    for bundle in bundles:
        request["context"]["draftOrders"] = bundle
        assert ordered(client, request) == []
    request["context"]["draftOrders"] = {}
    assert client.post(PATHS[SIGN], json=request).status_code == 400


@pytest.mark.parametrize("kind", ["NutritionOrder", "DeviceRequest", "CommunicationRequest", "VisionPrescription"])
def test_an_order_that_can_hold_no_drug_and_no_procedure_raises_no_card(
    client: TestClient, charts: Charts, kind: str
) -> None:
    order = {"resourceType": kind, "id": "n", "status": "draft"}
    assert ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [order])) == []


@pytest.mark.parametrize("intent", ["proposal", "plan", "order", "original-order"])
@pytest.mark.parametrize("status", ["draft", "active", "on-hold", "unknown"])
def test_an_unsigned_order_is_judged_whatever_it_calls_itself(
    client: TestClient, charts: Charts, intent: str, status: str
) -> None:
    order = {**drug("bevacizumab"), "intent": intent, "status": status}
    found = told(ordered(client, order_request(charts["syn-06-ready-for-surgery"], [order])))
    assert "interval.bevacizumab" in found


@pytest.mark.parametrize(("path", "hook"), [(SIGN, SELECT), (SELECT, SIGN), (SIGN, "patient-view")])
def test_another_hook_than_the_services_own_is_refused(
    client: TestClient, charts: Charts, path: str, hook: str
) -> None:
    answer = client.post(PATHS[path], json=hook_request(charts["syn-01-eligible"], hook=hook))
    assert answer.status_code == 400
    assert any(issue["details"]["text"].startswith("hook:") for issue in answer.json()["issue"])


def test_an_order_for_another_patient_is_refused(client: TestClient, charts: Charts) -> None:
    """cds-12"""
    order = {**drug("nivolumab"), "subject": {"reference": "Patient/somebody-else"}}
    answer = client.post(PATHS[SIGN], json=order_request(charts["syn-01-eligible"], [order]))
    assert answer.status_code == 400 and "another patient" in answer.text


def test_without_patient_or_conditions_an_order_is_412(client: TestClient, charts: Charts) -> None:
    """cds-19"""
    request = order_request(charts["syn-01-eligible"], [drug("nivolumab")])
    del request["prefetch"]["conditions"]
    answer = client.post(PATHS[SIGN], json=request)
    assert answer.status_code == 412 and answer.json()["issue"][0]["diagnostics"].startswith("conditions:")


def test_what_was_not_prefetched_is_said_at_an_order(client: TestClient, charts: Charts) -> None:
    """cds-19"""
    request = order_request(charts["syn-16-tace-with-thrombus"], [procedure("tace")])
    del request["prefetch"]["observations"]
    found = by_topic(ordered(client, request))
    assert "- Observation: " in found["orders"]["detail"] and "could not be decided" in str(found).lower()


def test_a_proposal_of_what_the_guideline_does_not_judge_is_not_called_unchecked(
    client: TestClient, charts: Charts
) -> None:
    scan = {**procedure("ct_abdomen_contrast", "ct"), "intent": "proposal"}
    assert ordered(client, order_request(charts["syn-01-eligible"], [scan])) == []
    tace = {**procedure("tace"), "intent": "proposal"}
    assert "local.tace-portal-vein" in told(ordered(client, order_request(charts["syn-16-tace-with-thrombus"], [tace])))


def test_two_orders_with_one_id_are_both_judged(client: TestClient, charts: Charts) -> None:
    chart = charts["syn-16-tace-with-thrombus"]
    found = ordered(client, order_request(chart, [drug("entecavir", "x"), {**procedure("tace", "y")}, drug("x", "x")]))
    assert "local.tace-portal-vein" in told(found)
    assert "MedicationRequest/x-again-2" in by_topic(found)["orders"]["detail"]
    uuids = [one["uuid"] for card in found for one in card.get("suggestions", [])]
    assert len(set(uuids)) == len(uuids)


HOSTILE: list[Any] = [None, 7, "x", "🩺" * 200, [], {}, [None], {"coding": "x"}, {"coding": [1, {"system": 1}]}]
MEMBERS = [
    *("id", "status", "intent", "code", "subject", "occurrenceDateTime", "occurrencePeriod", "medicationReference"),
    *("medicationCodeableConcept", "dosageInstruction", "contained", "authoredOn", "doNotPerform", "meta"),
]


@pytest.mark.parametrize("member", MEMBERS)
def test_no_shape_of_an_order_breaks_the_answer(client: TestClient, charts: Charts, member: str) -> None:
    """cds-3"""
    chart = charts["syn-16-tace-with-thrombus"]
    for value in HOSTILE:
        odd = [{**procedure("hepatectomy", "odd"), member: value}, {**drug("lenvatinib", "odd"), member: value}]
        request = order_request(chart, [procedure("tace", "sound")])
        request["context"]["draftOrders"]["entry"] += [{"resource": one} for one in odd]
        assert "local.tace-portal-vein" in told(ordered(client, request)), value
