"""Draft orders as a client sends them, and a client that applies a suggestion to them."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from tests.service.conftest import Json, hook_request, patient_id, prefetched

LOCAL = "https://hcc-conversion.org/fhir/CodeSystem/concept"
SELECT, SIGN = "order-select", "order-sign"
PATHS = {hook: f"/cds-services/hcc-conversion-{hook}" for hook in (SELECT, SIGN)}


def drug(concept: str, identity: str = "drug-1", **members: Any) -> Json:
    """A draft MedicationRequest of a drug."""
    coded = {"coding": [{"system": LOCAL, "code": concept}], "text": concept}
    order = {"resourceType": "MedicationRequest", "id": identity, "status": "draft", "intent": "order"}
    return {**order, "medicationCodeableConcept": coded, **members}


def procedure(concept: str, identity: str = "procedure-1", **members: Any) -> Json:
    """A draft ServiceRequest of a procedure."""
    order = {"resourceType": "ServiceRequest", "id": identity, "status": "draft", "intent": "order"}
    return {**order, "code": {"coding": [{"system": LOCAL, "code": concept}]}, **members}


def whole_prefetch(chart: list[Json]) -> Json:
    """The chart as a prefetch, the Medications that orders point to included."""
    found = prefetched(chart)
    drugs = [{"resource": r, "search": {"mode": "include"}} for r in chart if r["resourceType"] == "Medication"]
    for key in ("medicationStatements", "medicationAdministrations", "medicationRequests"):
        if found[key]["entry"] and drugs:
            found[key]["entry"] = [*found[key]["entry"], *drugs]
            break
    return found


def order_request(
    chart: list[Json], orders: list[Json], hook: str = SIGN, selections: list[str] | None = None, **changes: Any
) -> Json:
    """A request of an order hook about these orders; on order-select all are selected unless told."""
    patient = patient_id(chart)
    owned = [{"subject": {"reference": f"Patient/{patient}"}, **order} for order in orders]
    context: Json = {"userId": "Practitioner/example", "patientId": patient}
    context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order} for order in owned]}
    if hook == SELECT:
        named = [f"{o['resourceType']}/{o['id']}" for o in orders if "id" in o]
        context["selections"] = named if selections is None else selections
    return hook_request(chart, **{"hook": hook, "context": context, "prefetch": whole_prefetch(chart), **changes})


def ordered(client: TestClient, request: Json) -> list[Json]:
    """The cards of an order hook's request."""
    answer = client.post(PATHS[request["hook"]], json=request)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["cards"]
    return found


def by_topic(cards: list[Json]) -> dict[str, Json]:
    """The cards by the code of their topic."""
    return {card["source"]["topic"]["code"]: card for card in cards}


def told(cards: list[Json]) -> dict[str, str]:
    """Finding code -> outcome of everything that the cards tell."""
    found = [one for card in cards for one in card.get("extension", {}).get("org.hcc-conversion.findings", [])]
    return {one["code"]: one["outcome"] for one in found}


def apply(suggestion: Json, orders: list[Json]) -> list[Json]:
    """The draft orders after a client has carried out a suggestion: deletes, then creates, then updates."""
    left = list(orders)
    for action in (a for a in suggestion["actions"] if a["type"] == "delete"):
        kept = [o for o in left if f"{o['resourceType']}/{o['id']}" != action["resourceId"]]
        assert len(kept) == len(left) - 1, "nothing to delete"
        left = kept
    for number, action in enumerate(a for a in suggestion["actions"] if a["type"] == "create"):
        left.append({**action["resource"], "id": f"new-{number}"})
    for action in (a for a in suggestion["actions"] if a["type"] == "update"):
        new = action["resource"]
        places = [i for i, o in enumerate(left) if (o["resourceType"], o["id"]) == (new["resourceType"], new["id"])]
        (place,) = places
        left[place] = new
    return left
