"""The draft orders of an order-select or order-sign call: checked, made readable, and judged as plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from adapter.fhir.client import is_id
from adapter.fhir.documents import read_document, shape_of
from adapter.normalize.records import Record
from adapter.output.orders import NO_MATTER, Order, in_scope
from adapter.output.suggestions import OCCURRENCE
from adapter.resources.entries import Entries
from adapter.service.refusals import Refusal
from adapter.service.whose import Whose
from adapter.terminology import Terminology
from adapter.timeline.events import Plan
from adapter.values import AsOf, day_text

Resource = dict[str, Any]
SELECT, SIGN = "order-select", "order-sign"
JUDGED = {"MedicationRequest": ("medicationCodeableConcept", "medicationReference"), "ServiceRequest": ("code",)}
MEDICATION = "Medication"
# Orders that hold no drug and no procedure of the guideline, whatever they say.
ELSEWHERE = frozenset(
    {"CommunicationRequest", "DeviceRequest", "NutritionOrder", "SupplyRequest", "VisionPrescription"}
)
_NAMELESS = {"MedicationRequest": "no-drug", "ServiceRequest": "no-code"}
_OVER = ("cancelled", "completed", "entered-in-error", "revoked", "stopped")
_PLACE = "context.draftOrders"


@dataclass(frozen=True)
class Draft:
    """One entry of draftOrders: `reference` by which it is known here, `sent` as it came, `own_id` when it had one."""

    reference: str
    sent: Resource
    own_id: bool
    unread: str | None = None

    @property
    def sent_as(self) -> str:
        """`Type/id` as the client names it, also where several have one id."""
        identity = self.sent.get("id")
        return f"{self.sent.get('resourceType')}/{identity}" if isinstance(identity, str) else self.reference


@dataclass(frozen=True)
class Drafts:
    """The draft orders of a call; `selections` is None where the hook has none: then every order counts."""

    orders: tuple[Draft, ...] = ()
    medications: tuple[tuple[Any, bytes], ...] = ()
    selections: tuple[str, ...] | None = None

    @property
    def pointing(self) -> tuple[tuple[Any, bytes], ...]:
        """The Medications, and the orders that name a drug or a procedure: each typed and as JSON."""
        return (*self.medications, *(shaped(draft.sent) for draft in self.orders if draft.unread is None))

    @property
    def references(self) -> frozenset[str]:
        """Every order that has an id, as `Type/id`."""
        return frozenset(draft.sent_as for draft in self.orders)


@dataclass(frozen=True)
class Judged:
    """What became of the orders: `selected` those that the call is about, out of `all`."""

    selected: tuple[Order, ...]
    all: tuple[Order, ...]

    @property
    def drafted(self) -> frozenset[str]:
        """The concepts of all orders."""
        return frozenset(order.concept for order in self.all if order.concept is not None)

    @property
    def undated(self) -> frozenset[str]:
        """Orders that were judged as of a day that is not their own."""
        return frozenset(order.reference for order in self.all if order.dated is not None)


def drafts_of(context: Mapping[str, Any], hook: str, faults: list[str]) -> Drafts | None:
    """The draft orders of a hook that has them; what is missing or wrong is added to `faults`."""
    if hook not in (SELECT, SIGN):
        return None
    bundle = context.get("draftOrders")
    entries = (bundle.get("entry") or []) if isinstance(bundle, dict) else None
    if (
        not isinstance(entries, list)
        or not isinstance(bundle, dict)
        or bundle.get("resourceType", "Bundle" if "entry" in bundle else None) != "Bundle"
    ):
        faults.append(f"{_PLACE}: required, a Bundle of the unsigned orders")
        entries = []
    selections = _selections(context, faults) if hook == SELECT else None
    found = [_draft(entry, index) for index, entry in enumerate(entries)]
    medications = tuple(shaped(d.sent) for d in found if d.sent.get("resourceType") == MEDICATION)
    orders = [d for d in found if d.sent.get("resourceType") != MEDICATION]
    return Drafts(tuple(_told_apart(orders)), medications, selections)


def of_this_patient(drafts: Drafts, whose: Whose) -> Drafts:
    """The drafts, those marked whose subject is no patient or cannot be told. Raises Refusal 400 for another's."""
    return replace(drafts, orders=tuple([_of_patient(draft, whose) for draft in drafts.orders]))


