"""Draft orders that name their patient oddly or not at all, and drafts that share an id: each of them is judged."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import Json, patient_id
from tests.service.ordering import SELECT, SIGN, by_topic, drug, order_request, ordered, procedure, told

Charts = dict[str, list[Json]]
TACE, LATE = "syn-16-tace-with-thrombus", "syn-05-bevacizumab-too-late"
EHR = "https://ehr.example.org/fhir"
ODD: list[Any] = [
    *(None, "", [], {}, {"display": "Mrs X"}, {"identifier": {"system": "urn:oid:1.2", "value": "1"}}),
    *({"type": "Patient"}, {"reference": ""}, {"reference": " "}),
]


@pytest.mark.parametrize("subject", ODD, ids=str)
def test_an_order_without_a_patient_that_can_be_looked_up_is_judged(
    client: TestClient, charts: Charts, subject: Any
) -> None:
    plain = ordered(client, order_request(charts[LATE], [drug("bevacizumab")]))
    assert told(plain)["interval.bevacizumab"] == "violation"
    odd = ordered(client, order_request(charts[LATE], [{**drug("bevacizumab"), "subject": subject}]))
    assert (told(odd), [card["summary"] for card in odd]) == (told(plain), [card["summary"] for card in plain])


def test_an_order_without_a_subject_is_judged(client: TestClient, charts: Charts) -> None:
    request = order_request(charts[TACE], [procedure("tace")])
    del request["context"]["draftOrders"]["entry"][0]["resource"]["subject"]
    assert told(ordered(client, request))["local.tace-portal-vein"] == "caution"


@pytest.mark.parametrize("server", [None, EHR, f"{EHR}/"])
@pytest.mark.parametrize("base", [EHR, "http://EHR.example.org/fhir", "https://ehr.example.org:443/fhir/"])
@pytest.mark.parametrize("version", ["", "/_history/2"])
def test_an_order_for_the_whole_address_of_the_patient_is_judged(
    client: TestClient, charts: Charts, server: str | None, base: str, version: str
) -> None:
    chart = charts[TACE]
    order = {**procedure("tace"), "subject": {"reference": f"{base}/Patient/{patient_id(chart)}{version}"}}
    found = ordered(client, order_request(chart, [order], fhirServer=server))
    assert told(found)["local.tace-portal-vein"] == "caution"


@pytest.mark.parametrize("subject", ["urn:uuid:6b1f1d1e-0000-4000-8000-000000000001", "#p", "Patient/?identifier=x"])
def test_an_order_whose_patient_nobody_can_look_up_is_said(client: TestClient, charts: Charts, subject: str) -> None:
    order = {**procedure("tace"), "subject": {"reference": subject}}
    found = by_topic(ordered(client, order_request(charts[TACE], [order])))
    assert "ServiceRequest/procedure-1: cannot be read" in found["orders"]["detail"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("selection", ["MedicationRequest/x", f"{EHR}/MedicationRequest/x"])
def test_a_selection_selects_every_draft_of_its_id(
    client: TestClient, charts: Charts, first: bool, selection: str
) -> None:
    both = [drug("bevacizumab", "x"), drug("lenvatinib", "x")]
    orders = [*(both if first else both[::-1]), procedure("tace", "other")]
    selected = told(ordered(client, order_request(charts[LATE], orders, SELECT, [selection])))
    assert {"interval.bevacizumab", "interval.tki"} <= set(selected)
    signed = told(ordered(client, order_request(charts[LATE], both, SIGN)))
    assert {code: selected[code] for code in signed if code in selected} == signed


def test_a_selection_of_another_id_selects_none_of_two_drafts_of_one(client: TestClient, charts: Charts) -> None:
    orders = [drug("bevacizumab", "x"), drug("lenvatinib", "x"), drug("entecavir", "y")]
    found = told(ordered(client, order_request(charts[LATE], orders, SELECT, ["MedicationRequest/y"])))
    assert not {"interval.bevacizumab", "interval.tki"} & set(found)
