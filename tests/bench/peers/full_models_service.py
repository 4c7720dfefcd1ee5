"""A FastAPI service that reads the whole prefetch into the models of fhir.resources and answers with one static card.

A yardstick of the bench, `uvicorn --app-dir tests/bench/peers full_models_service:app`.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

app = FastAPI(title="Full models and a static card")


class Call(BaseModel):
    """A CDS Hooks call."""

    hook: str
    hookInstance: str
    context: dict[str, Any]
    prefetch: dict[str, dict[str, Any]]


class Source(BaseModel):
    """Where a card comes from."""

    label: str


class Card(BaseModel):
    """One card."""

    summary: str
    indicator: str
    source: Source
    detail: str


class Cards(BaseModel):
    """The answer to a call."""

    cards: list[Card]


@app.post("/cds-services/static-card")
async def patient_view(call: Call) -> Cards:
    """The card that is always the same, after every prefetched value was validated as a whole."""
    for value in call.prefetch.values():
        get_fhir_model_class(value["resourceType"]).model_validate(value)
    card = Card(
        summary="HCC, before treatment: nothing to report",
        indicator="info",
        source=Source(label="A static card"),
        detail="This card says the same of every patient.",
    )
    return Cards(cards=[card])