def _of_patient(draft: Draft, whose: Whose) -> Draft:
    if not draft.sent:
        return draft
    order = shaped(draft.sent)[0]
    mine = whose.means_this(order)
    if whose.another(order):
        raise Refusal(400, f"{_PLACE}: an order belongs to another patient than context.patientId")
    if draft.unread is not None or mine:
        return draft
    return replace(draft, unread="rejected")


def shaped(sent: Resource) -> tuple[Any, bytes]:
    """A resource typed, with its JSON."""
    text = orjson.dumps(sent)
    return shape_of(text), text


def _told_apart(orders: list[Draft]) -> Iterator[Draft]:
    """The orders, of several with one id the later ones by their place; no action can tell these from each other."""
    times = Counter(draft.reference for draft in orders)
    seen: set[str] = set()
    for index, draft in enumerate(orders):
        named = f"{draft.reference}-again-{index}" if draft.reference in seen else draft.reference
        seen.add(draft.reference)
        yield replace(draft, reference=named, own_id=draft.own_id and times[draft.reference] == 1)


def _selections(context: Mapping[str, Any], faults: list[str]) -> tuple[str, ...]:
    given = context.get("selections")
    if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
        faults.append("context.selections: required, references (Type/id) to orders of draftOrders")
        return ()
    return tuple(given)


def _draft(entry: object, index: int) -> Draft:
    """An entry as an order; one without id gets one from its place."""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Draft(f"{_PLACE}.entry[{index}]", {}, False, "rejected")
    kind, identity = resource["resourceType"], resource.get("id")
    named = isinstance(identity, str) and is_id(identity)
    reference = f"{kind}/{identity}" if named else f"{kind}/draft-order-{index}"
    if kind == MEDICATION:
        return Draft(reference, resource, named)
    if kind not in JUDGED:
        return Draft(reference, resource, named, NO_MATTER if kind in ELSEWHERE else "other-type")
    told = any(_says(resource.get(name)) for name in JUDGED[kind])
    return Draft(reference, resource, named, None if told else _NAMELESS[kind])


def _says(concept: object) -> bool:
    """Whether a CodeableConcept or reference names anything."""
    if not isinstance(concept, dict):
        return False
    codings = concept.get("coding")
    coded = isinstance(codings, list) and any(isinstance(c, dict) and c.get("code") for c in codings)
    return coded or any(isinstance(concept.get(name), str) and concept[name] for name in ("text", "reference"))


def resolved(drafts: Drafts, medications: Collection[str]) -> Drafts:
    """The drafts, those that point to a Medication that nobody gave (by its id) marked: such a drug may be any."""
    orders = (
        replace(d, unread="unresolved") if d.unread is None and not _resolves(d, medications) else d
        for d in drafts.orders
    )
    return replace(drafts, orders=tuple(orders))


def _resolves(draft: Draft, medications: Collection[str]) -> bool:
    pointer = draft.sent.get("medicationReference")
    text = pointer.get("reference") if isinstance(pointer, dict) else None
    if draft.sent.get("medicationCodeableConcept") or "code" in draft.sent or not isinstance(text, str):
        return True
    if text.startswith("#"):
        inner = draft.sent.get("contained")
        return isinstance(inner, list) and any(isinstance(c, dict) and c.get("id") == text[1:] for c in inner)
    return text.partition("/_history/")[0].rpartition("/")[2] in medications


def entries_of(drafts: Drafts, as_of: AsOf, terminology: Terminology) -> Entries:
    """The orders as plans: one without a date of its own is judged as of as-of's day, and all are known now."""
    day = day_text(as_of.day)
    ahead = [draft for draft in drafts.orders if draft.unread is None and draft.sent.get("status") not in _OVER]
    readable = [_plan(draft, day) for draft in ahead if not _test(draft, terminology)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in readable]}
    return read_document(orjson.dumps(bundle), _PLACE).entries


