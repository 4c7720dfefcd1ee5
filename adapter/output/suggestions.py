"""Suggestions on CDS Hooks cards: FHIR actions that remove, move or end a draft order, or create one for what lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from adapter.guideline.model import Finding
from adapter.output.card_rules import INTERVAL, card_rules, intent, missing_tests
from adapter.output.card_words import CardWords
from adapter.output.orders import Order, concerning
from adapter.output.proposed_plan import care_plan_suggestion

Suggestion = dict[str, Any]
Resource = dict[str, Any]
TOO_SHORT = ("violation", "short")
A_DAY = len("2024-05-01")
SERVICE = "ServiceRequest"
DRUG = "MedicationRequest"
OCCURRENCE = ("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming")
_BOUNDS = ("boundsDuration", "boundsRange", "boundsPeriod")
_COUNTS = ("count", "countMax")
Coding = tuple[str, str, str]


class Suggester:
    """Makes the suggestions of one patient's cards; `coding` gives (system, code, display) of a concept.

    `drafted`: concepts that the draft orders hold already.
    """

    def __init__(
        self, patient: str, today: str, words: CardWords, coding: Callable[[str], Coding], drafted: frozenset[str]
    ) -> None:
        self._patient = patient
        self._today = today
        self._words = words
        self._coding = coding
        self._drafted = drafted

    def members(
        self, card: str, findings: Sequence[Finding], orders: Sequence[Order], steps: Sequence[Finding] = ()
    ) -> dict[str, Any]:
        """`suggestions` and `selectionBehavior` of a card (its uuid) with these findings; empty without any.

        `steps` are the next steps, offered together as the activities of a draft CarePlan.
        """
        planned = [care_plan_suggestion(self._patient, steps, self._words, self._window)] if steps else []
        single = [*self._order_changes(findings, orders), *self._creations(findings)]
        made = [*single[: card_rules().suggestions - len(planned)], *planned]
        if not made:
            return {}
        touched = [key.partition("|")[2] for key, _ in made if "|" in key]
        # Several changes of one order exclude each other; with two orders both may have to be changed.
        both = len(touched) > 1 and len(set(touched)) == 1
        suggestions = [{**one, "uuid": str(uuid5(NAMESPACE_URL, f"{card}/{key}"))} for key, one in made]
        return {"suggestions": suggestions, "selectionBehavior": "at-most-one" if both else "any"}

    def _order_changes(self, findings: Sequence[Finding], orders: Sequence[Order]) -> Iterator[tuple[str, Suggestion]]:
        """Later or shorter where a date would settle it, then removal, for each order with an id."""
        for order in orders:
            about = [f for f in findings if order in concerning(f, [order])]
            if order.content is None or not about:
                continue
            for key, change in (("move", self._moved(order, about)), ("end", self._ended(order, about))):
                if change is not None:
                    day, resource = change
                    yield f"{key}|{order.reference}", self._made(key, order, "update", resource=resource, day=day)
            yield f"remove|{order.reference}", self._made("remove", order, "delete", resourceId=order.reference)

    def _made(self, key: str, order: Order, kind: str, day: str = "", **members: object) -> Suggestion:
        name = self._words.order_name(order)
        described = self._words.say(f"{key}-action", name=name, reference=order.reference, day=day)
        action = {"type": kind, "description": described, **members}
        return {"label": self._words.say(key, name=name, day=day), "actions": [action]}

    def _moved(self, order: Order, findings: Sequence[Finding]) -> tuple[str, Resource] | None:
        """The operation on the first day from today that keeps every interval, where only the days since what was
        given lack."""
        if order.content is None or order.content.get("resourceType") != SERVICE:
            return None
        if order.groups.isdisjoint(card_rules().operations) or not all(f.code.startswith(INTERVAL) for f in findings):
            return None
        short = [f for f in findings if f.outcome in TOO_SHORT]
        days = [f.due.preferred or f.due.earliest for f in short if f.due is not None]
        if not days or any(note == "planned" for f in short for note in f.notes):
            return None
        day = max(self._today, *(day for day in days if day is not None))
        kept = {name: value for name, value in order.content.items() if name not in OCCURRENCE}
        return day, {**kept, "occurrenceDateTime": day}

    def _ended(self, order: Order, findings: Sequence[Finding]) -> tuple[str, Resource] | None:
        """An oral drug up to the last day that keeps the interval, where that day is still to come."""
        if order.content is None or order.content.get("resourceType") != DRUG or "oral" not in order.groups:
            return None
        short = [f for f in findings if f.code.startswith(INTERVAL) and "planned" in f.notes]
        days = [day for f in short if (day := self._last_day(f)) is not None]
        if not days or min(days) < self._today:
            return None
        day = min(days)
        dosages = order.content.get("dosageInstruction")
        listed = [d for d in dosages if isinstance(d, dict)] if isinstance(dosages, list) else []
        ended = [_bounded(dosage, day) for dosage in listed or [{}]]
        if any(_start(dosage) > day for dosage in ended):
            return None
        return day, {**order.content, "dosageInstruction": ended}

    def _last_day(self, finding: Finding) -> str | None:
        """The last day with the preferred interval; with the least one where that has passed and less is planned."""
        last = finding.params.get("last_permitted")
        if not last or finding.due is None or not finding.due.earliest:
            return None
        preferred = date.fromisoformat(finding.due.preferred or finding.due.earliest)
        longer: timedelta = preferred - date.fromisoformat(finding.due.earliest)
        early = (date.fromisoformat(str(last)) - longer).isoformat()
        return early if early >= self._today else str(last) if finding.outcome == TOO_SHORT[0] else None

    def _creations(self, findings: Sequence[Finding]) -> Iterator[tuple[str, Suggestion]]:
        """One suggestion a finding: what is missing for it, or what it asks for."""
        done: set[str] = set()
        for finding in findings:
            concepts = [c for c in missing_tests(finding) if c not in self._drafted and c not in done]
            done.update(concepts)
            if not concepts:
                continue
            key = f"create-{intent(finding)}"
            names = self._words.say(key, names=self._words.several(concepts))
            yield f"create {finding.code}", {"label": names, "actions": [self._create(c, finding) for c in concepts]}

    def _create(self, concept: str, finding: Finding) -> dict[str, Any]:
        wanted, name = intent(finding), self._words.test(concept)
        system, code, display = self._coding(concept)
        coding = {"system": system, "code": code, **({"display": display} if display else {})}
        window = self._window(finding)
        resource = {
            "resourceType": SERVICE,
            "status": "draft",
            "intent": wanted,
            "code": {"coding": [coding], "text": name},
            "subject": {"reference": self._patient},
            **({"occurrencePeriod": window} if window else {}),
            "reasonCode": [{"text": self._words.summary(finding)}],
        }
        described = self._words.say(f"create-{wanted}-action", name=name)
        return {"type": "create", "description": described, "resource": resource}

    def _window(self, finding: Finding) -> Mapping[str, str]:
        """From when to when, as far as these days are not over."""
        due = finding.due
        if due is None or not due.earliest:
            return {}
        start = max(due.earliest, self._today)
        return {"start": start, "end": due.latest} if due.latest and due.latest >= start else {"start": start}


def _bounded(dosage: Mapping[str, Any], day: str) -> Resource:
    """A dosage that ends on a day."""
    timing = dosage.get("timing")
    timing = timing if isinstance(timing, dict) else {}
    repeat = timing.get("repeat")
    repeat = repeat if isinstance(repeat, dict) else {}
    period = repeat.get("boundsPeriod")
    bounds = {**(period if isinstance(period, dict) else {}), "end": day}
    kept = {name: value for name, value in repeat.items() if name not in (*_BOUNDS, *_COUNTS)}
    return {**dosage, "timing": {**timing, "repeat": {**kept, "boundsPeriod": bounds}}}


def _start(dosage: Mapping[str, Any]) -> str:
    return str(dosage["timing"]["repeat"]["boundsPeriod"].get("start", ""))[:A_DAY]
