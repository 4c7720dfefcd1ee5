"""HealthChain's way to a CDS Hooks service that answers patient-view with one static card: a yardstick of the bench.

Run by uvicorn in an environment of its own, `uvicorn --app-dir tests/bench/peers healthchain_service:app`. It is
written as HealthChain's own guide writes one; of the prefetch it reads what the library itself reads, and no more.
"""

from __future__ import annotations

from healthchain.gateway import CDSHooksService, HealthChainAPI  # type: ignore[import-not-found]
from healthchain.models import CDSRequest, CDSResponse  # type: ignore[import-not-found]
from healthchain.models.responses.cdsresponse import Card, Source  # type: ignore[import-not-found]

app = HealthChainAPI(title="A static card")
service = CDSHooksService()


@service.hook("patient-view", id="static-card")  # type: ignore[untyped-decorator]
def patient_view(request: CDSRequest) -> CDSResponse:
    """The card that is always the same."""
    card = Card(
        summary="HCC, before treatment: nothing to report",
        indicator="info",
        source=Source(label="A static card"),
        detail="This card says the same of every patient.",
    )
    return CDSResponse(cards=[card])


app.register_service(service, path="/cds")