def _plan(draft: Draft, day: str) -> Resource:
    plan = {name: value for name, value in draft.sent.items() if name != "authoredOn"}
    plan["id"] = draft.reference.partition("/")[2]
    plan.pop("subject", None)  # whose it is has been decided: an order of nobody is the only patient's
    plan.update(status="draft", intent="order")  # whatever an unsigned order calls itself, it is about to be one
    if undated(draft):
        plan["occurrenceDateTime"] = day
    dosages = plan.get("dosageInstruction")
    if isinstance(dosages, list):
        plan["dosageInstruction"] = [_ahead(dosage, day) for dosage in dosages]
    return plan


def _ahead(dosage: Any, day: str) -> Any:
    """A dosage whose period began before `day` and is not over begins now: it is not yet signed."""
    timing = _object(dosage, "timing")
    repeat = _object(timing, "repeat")
    period = _object(repeat, "boundsPeriod")
    if not str(period.get("start", "~")) < day <= str(period.get("end", "~")):
        return dosage
    ahead = {name: value for name, value in period.items() if name != "start"}
    kept = {name: value for name, value in repeat.items() if name != "boundsPeriod"}
    return {**dosage, "timing": {**timing, "repeat": {**kept, "boundsPeriod": ahead} if ahead else kept}}


def _object(holder: Any, name: str) -> Resource:
    """A member that is a JSON object; an empty one else."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def undated(draft: Draft) -> bool:
    """Whether a procedure is ordered without a date."""
    return draft.sent.get("resourceType") == "ServiceRequest" and not any(draft.sent.get(n) for n in OCCURRENCE)


def _concept(draft: Draft, terminology: Terminology) -> str | None:
    """What is ordered, whatever it is; None where the codings do not tell."""
    coded = _object(draft.sent, "code") or _object(draft.sent, "medicationCodeableConcept")
    codings = coded.get("coding")
    pairs = (
        [(c.get("system"), c.get("code")) for c in codings if isinstance(c, dict)] if isinstance(codings, list) else []
    )
    told = [(s, c) for s, c in pairs if isinstance(s, str) and isinstance(c, str)]
    return terminology.translate(told).concept if told else None


def _test(draft: Draft, terminology: Terminology) -> bool:
    """Whether no drug and no procedure is ordered (a laboratory test)."""
    concept = _concept(draft, terminology)
    return concept is not None and concept not in terminology.procedures | terminology.drugs


def judged(drafts: Drafts, record: Record, as_of: AsOf, terminology: Terminology) -> Judged:
    """Every order with what was understood of it, and those that the call is about."""
    plans = {event.source: event for event in record.timeline.events if isinstance(event, Plan) and event.draft}
    unknown = {one.source for one in record.chart.unmapped}
    rejected = {one.source for one in record.timeline.unusable}
    made = []
    for draft in drafts.orders:
        source = draft.reference
        why = "unknown" if source in unknown else "rejected" if source in rejected else "not-counted"
        made.append(_order(draft, plans.get(source), why, as_of, terminology))
    named = list(zip(drafts.orders, made, strict=True))
    return Judged(tuple(_selected(drafts.selections, named)), tuple(made))


def _order(draft: Draft, plan: Plan | None, why: str, as_of: AsOf, terminology: Terminology) -> Order:
    content = draft.sent if draft.own_id else None
    if draft.unread is not None:
        return Order(draft.reference, content, unread=draft.unread)
    if plan is None:
        concept = _concept(draft, terminology)
        known = Order(draft.reference, content, concept, terminology.groups(concept) if concept else frozenset())
        return known if concept and not in_scope(known) else Order(draft.reference, content, concept, unread=why)
    if plan.on is not None and plan.on.last < as_of.day:
        return Order(draft.reference, content, plan.what, unread="passed")
    dated = day_text(as_of.day) if undated(draft) else None
    return Order(draft.reference, content, plan.what, plan.groups | {plan.what}, dated=dated)


def _selected(selections: tuple[str, ...] | None, orders: list[tuple[Draft, Order]]) -> Iterator[Order]:
    """The orders that are selected, all of one id; a selection that is not there is told as one not judged."""
    if selections is None:
        yield from (order for _, order in orders)
        return
    for selection in dict.fromkeys(selections):
        matches = [o for d, o in orders if selection == d.sent_as or selection.endswith(f"/{d.sent_as}")]
        yield from matches or [Order(selection, None, unread="not-there")]
